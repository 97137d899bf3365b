/**
 * Owns the replay of a log that is complete: the handler runs over everything that is recorded,
 * and must find nothing to do.
 */

import type {
  DurableExecutionClient,
  DurableExecutionInvocationOutput,
  ErrorObject,
  PayloadReader,
} from "@tidemark/protocol";
import type { LambdaContext } from "@tidemark/sdk";
import type { LoadedExecution } from "@tidemark/store";
import {
  recordedEvent,
  settledWithin,
  VirtualClock,
  VirtualProcess,
  withVirtualTimers,
} from "@tidemark/testing";
import { programHandler } from "./interpret";
import { slowPlugin } from "./slow-plugin";
import { type Trace, World } from "./world";

export interface FullReplay {
  /** `SUCCEEDED`, `FAILED`, `PENDING`, `THREW`, or `HANGS`. */
  readonly status: string;
  readonly result?: string | undefined;
  readonly error?: ErrorObject | undefined;
  /** Updates that it asked for, as text. */
  readonly writes: readonly string[];
  readonly trace: Trace | undefined;
  /** Step bodies that ran. */
  readonly bodies: readonly string[];
}

/** Longer than the SDK's grace for code that does not ask for what comes next. */
const PATIENCE_MS = 60_000;

export interface ReplayOptions {
  /** In a process with a plugin. */
  readonly hasPlugin: boolean;
  /** Reads what stands for payloads in the log. */
  readonly payloads: PayloadReader;
}

/** Replays an execution that has ended. */
export function replayFully(loaded: LoadedExecution, options: ReplayOptions): Promise<FullReplay> {
  const clock = new VirtualClock({ startMs: loaded.head.endedAtMs ?? loaded.head.startedAtMs });
  return withVirtualTimers(clock, () => drive(loaded, clock, options));
}

async function drive(
  loaded: LoadedExecution,
  clock: VirtualClock,
  { hasPlugin, payloads }: ReplayOptions,
): Promise<FullReplay> {
  const writes: string[] = [];
  // The world is not asked anything: nothing runs but the code.
  const world = new World(clock, undefined as never);
  world.isOver = true;
  const process = new VirtualProcess(-1, clock);
  const handler = programHandler(world, process, hasPlugin ? [slowPlugin(world, process)] : []);
  const event = recordedEvent(loaded, readOnlyClient(clock, payloads, writes));
  const running = handler(event, { awsRequestId: "replay" } as LambdaContext);
  const ended = await settledWithin(clock, running, PATIENCE_MS);
  const facts = {
    writes,
    trace: world.traces[0],
    bodies: world.bodyRuns.map(({ path, attempt }) => `${path} attempt ${attempt}`),
  };
  if (ended === undefined) return { status: "HANGS", ...facts };
  if (ended.status === "fulfilled") return { ...outcomeOf(ended.value), ...facts };
  const { reason } = ended;
  const ErrorMessage = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
  return { status: "THREW", error: { ErrorMessage }, ...facts };
}

function outcomeOf(
  output: DurableExecutionInvocationOutput,
): Pick<FullReplay, "status" | "result" | "error"> {
  if (output.Status === "SUCCEEDED") return { status: "SUCCEEDED", result: output.Result };
  if (output.Status === "FAILED") return { status: "FAILED", error: output.Error };
  return { status: "PENDING" };
}

function readOnlyClient(
  clock: VirtualClock,
  payloads: PayloadReader,
  writes: string[],
): DurableExecutionClient {
  return {
    hostOptions: { host: clock, payloads: heldReader(clock, payloads), onThrown: () => {} },
    checkpoint: async ({ Updates = [] }) => {
      writes.push(...Updates.map(({ Id, Type, Action, Name }) => `${Action} ${Type} ${Id} ${Name ?? ""}`));
      if (Updates.length === 0) writes.push("asked for news");
      return { NewExecutionState: { Operations: [] } };
    },
    getExecutionState: async () => ({ Operations: [] }),
  };
}

/** Time does not move while a payload is read. */
function heldReader(clock: VirtualClock, payloads: PayloadReader): PayloadReader {
  const held = <T>(read: T | Promise<T>): T | Promise<T> =>
    read instanceof Promise ? clock.busyWhile(read) : read;
  return {
    read: (text) => held(payloads.read(text)),
    readError: (error) => held(payloads.readError(error)),
  };
}
