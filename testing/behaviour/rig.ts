/**
 * Owns what behaviour tests need around an execution: one runtime on virtual time, handlers that can
 * be exchanged for a newer version, and the whole observable outcome as plain data.
 *
 * It knows nothing of the engine: everything goes through `withDurableExecution`, the worker and the client.
 */

import {
  apply,
  type ErrorObject,
  ExecutionState,
  isRejection,
  type Operation,
  READS_STAND_INS,
} from "@tidemark/protocol";
import {
  type DurableContext,
  type DurableExecutionConfig,
  type DurableExecutionHandler,
  type DurableLambdaHandler,
  withDurableExecution,
} from "@tidemark/sdk";
import type { ExecutionStore } from "@tidemark/store";
import type { VirtualClock } from "@tidemark/testing";
import { createTestRuntime, type TestRuntime } from "../kit/test-runtime";

export type TestHandler = DurableExecutionHandler;

export interface RigOptions {
  readonly store?: ExecutionStore;
  readonly clock?: VirtualClock;
  readonly maxBarrenInvocations?: number;
  /** Handlers look like those of another SDK, which are given payloads and not stand-ins. Default `false`. */
  readonly hidesMark?: boolean;
  /** Stands around every handler, to put another client between it and the runtime. */
  readonly around?: (handler: DurableLambdaHandler) => DurableLambdaHandler;
}

/** How an execution ended, parsed. */
export interface Ending {
  readonly status: string;
  readonly result?: unknown;
  readonly error?: ErrorObject;
}

export interface LiveAndReplayed {
  readonly live: unknown;
  readonly replayed: unknown;
}

export class Rig {
  readonly runtime: TestRuntime;
  /** What the worker could report to nobody else. */
  readonly errors: unknown[];
  readonly #around: (handler: DurableLambdaHandler) => DurableLambdaHandler;
  readonly #hidesMark: boolean;
  readonly #versions = new Map<string, DurableLambdaHandler>();

  constructor(runtime: TestRuntime, errors: unknown[], options: RigOptions) {
    this.runtime = runtime;
    this.errors = errors;
    this.#hidesMark = options.hidesMark === true;
    this.#around = options.around ?? ((handler) => handler);
  }

  /** Deploys a handler under a name; a later deployment takes effect at the next invocation. */
  deploy(name: string, handler: TestHandler, config: DurableExecutionConfig = {}): void {
    const versions = this.#versions;
    const isKnown = versions.has(name);
    versions.set(name, this.#around(withDurableExecution(handler, config)));
    if (isKnown) return;
    const newest: DurableLambdaHandler = (event, context) =>
      (versions.get(name) as DurableLambdaHandler)(event, context);
    if (!this.#hidesMark) Object.defineProperty(newest, READS_STAND_INS, { value: true });
    this.runtime.register(name, newest);
  }

  /** Runs a handler from start to end, moving time as far as it takes. */
  async run(handler: TestHandler, input?: unknown, config?: DurableExecutionConfig): Promise<Ending> {
    const id = await this.begin(handler, input, config);
    return this.end(id);
  }

  /** Starts a handler and runs it as far as it comes without time passing. */
  async begin(handler: TestHandler, input?: unknown, config?: DurableExecutionConfig): Promise<string> {
    this.deploy("main", handler, config);
    const id = await this.runtime.start("main", input);
    await this.runtime.settle();
    return id;
  }

  async end(id: string): Promise<Ending> {
    await this.runtime.runToEnd(id);
    return this.ending(id);
  }

  /** What `operate` gives when it runs live, and when a later invocation replays it. */
  async twice(operate: (context: DurableContext) => Promise<unknown>): Promise<LiveAndReplayed> {
    const seen: unknown[] = [];
    const ending = await this.run(async (_event, context) => {
      seen.push(await operate(context));
      await context.wait("replay", { seconds: 1 });
    });
    if (ending.status !== "SUCCEEDED" || seen.length < 2) {
      throw new Error(`the code ran ${seen.length} times to the end and ended as ${JSON.stringify(ending)}`);
    }
    return { live: seen[0], replayed: seen[seen.length - 1] };
  }

  /** As it is now. */
  async ending(id: string): Promise<Ending> {
    const { status, result, error } = await this.runtime.client.describe(id);
    return {
      status,
      ...(result === undefined ? {} : { result }),
      ...(error === undefined ? {} : { error }),
    };
  }

  /** The history in short: `StepSucceeded 1 greet`. */
  async events(id: string): Promise<string[]> {
    const history = await this.runtime.history(id);
    return history.map(({ EventType, Id, Name }) =>
      [EventType, Id, Name].filter((part) => part !== undefined).join(" "),
    );
  }

  /** The operations that the log holds: `1 STEP greet SUCCEEDED`. Those under a settled context have been dropped. */
  async tree(id: string): Promise<string[]> {
    return (await this.operations(id)).map(({ Id, Type, Name, Status }) =>
      [Id, Type, Name, Status].filter((part) => part !== undefined).join(" "),
    );
  }

  async operations(id: string): Promise<Operation[]> {
    const loaded = await this.runtime.store.load(id);
    if (loaded === undefined) throw new Error(`execution ${id} does not exist`);
    const state = new ExecutionState(id, loaded.head.startedAtMs);
    for (const entry of loaded.entries) {
      const transition = apply(state, entry.records, entry.atMs);
      if (isRejection(transition)) throw new Error(transition.rejected);
      state.commit(transition);
    }
    return [...state.operations.values()];
  }

  /** Is not closed after the test: its worker hangs by intention. */
  leaveOpen(): void {
    rigs.splice(rigs.indexOf(this), 1);
  }

  /** How many entries the log has. */
  async entryCount(id: string): Promise<number> {
    return (await this.runtime.store.load(id))?.entries.length ?? 0;
  }

  /** How the invocations ended: the error of each, or `undefined` for one that did not fail. */
  async invocationErrors(id: string): Promise<(string | undefined)[]> {
    const history = await this.runtime.history(id);
    return history
      .filter(({ EventType }) => EventType === "InvocationCompleted")
      .map((event) => {
        const { Error: error } = event.InvocationCompletedDetails as { Error: { Payload?: ErrorObject } };
        return error.Payload?.ErrorType;
      });
  }
}

const rigs: Rig[] = [];

/** A rig that is closed after the test. */
export async function createRig(options: RigOptions = {}): Promise<Rig> {
  const errors: unknown[] = [];
  const { around: _around, ...runtimeOptions } = options;
  const runtime = await createTestRuntime({ ...runtimeOptions, onError: (error) => errors.push(error) });
  const rig = new Rig(runtime, errors, options);
  rigs.push(rig);
  return rig;
}

afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.runtime.close();
});

/** A promise that a test settles by hand. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

export function defer<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((resolveIt, rejectIt) => {
    resolve = resolveIt;
    reject = rejectIt;
  });
  return { promise, resolve, reject };
}
