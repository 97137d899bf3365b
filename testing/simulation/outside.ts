/**
 * Owns who is outside of the executions: those who complete callbacks, in time, twice, too late and
 * against each other, and the book of what code did and saw.
 */

import { parseCallbackId } from "@tidemark/protocol";
import type { DurableClient } from "@tidemark/runtime";
import type { VirtualProcess } from "@tidemark/testing";
import type { CallbackAction } from "../fuzz/program";
import type { BodyRun, ProgramWorld, Sight, Trace, Wish } from "../fuzz/world";
import type { Auditor } from "./auditor";
import type { Scheduler } from "./scheduler";

/** Does work with some client until it has been done; gives up at the end of time. */
export type Patiently = (what: string, work: (client: DurableClient) => Promise<void>) => void;

interface OutsideOptions {
  readonly scheduler: Scheduler;
  readonly auditor: Auditor;
  readonly patiently: Patiently;
  /** Executions whose outcome does not depend on who is first. */
  readonly isCalm: (executionId: string) => boolean;
  /** How likely an act is repeated. */
  readonly repeats: number;
}

export class Outside implements ProgramWorld {
  readonly traces: Trace[] = [];
  /** Nothing waits for idleness here: the scheduler knows. */
  readonly clock = { touch: (): void => {} };
  readonly #options: OutsideOptions;
  readonly #known = new Set<string>();
  readonly #submissions = new Map<string, number>();

  constructor(options: OutsideOptions) {
    this.#options = options;
  }

  learn(callbackId: string, path: string, actions: readonly CallbackAction[]): void {
    if (this.#known.has(callbackId)) return;
    this.#known.add(callbackId);
    const { scheduler, isCalm, repeats } = this.#options;
    const calm = isCalm(parseCallbackId(callbackId).executionId);
    for (const [index, action] of actions.entries()) {
      const value = `${path}#${index}`;
      this.#act(callbackId, value, action);
      if (!scheduler.chance(repeats)) continue;
      // Somebody else says the same, or the opposite where it may change the outcome.
      const opposite = action.does === "succeed" ? "fail" : "succeed";
      const does = calm || scheduler.chance(0.5) ? action.does : opposite;
      const afterMs = action.afterMs + scheduler.between(0, scheduler.chance(0.2) ? 60_000 : 20);
      this.#act(callbackId, value, { does, afterMs });
    }
  }

  #act(callbackId: string, value: string, { does, afterMs }: CallbackAction): void {
    this.#options.scheduler.after(afterMs, `${does} ${callbackId}`, () =>
      this.#options.patiently(`${does} ${callbackId}`, (client) =>
        this.#send(client, callbackId, value, does),
      ),
    );
  }

  async #send(
    client: DurableClient,
    callbackId: string,
    value: string,
    does: CallbackAction["does"],
  ): Promise<void> {
    try {
      if (does === "beat") return await client.sendCallbackHeartbeat(callbackId);
      if (does === "succeed") await client.sendCallbackSuccess(callbackId, JSON.stringify(value));
      else await client.sendCallbackFailure(callbackId, { ErrorType: "Refused", ErrorMessage: value });
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "TIDEMARK_CALLBACK_SETTLED") return;
      const { executionId } = parseCallbackId(callbackId);
      if (code === "TIDEMARK_CALLBACK_NOT_FOUND" && this.#options.auditor.ledger.book(executionId)?.isPurged)
        return;
      throw error;
    }
    const { executionId } = parseCallbackId(callbackId);
    this.#options.auditor.note({ kind: "accepted", executionId, callbackId });
  }

  countSubmission(callbackId: string): number {
    const count = (this.#submissions.get(callbackId) ?? 0) + 1;
    this.#submissions.set(callbackId, count);
    return count;
  }

  bodyStarted(_process: VirtualProcess, run: Omit<BodyRun, "processId" | "problem">): void {
    this.#options.auditor.note({ kind: "body", executionId: run.executionId, run });
  }

  asked({ executionId, path, name }: Wish): void {
    this.#options.auditor.ledger.book(executionId)?.wishes.set(path, name);
  }

  saw(sight: Sight): void {
    this.#options.auditor.note({ kind: "saw", executionId: sight.executionId, sight });
  }
}
