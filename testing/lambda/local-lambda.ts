/**
 * Owns a local Lambda: functions by name, each with sandboxes of its own, behind the HTTP endpoint of `Invoke`.
 *
 * Cold starts do not count towards the time limit, warm sandboxes are used again, and everything that has been invoked is
 * on record. Each function has a reserved concurrency: synchronous requests beyond it are throttled, asynchronous events
 * wait, and are dropped when they have waited too long. Other than Lambda it does not try failed events again.
 */

import {
  type InvokeEndpoint,
  type InvokeRequest,
  type LocalFunctions,
  Refusal,
  startInvokeEndpoint,
} from "./invoke-endpoint";
import { Sandbox, type SandboxOutcome } from "./sandbox";

export interface LocalFunction {
  readonly exportName: string;
  readonly timeoutMs: number;
  /** Invocations at a time. */
  readonly concurrency: number;
}

export interface LocalLambdaOptions {
  /** See `SandboxOptions`. */
  readonly program: string;
  readonly module: string;
  readonly functions: Readonly<Record<string, LocalFunction>>;
  readonly env: NodeJS.ProcessEnv;
}

/** An invocation that has begun, and how it ended. */
export interface InvocationRecord {
  readonly functionName: string;
  readonly pid: number;
  /** Sandboxes of a function are counted from 1. */
  readonly sandbox: number;
  readonly isColdStart: boolean;
  readonly event: unknown;
  readonly startedMs: number;
  readonly endedMs?: number;
  readonly end?: SandboxOutcome["end"];
  readonly answer?: unknown;
}

/** How long an accepted event may wait for a sandbox: the setting of Lambda for the maximum age of an event. */
const MAX_EVENT_AGE_MS = 10_000;

const DROPPED: SandboxOutcome = { payload: "null", hasFailed: true, end: "failed" };

export class LocalLambda implements LocalFunctions {
  readonly records: InvocationRecord[] = [];
  readonly #options: LocalLambdaOptions;
  readonly #idle = new Map<string, Sandbox[]>();
  readonly #all: Sandbox[] = [];
  /** Invocations under way, by function. */
  readonly #busy = new Map<string, number>();
  /** Events that wait for one of them to end. */
  readonly #waiting = new Map<string, (() => void)[]>();
  readonly #counts = new Map<string, number>();
  readonly #numbers = new Map<number, number>();
  #endpoint!: InvokeEndpoint;
  #isStopped = false;

  static async start(options: LocalLambdaOptions): Promise<LocalLambda> {
    const lambda = new LocalLambda(options);
    lambda.#endpoint = await startInvokeEndpoint(lambda);
    return lambda;
  }

  private constructor(options: LocalLambdaOptions) {
    this.#options = options;
  }

  get endpoint(): string {
    return this.#endpoint.endpoint;
  }

  accept({ functionName, isAsynchronous }: InvokeRequest): Record<string, never> {
    if (this.#isStopped) throw new Refusal(503, "ServiceException", "the local Lambda is stopped");
    if (!Object.hasOwn(this.#options.functions, functionName))
      throw new Refusal(404, "ResourceNotFoundException", `Function not found: ${functionName}`);
    const isFull = this.#underWay(functionName) >= this.#function(functionName).concurrency;
    if (isFull && !isAsynchronous) throw new Refusal(429, "TooManyRequestsException", "Rate Exceeded.");
    return {};
  }

  async run(request: InvokeRequest): Promise<SandboxOutcome> {
    const { functionName } = request;
    if (!(await this.#turn(functionName))) return DROPPED;
    try {
      return await this.#invoke(request);
    } finally {
      this.#busy.set(functionName, this.#underWay(functionName) - 1);
      this.#waiting.get(functionName)?.shift()?.();
    }
  }

  async #invoke(request: InvokeRequest): Promise<SandboxOutcome> {
    const { functionName } = request;
    const warm = this.#warmSandbox(functionName);
    const sandbox = warm ?? (await this.#newSandbox(functionName));
    const begun = {
      functionName,
      pid: sandbox.pid,
      sandbox: this.#numbers.get(sandbox.pid) as number,
      isColdStart: warm === undefined,
      event: JSON.parse(request.payload),
      startedMs: Date.now(),
    };
    const index = this.records.push(begun) - 1;
    const outcome = await sandbox.invoke(request);
    const { end, payload } = outcome;
    this.records[index] = { ...begun, endedMs: Date.now(), end, answer: JSON.parse(payload) };
    if (!sandbox.isGone) this.#idleOf(functionName).push(sandbox);
    return outcome;
  }

  /** The sandboxes end as they are, as if the machine did. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#all.map((sandbox) => sandbox.stop()));
    await this.#endpoint.stop();
  }

  /** For the exit of this process, which waits for nothing. Frozen processes would stay behind. */
  killAll(): void {
    for (const sandbox of this.#all) sandbox.kill();
  }

  /** Settles when the function may run once more. `false`: that took too long. */
  async #turn(functionName: string): Promise<boolean> {
    const acceptedMs = Date.now();
    while (this.#underWay(functionName) >= this.#function(functionName).concurrency) {
      await new Promise<void>((resolve) => {
        this.#waiting.set(functionName, [...(this.#waiting.get(functionName) ?? []), resolve]);
      });
      if (this.#isStopped || Date.now() - acceptedMs > MAX_EVENT_AGE_MS) {
        this.#waiting.get(functionName)?.shift()?.();
        return false;
      }
    }
    this.#busy.set(functionName, this.#underWay(functionName) + 1);
    return true;
  }

  #underWay(functionName: string): number {
    return this.#busy.get(functionName) ?? 0;
  }

  #function(functionName: string): LocalFunction {
    return this.#options.functions[functionName] as LocalFunction;
  }

  async #newSandbox(functionName: string): Promise<Sandbox> {
    const { program, module, env } = this.#options;
    const { exportName, timeoutMs } = this.#function(functionName);
    const sandbox = new Sandbox({ program, module, exportName, timeoutMs, env });
    this.#all.push(sandbox);
    const count = (this.#counts.get(functionName) ?? 0) + 1;
    this.#counts.set(functionName, count);
    this.#numbers.set(sandbox.pid, count);
    await sandbox.ready();
    return sandbox;
  }

  /** One that has died while it was idle is gone for good. */
  #warmSandbox(functionName: string): Sandbox | undefined {
    const idle = this.#idleOf(functionName);
    for (let sandbox = idle.pop(); sandbox !== undefined; sandbox = idle.pop())
      if (!sandbox.isGone) return sandbox;
    return undefined;
  }

  #idleOf(functionName: string): Sandbox[] {
    const idle = this.#idle.get(functionName) ?? [];
    this.#idle.set(functionName, idle);
    return idle;
  }
}
