import type {
  CheckpointDurableExecutionRequest,
  DurableExecutionClient,
  Operation,
  OperationUpdate,
} from "@tidemark/protocol";
import { Checkpointer } from "./checkpointer.js";

class ManualTime {
  nowMs = 1000;
  readonly #timers = new Map<() => void, number>();

  setTimer(callback: () => void, delayMs: number): () => void {
    this.#timers.set(callback, this.nowMs + delayMs);
    return () => this.#timers.delete(callback);
  }

  advance(ms: number): void {
    this.nowMs += ms;
    for (const [callback, dueAtMs] of [...this.#timers]) {
      if (dueAtMs > this.nowMs) continue;
      this.#timers.delete(callback);
      callback();
    }
  }

  get timers(): number {
    return this.#timers.size;
  }
}

const update = (Id: string, more: Partial<OperationUpdate> = {}): OperationUpdate => ({
  Id,
  Type: "STEP",
  Action: "START",
  ...more,
});

function setup(
  options: { isRemote?: boolean; startDelayMs?: number; answer?: () => Promise<Operation[]> } = {},
) {
  const time = new ManualTime();
  const requests: CheckpointDurableExecutionRequest[] = [];
  const changed: [readonly Operation[], readonly OperationUpdate[]][] = [];
  const failures: unknown[] = [];
  let overdue = 0;
  let sequence = 0;
  const host = { nowMs: () => time.nowMs, random: () => 0, setTimer: time.setTimer.bind(time) };
  const delay = options.startDelayMs === undefined ? {} : { startDelayMs: options.startDelayMs };
  const client: DurableExecutionClient = {
    checkpoint: async (request) => {
      requests.push(request);
      const Operations = (await options.answer?.()) ?? [];
      sequence += 1;
      return { CheckpointToken: `token ${sequence}`, NewExecutionState: { Operations } };
    },
    getExecutionState: async () => ({ Operations: [] }),
    ...(options.isRemote === true ? {} : { hostOptions: { host, ...delay } }),
  };
  const checkpointer = new Checkpointer({
    client,
    executionArn: "arn",
    token: "token 0",
    host,
    onChanged: (operations, updates) => changed.push([operations, updates]),
    onFailed: (error) => failures.push(error),
    onOverdue: () => {
      overdue += 1;
    },
  });
  return { time, requests, changed, failures, checkpointer, overdue: () => overdue };
}

const settled = () => new Promise(setImmediate);

describe("a checkpointer", () => {
  it("sends what is pending in order, with the newest token, and gives the answer on", async () => {
    const operation: Operation = { Id: "1", Type: "STEP", Status: "STARTED", StartTimestamp: new Date(0) };
    const { checkpointer, requests, changed, time } = setup({ answer: async () => [operation] });
    checkpointer.enqueue(update("1"), false);
    time.advance(5);
    checkpointer.enqueue(update("1", { Action: "SUCCEED" }), true);
    checkpointer.flush();
    expect(checkpointer.isInFlight).toBe(true);
    await settled();
    checkpointer.flush();
    await settled();

    const updates = [update("1", { AtMs: 1000 }), update("1", { Action: "SUCCEED", AtMs: 1005 })];
    expect(requests).toEqual([
      { DurableExecutionArn: "arn", CheckpointToken: "token 0", Updates: updates },
      { DurableExecutionArn: "arn", CheckpointToken: "token 1", Updates: [] },
    ]);
    expect(changed).toEqual([
      [[operation], updates],
      [[operation], []],
    ]);
    expect([checkpointer.isInFlight, checkpointer.hasPending, checkpointer.isUrgent]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it("makes what nobody waits for urgent after 500 ms", () => {
    const { checkpointer, time, overdue } = setup();
    checkpointer.enqueue(update("1"), false);
    time.advance(499);
    expect([checkpointer.isUrgent, overdue()]).toEqual([false, 0]);
    time.advance(1);
    expect([checkpointer.isUrgent, overdue()]).toEqual([true, 1]);
  });

  // `flush` leaves the timer of what it has sent armed, so that the next START is sent on its own too early: a step of
  // 400 ms after another one costs a write more than it should.
  it("makes it urgent as soon as the backend wants it", () => {
    const { checkpointer, time, overdue } = setup({ startDelayMs: 0 });
    checkpointer.enqueue(update("1"), false);
    expect([checkpointer.isUrgent, overdue()]).toEqual([false, 0]);
    time.advance(0);
    expect([checkpointer.isUrgent, overdue()]).toEqual([true, 1]);
  });

  it("gives each START its own 500 ms", async () => {
    const { checkpointer, time, overdue } = setup();
    checkpointer.enqueue(update("1"), false);
    time.advance(400);
    checkpointer.enqueue(update("1", { Action: "SUCCEED" }), true);
    checkpointer.flush();
    await settled();
    checkpointer.enqueue(update("2"), false);
    time.advance(499);

    expect([checkpointer.isUrgent, overdue()]).toEqual([false, 0]);
  });

  it("reports a failure once, and is no longer in flight", async () => {
    const error = new Error("throttled");
    const { checkpointer, failures, changed } = setup({ answer: () => Promise.reject(error) });
    checkpointer.enqueue(update("1"), true);
    checkpointer.flush();
    await settled();

    expect([failures, changed, checkpointer.isInFlight]).toEqual([[error], [], false]);
  });

  it("drops what is pending, and its timer, when it is closed", () => {
    const { checkpointer, time } = setup();
    checkpointer.enqueue(update("1"), false);
    checkpointer.close();

    expect([checkpointer.hasPending, time.timers]).toEqual([false, 0]);
  });

  it("takes what is enqueued while a request is in flight into the next one", async () => {
    const { checkpointer, requests } = setup();
    checkpointer.enqueue(update("1"), true);
    checkpointer.flush();
    checkpointer.enqueue(update("2"), true);
    await settled();
    expect([checkpointer.hasPending, checkpointer.isUrgent]).toEqual([true, true]);
    checkpointer.flush();
    await settled();

    expect(requests.map(({ Updates }) => Updates?.map(({ Id }) => Id))).toEqual([["1"], ["2"]]);
  });

  it("sends everything at once to a backend in this process, and in portions of 250 to another", async () => {
    const sizes: number[][] = [];
    for (const isRemote of [false, true]) {
      const { checkpointer, requests } = setup({ isRemote });
      for (let id = 1; id <= 600; id++) checkpointer.enqueue(update(String(id)), true);
      while (checkpointer.hasPending) {
        checkpointer.flush();
        await settled();
      }
      sizes.push(requests.map(({ Updates }) => Updates?.length ?? 0));
    }

    expect(sizes).toEqual([[600], [250, 250, 100]]);
  });

  it("counts bytes, not characters, and lets a single large update go alone", async () => {
    const { checkpointer, requests } = setup({ isRemote: true });
    for (const [id, size] of [
      ["1", 10],
      ["2", 300_000],
      ["3", 300_000],
      ["4", 10],
    ] as const) {
      checkpointer.enqueue(update(id, { Payload: "€".repeat(size) }), true);
    }
    while (checkpointer.hasPending) {
      checkpointer.flush();
      await settled();
    }

    expect(requests.map(({ Updates }) => Updates?.map(({ Id }) => Id))).toEqual([["1"], ["2"], ["3"], ["4"]]);
  });
});
