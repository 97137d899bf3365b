/**
 * Owns the requests that `exactSchedule` makes with the real `@aws-sdk/client-scheduler`, answered before they reach the
 * network. A program of its own: the module is loaded as in production, which jest's modules cannot do.
 */

import { SchedulerClient } from "@aws-sdk/client-scheduler";
import { exactSchedule } from "@tidemark/lambda";

/** What the program prints, as JSON. */
export interface ScheduleReport {
  readonly sent: readonly object[];
  /** By the name of the service's error. */
  readonly errors: Readonly<Record<string, { readonly code?: string; readonly message?: string }>>;
}

const ERRORS = [
  "AccessDeniedException",
  "ResourceNotFoundException",
  "ValidationException",
  "ServiceQuotaExceededException",
  "InternalServerException",
  "ConflictException",
  "CredentialsProviderError",
];

const NOW_MS = Date.parse("2026-11-21T12:00:00.000Z");

async function main(): Promise<void> {
  const sent: object[] = [];
  let failure: Error | undefined;
  const client = new SchedulerClient({
    region: "eu-west-1",
    credentials: { accessKeyId: "id", secretAccessKey: "key" },
  });
  client.middlewareStack.add(
    () => async (args) => {
      if (failure !== undefined) throw failure;
      sent.push(args.input);
      return { response: {}, output: { $metadata: {} } };
    },
    { step: "initialize" },
  );
  const schedule = exactSchedule({
    client,
    roleArn: "arn:aws:iam::123456789012:role/wake-up",
    target: (functionName) => `arn:aws:lambda:eu-west-1:123456789012:function:${functionName}`,
    withinMs: 3_600_000,
  });
  const after = (delayMs: number, executionId = "order.one") => ({
    functionName: "order",
    executionId,
    dueAtMs: NOW_MS + delayMs,
    nowMs: NOW_MS,
  });
  await schedule(after(90_001));
  await schedule(after(90_900));
  await schedule(after(90_900, "order.two"));
  await schedule(after(1));
  await schedule(after(3_600_001));
  const errors: Record<string, { code?: string; message?: string }> = {};
  for (const name of ERRORS) {
    failure = Object.assign(new Error("because"), { name });
    const error = await schedule(after(5000)).catch((thrown: unknown) => thrown);
    const { code, message } = Object(error) as { code?: string; message?: string };
    errors[name] = { ...(code === undefined ? {} : { code }), ...(message === undefined ? {} : { message }) };
  }
  const report: ScheduleReport = { sent, errors };
  console.log(JSON.stringify(report));
}

void main();
