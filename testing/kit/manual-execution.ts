/** Owns one execution in a real store, whose lease a test takes and gives back by hand. */

import type {
  ErrorObject,
  ExecutionHead,
  InvocationEnd,
  LogEntry,
  OperationUpdate,
  OutsideEvent,
} from "@tidemark/protocol";
import {
  type ExecutionStore,
  type LoadedExecution,
  MemoryStore,
  type NewExecution,
  settleKey,
} from "@tidemark/store";
import { VirtualClock } from "@tidemark/testing";

const LEASE_MS = 30_000;

/** What a lease holder opens before it records anything. */
interface Opening<Opened> {
  open(
    loaded: LoadedExecution,
    mayInvoke: (barrenCount: number, previous: InvocationEnd) => boolean,
  ): Promise<Opened>;
}

export class ManualExecution {
  readonly clock = new VirtualClock();
  readonly store: ExecutionStore = new MemoryStore();
  readonly executionId = "main.one";
  readonly startMs = this.clock.nowMs();

  /** Starts the execution of function `main`; nobody has claimed it. */
  static async start(options: Partial<NewExecution> = {}): Promise<ManualExecution> {
    const run = new ManualExecution();
    await run.store.registerFunctions(["main"]);
    await run.store.start({
      executionId: run.executionId,
      functionName: "main",
      startedAtMs: run.startMs,
      timeoutAtMs: run.startMs + 86_400_000,
      retentionMs: 1000,
      ...options,
    });
    return run;
  }

  /** Takes the lease with the next epoch. */
  async acquire(): Promise<ExecutionHead> {
    const nowMs = this.clock.nowMs();
    const { executionId } = this;
    const lease = { executionId, owner: "test", nowMs, leaseUntilMs: nowMs + LEASE_MS };
    const head = await this.store.acquire(lease);
    if (head === undefined) throw new Error(`execution ${executionId} is not due`);
    return head;
  }

  /** Takes the lease, and opens what is to hold it. */
  async open<Opened, Holder extends Opening<Opened>>(
    create: (head: ExecutionHead) => Holder & Opening<Opened>,
    mayInvoke: (barrenCount: number, previous: InvocationEnd) => boolean = () => true,
    store: ExecutionStore = this.store,
  ): Promise<{ session: Holder; opened: Opened }> {
    const session = create(await this.acquire());
    const loaded = await store.load(this.executionId);
    return { session, opened: await session.open(loaded as LoadedExecution, mayInvoke) };
  }

  /** Ends the invocation that holds the lease, as if it had seen the whole inbox; it is due again at once. */
  async giveBack(error?: ErrorObject): Promise<InvocationEnd> {
    const { epoch, invokedAtMs, inboxCount } = await this.head();
    const end = { epoch, startedAtMs: invokedAtMs as number, endedAtMs: this.clock.nowMs() };
    const invocation = error === undefined ? end : { ...end, error };
    const dueAtMs = this.clock.nowMs();
    await this.store.suspend({ executionId: this.executionId, epoch, inboxCount, dueAtMs, invocation });
    return invocation;
  }

  /** The process that holds the lease dies; time moves until somebody may take over. */
  async loseLease(): Promise<void> {
    await this.advance(LEASE_MS);
  }

  /** Something happens outside, under the key of its operation's outcome. */
  async post(event: OutsideEvent): Promise<void> {
    const key = event.kind === "callback_heartbeat" ? `heartbeat/${event.id}` : settleKey(event.id);
    const mode = event.kind === "callback_heartbeat" ? "replace" : "once";
    const nowMs = this.clock.nowMs();
    const wake = event.kind !== "callback_heartbeat";
    await this.store.post({ executionId: this.executionId, key, event, nowMs, mode, wake });
  }

  async beat(operationId: string): Promise<void> {
    await this.post({ kind: "callback_heartbeat", id: operationId, atMs: this.clock.nowMs() });
  }

  advance(ms: number): Promise<void> {
    return this.clock.advanceTo(this.clock.nowMs() + ms);
  }

  async load(): Promise<LoadedExecution> {
    const loaded = await this.store.load(this.executionId);
    if (loaded === undefined) throw new Error(`execution ${this.executionId} does not exist`);
    return loaded;
  }

  async head(): Promise<ExecutionHead> {
    return (await this.load()).head;
  }

  async entries(): Promise<readonly LogEntry[]> {
    return (await this.load()).entries;
  }

  /** What the log holds, in short: `1: START 1` and `2 barrier: wait_elapsed 1`. */
  async log(): Promise<string[]> {
    return (await this.entries()).map(({ sequence, barrier, records }) => {
      const what = records.map(({ update, event }) =>
        update === undefined ? `${event.kind} ${event.id}` : `${update.Action} ${update.Id}`,
      );
      return `${sequence}${barrier === undefined ? "" : " barrier"}: ${what.join(", ")}`;
    });
  }
}

/** The START of an operation, with what its kind needs. */
export function starting(
  Type: OperationUpdate["Type"],
  Id: string,
  more: Partial<OperationUpdate> = {},
): OperationUpdate {
  return { Id, Type, Action: "START", ...more };
}

/** The end of a step or a context. */
export function ending(
  Type: OperationUpdate["Type"],
  Id: string,
  more: Partial<OperationUpdate> = {},
): OperationUpdate {
  return { Id, Type, Action: "SUCCEED", ...more };
}
