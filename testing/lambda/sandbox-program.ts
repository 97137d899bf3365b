/**
 * The process of a sandbox: `sandbox-program <module> <export>`. It does what Lambda's runtime does: it calls the handler
 * for each event with a context, and sends back what it gives.
 */

import { pathToFileURL } from "node:url";

export interface SandboxRequest {
  readonly requestId: string;
  /** JSON. */
  readonly payload: string;
  readonly deadlineMs: number;
}

export interface SandboxReply {
  /** JSON. */
  readonly payload: string;
  readonly hasFailed: boolean;
}

type Handler = (event: unknown, context: object) => unknown;

async function main(modulePath: string, exportName: string): Promise<void> {
  const loaded = (await import(pathToFileURL(modulePath).href)) as Record<string, unknown> & {
    default?: Record<string, unknown>;
  };
  const handler = (loaded[exportName] ?? loaded.default?.[exportName]) as Handler | undefined;
  if (handler === undefined) throw new Error(`${modulePath} has no ${exportName}`);
  process.on("message", (request: SandboxRequest) => {
    call(handler, request).then((reply) => process.send?.(reply, undefined, undefined, () => {}));
  });
  // Whoever started this sandbox is gone.
  process.once("disconnect", () => process.exit());
  process.send?.("ready");
}

async function call(
  handler: Handler,
  { requestId, payload, deadlineMs }: SandboxRequest,
): Promise<SandboxReply> {
  const context = {
    awsRequestId: requestId,
    getRemainingTimeInMillis: () => deadlineMs - Date.now(),
  };
  try {
    const answer = await handler(JSON.parse(payload), context);
    return { payload: JSON.stringify(answer) ?? "null", hasFailed: false };
  } catch (error) {
    const { name, message, stack } = error as Error;
    const trace = (stack ?? "").split("\n");
    return { payload: JSON.stringify({ errorType: name, errorMessage: message, trace }), hasFailed: true };
  }
}

main(process.argv[2] as string, process.argv[3] as string).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
