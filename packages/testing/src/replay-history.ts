/**
 * Owns the replay of a recorded history by code that may have changed since: it runs over everything
 * that is recorded, and nothing else happens. No body of a step runs, and nothing is written.
 */

import {
  type DurableExecutionClient,
  type DurableExecutionInvocationOutput,
  type ErrorObject,
  type ExecutionHead,
  type ExecutionProbe,
  type ExportedHistory,
  importHistory,
  isTerminal,
  type LogEntry,
  type Operation,
  type OptionNames,
  TidemarkError,
  valueText,
} from "@tidemark/protocol";
import type { DurableHandler } from "@tidemark/runtime";
import type { LambdaContext } from "@tidemark/sdk";
import { callSource, currentStack } from "./call-source.js";
import { canonicalText } from "./canonical-json.js";
import { treeOf } from "./explored-facts.js";
import { asHandler, installHandlerTimers } from "./handler-timers.js";
import { requireKitOptions } from "./kit-options.js";
import { recordedEvent } from "./recorded-event.js";
import { QUIET_TURNS, seededRandom, TURNS_PER_RECORD, VirtualClock } from "./virtual-clock.js";
import { settledWithin } from "./virtual-timers.js";

/** How an execution ended, or a replay of it. Texts are JSON. */
export interface ReplayedOutcome {
  readonly status: string;
  readonly result?: string | undefined;
  readonly error?: ErrorObject | undefined;
}

export type HistoryReplay =
  | {
      readonly kind: "matches";
      /** How the code ended; `PENDING` when it came to the end of the history of an execution that has not ended. */
      readonly outcome: ReplayedOutcome;
    }
  | {
      readonly kind: "diverges";
      /** What differs, in a sentence. */
      readonly message: string;
      /** Id of the operation; `undefined` when it is the outcome that differs. */
      readonly operation: string | undefined;
      /** What the history has there: `STEP (Step) "charge"`, an outcome, or nothing. */
      readonly recorded: string | undefined;
      /** What the code does there. */
      readonly actual: string | undefined;
      /** Where the code asks for it, or what it asked for last: `/app/orders.ts:12:20`. */
      readonly source: string | undefined;
    };

export interface ReplayOptions {
  /** `ignore`: an execution that ended may end with another result, but not in another way. Default `compare`. */
  readonly result?: "compare" | "ignore";
  /** The time of day during the replay, in milliseconds since 1970. Default: that of the newest entry. */
  readonly nowMs?: number;
}

const NAMES: OptionNames<ReplayOptions> = { result: true, nowMs: true };

/** Longer than the SDK's grace for code that does not ask for what comes next. */
const PATIENCE_MS = 60_000;

/** The recorded execution, decoded. */
export interface RecordedExecution {
  readonly head: ExecutionHead;
  readonly entries: readonly LogEntry[];
}

/**
 * Runs a handler over the history of an execution, and says whether its code still fits.
 *
 * The code may go on where the history of an execution that has not ended stops; one that has ended
 * must ask for nothing more and end the same way. Use it with exported histories of running
 * executions before a deployment.
 *
 * @param history what `client.exportHistory` gave, from any store.
 * @returns `matches`, or `diverges` with the first operation that differs.
 * @throws TidemarkError `TIDEMARK_HISTORY_FORMAT`, `TIDEMARK_LOG_VERSION`, `TIDEMARK_HANDLER`.
 * @example
 * ```ts
 * const replay = await replayHistory(greet, await client.exportHistory(executionId));
 * if (replay.kind === "diverges") console.error(replay.message, replay.source);
 * ```
 */
export async function replayHistory(
  handler: DurableHandler,
  history: ExportedHistory,
  options: ReplayOptions = {},
): Promise<HistoryReplay> {
  requireKitOptions("replayHistory", options, NAMES);
  const recorded = importHistory(history);
  if (typeof handler !== "function") {
    throw new TidemarkError(
      "TIDEMARK_HANDLER",
      `replayHistory: handler is ${valueText(handler)}; pass a handler of withDurableExecution`,
    );
  }
  return replayRecorded(handler, recorded, options);
}

interface RecordedReplayOptions extends ReplayOptions {
  /** In place of `Math.random`. Default: drawn, otherwise than in the recorded run. */
  readonly chance?: (() => number) | undefined;
}

/** The same, of a history that has not left its store. Its payloads are in it. */
export function replayRecorded(
  handler: DurableHandler,
  recorded: RecordedExecution,
  options: RecordedReplayOptions,
): Promise<HistoryReplay> {
  return new Replay(handler, recorded, options).run();
}

/** Something that goes beyond the history: the body of a step, or an update. */
interface Beyond {
  readonly id: string;
}

interface Asked {
  readonly operation: Operation;
  readonly stack: () => string;
}

class Replay {
  readonly #handler: DurableHandler;
  readonly #recorded: RecordedExecution;
  readonly #options: RecordedReplayOptions;
  readonly #clock: VirtualClock;
  readonly #asked = new Map<string, Asked>();
  #last: Asked | undefined;
  #reach!: (beyond: Beyond) => void;
  readonly #reached: Promise<Beyond>;

  constructor(handler: DurableHandler, recorded: RecordedExecution, options: RecordedReplayOptions) {
    this.#handler = handler;
    this.#recorded = recorded;
    this.#options = options;
    const { head, entries } = recorded;
    this.#clock = new VirtualClock({ startMs: options.nowMs ?? entries.at(-1)?.atMs ?? head.startedAtMs });
    this.#reached = new Promise((resolve) => {
      this.#reach = resolve;
    });
  }

  async run(): Promise<HistoryReplay> {
    const clock = this.#clock;
    const host = {
      nowMs: () => clock.nowMs(),
      setTimer: (callback: () => void, delayMs: number) => clock.setTimer(callback, delayMs),
      // Another chance than the recorded run had.
      chance: this.#options.chance ?? seededRandom(this.#recorded.entries.length + 2),
    };
    const uninstall = installHandlerTimers();
    try {
      return await asHandler(host, () => this.#run());
    } finally {
      uninstall();
    }
  }

  async #run(): Promise<HistoryReplay> {
    const event = recordedEvent(this.#recorded, this.#client());
    const run = async (): Promise<unknown> =>
      this.#handler(event, { awsRequestId: "replay" } as LambdaContext);
    const first = Promise.race([
      run().then((output) => ({ output })),
      this.#reached.then((beyond) => ({ beyond })),
    ]);
    const settled = await settledWithin(this.#clock, first, PATIENCE_MS, this.#turns());
    if (settled === undefined) return this.#hangs();
    if (settled.status === "rejected") return this.#threw(settled.reason);
    if ("beyond" in settled.value) return this.#wentBeyond(settled.value.beyond);
    const { output } = settled.value;
    if (isOutput(output)) return this.#ended(output);
    throw new TidemarkError(
      "TIDEMARK_HANDLER",
      `replayHistory: handler gave ${valueText(output)}, which is no invocation output; pass a handler of withDurableExecution`,
    );
  }

  /** Quiet turns after which nothing comes any more: outcomes are delivered one by one. */
  #turns(): number {
    const records = this.#recorded.entries.reduce((count, entry) => count + entry.records.length, 0);
    return QUIET_TURNS + TURNS_PER_RECORD * records;
  }

  #client(): DurableExecutionClient {
    const beyond = (id: string | undefined): Promise<never> => {
      this.#reach({ id: id ?? "" });
      return new Promise(() => {});
    };
    return {
      hostOptions: { host: this.#clock, probe: this.#probe(beyond) },
      checkpoint: async ({ Updates = [] }) => {
        if (Updates.length === 0) return { NewExecutionState: { Operations: [] } };
        return beyond(Updates[0]?.Id);
      },
      getExecutionState: async () => ({ Operations: [] }),
    };
  }

  #probe(beyond: (id: string | undefined) => Promise<never>): ExecutionProbe {
    return {
      isSilent: true,
      asked: (operation) => {
        this.#last = { operation, stack: currentStack() };
        this.#asked.set(operation.Id as string, this.#last);
      },
      body: ({ operation }) => beyond(operation.Id),
    };
  }

  /** The code asks for what is not in the history. It may, when the execution has not ended. */
  #wentBeyond({ id }: Beyond): HistoryReplay {
    const { head } = this.#recorded;
    if (!isTerminal(head.status)) return { kind: "matches", outcome: { status: "PENDING" } };
    const asked = this.#asked.get(id);
    return {
      kind: "diverges",
      message: `operation ${id}: the execution ended as ${head.status} without it, and the code asks for ${describe(asked?.operation)}`,
      operation: id,
      recorded: undefined,
      actual: describe(asked?.operation),
      source: sourceOf(asked),
    };
  }

  #ended(output: DurableExecutionInvocationOutput): HistoryReplay {
    const error = output.Status === "FAILED" ? output.Error : undefined;
    if (error?.ErrorType === "NonDeterministicExecutionError")
      return this.#mismatch(error.ErrorMessage ?? "");
    const outcome: ReplayedOutcome = {
      status: output.Status,
      ...(output.Status === "SUCCEEDED" ? { result: output.Result } : {}),
      ...(error === undefined ? {} : { error }),
    };
    const { head } = this.#recorded;
    // An execution that was stopped or timed out from outside may have been anywhere.
    const hasEndedByItself = head.status === "SUCCEEDED" || head.status === "FAILED";
    if (!hasEndedByItself) return { kind: "matches", outcome };
    const isSame =
      head.status === outcome.status &&
      (this.#options.result === "ignore" ||
        (canonicalText(head.result) === canonicalText(outcome.result) &&
          head.error?.ErrorType === outcome.error?.ErrorType));
    if (isSame) return { kind: "matches", outcome };
    return {
      kind: "diverges",
      message: `the execution ended as ${describeOutcome(head)}, and the code ends as ${describeOutcome(outcome)}`,
      operation: undefined,
      recorded: describeOutcome(head),
      actual: describeOutcome(outcome),
      source: sourceOf(this.#last),
    };
  }

  /** The SDK has noticed it. */
  #mismatch(message: string): HistoryReplay {
    const id = /^operation (\S+): /.exec(message)?.[1];
    const recorded = id === undefined ? undefined : treeOf(this.#recorded).get(id);
    const asked = id === undefined ? undefined : this.#asked.get(id);
    return {
      kind: "diverges",
      message: message.replace(/; run the code version .*$/, ""),
      operation: id,
      recorded: recorded === undefined ? undefined : describe(recorded),
      actual: asked === undefined ? undefined : describe(asked.operation),
      source: sourceOf(asked ?? this.#last),
    };
  }

  #threw(thrown: unknown): HistoryReplay {
    const actual = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
    return {
      kind: "diverges",
      message: `the replay cannot go on: ${actual}`,
      operation: undefined,
      recorded: undefined,
      actual,
      source: sourceOf(this.#last),
    };
  }

  #hangs(): HistoryReplay {
    const after = this.#last === undefined ? "" : ` after it asked for operation ${this.#last.operation.Id}`;
    return {
      kind: "diverges",
      message: `the code waits for something that is not in the history${after}`,
      operation: undefined,
      recorded: undefined,
      actual: undefined,
      source: sourceOf(this.#last),
    };
  }
}

function isOutput(output: unknown): output is DurableExecutionInvocationOutput {
  return typeof Object(output).Status === "string";
}

function sourceOf(asked: Asked | undefined): string | undefined {
  return asked === undefined ? undefined : callSource(asked.stack());
}

/** `STEP (Step) "charge"`. */
function describe(operation: Operation | undefined): string | undefined {
  if (operation === undefined) return undefined;
  const name = operation.Name === undefined ? "without a name" : JSON.stringify(operation.Name);
  return `${operation.Type} (${operation.SubType}) ${name}`;
}

function describeOutcome({ status, result, error }: ReplayedOutcome): string {
  if (error !== undefined) return `${status} ${error.ErrorType}: ${error.ErrorMessage}`;
  return result === undefined ? status : `${status} ${result}`;
}
