/**
 * Owns one sandbox of a local Lambda: a process that holds one function, runs one invocation at a time, is killed at the
 * time limit, and is frozen (SIGSTOP) between invocations, as Lambda's are.
 */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import type { InvokeOutcome, InvokeRequest } from "./invoke-endpoint";
import type { SandboxReply, SandboxRequest } from "./sandbox-program";

export interface SandboxOptions {
  /** The program of the sandbox, in JavaScript or for a loader that this process has, too. */
  readonly program: string;
  /** The module with the handlers, and the name of its export. */
  readonly module: string;
  readonly exportName: string;
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
}

/** How an invocation ended, and how it was that it did. */
export interface SandboxOutcome extends InvokeOutcome {
  readonly end: "answered" | "failed" | "time limit" | "died";
}

export class Sandbox {
  readonly #options: SandboxOptions;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  readonly #ready: Promise<unknown>;
  #isGone = false;

  constructor(options: SandboxOptions) {
    this.#options = options;
    this.#process = fork(options.program, [options.module, options.exportName], { env: options.env });
    this.#exited = once(this.#process, "exit").then(() => {
      this.#isGone = true;
    });
    this.#ready = Promise.race([once(this.#process, "message"), this.#exited]);
  }

  /** Settles when the function is loaded. @throws Error when the process has ended. */
  async ready(): Promise<void> {
    await this.#ready;
    if (this.#isGone) throw new Error(`the sandbox of ${this.#options.exportName} did not start`);
  }

  get pid(): number {
    return this.#process.pid as number;
  }

  get isGone(): boolean {
    return this.#isGone;
  }

  /** Thaws the process, runs one invocation to its end or the time limit, and freezes it. */
  async invoke({ requestId, payload }: InvokeRequest): Promise<SandboxOutcome> {
    const { timeoutMs } = this.#options;
    this.#process.kill("SIGCONT");
    let isOverTime = false;
    const timer = setTimeout(() => {
      isOverTime = true;
      this.kill();
    }, timeoutMs);
    const request: SandboxRequest = { requestId, payload, deadlineMs: Date.now() + timeoutMs };
    this.#process.send(request, () => {});
    const reply = await Promise.race([once(this.#process, "message"), this.#exited]);
    clearTimeout(timer);
    if (Array.isArray(reply)) {
      this.#process.kill("SIGSTOP");
      const { payload, hasFailed } = reply[0] as SandboxReply;
      return { payload, hasFailed, end: hasFailed ? "failed" : "answered" };
    }
    const error = isOverTime
      ? failure(
          "Sandbox.Timedout",
          `RequestId: ${requestId} Error: Task timed out after ${seconds(timeoutMs)} seconds`,
        )
      : failure(
          "Runtime.ExitError",
          `RequestId: ${requestId} Error: Runtime exited with error: signal: killed`,
        );
    return { ...error, end: isOverTime ? "time limit" : "died" };
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  /** Kills it. Settles when it is gone. */
  async stop(): Promise<void> {
    this.kill();
    await this.#exited;
  }
}

function failure(errorType: string, errorMessage: string): InvokeOutcome {
  return { payload: JSON.stringify({ errorType, errorMessage }), hasFailed: true };
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(2);
}
