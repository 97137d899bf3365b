import fc from "fast-check";
import { apply, isRejection, takeDueEvents } from "./apply.js";
import { isSettled, type Operation, type OperationAction, type OperationType } from "./operation.js";
import type { OutsideEvent } from "./outside-event.js";
import type { LogRecord } from "./record.js";
import { ExecutionState } from "./state.js";
import type { OperationUpdate } from "./update.js";

const T0 = 1_732_000_000_000;

function newState(): ExecutionState {
  return new ExecutionState("e1", T0);
}

function update(
  Type: OperationType,
  Action: OperationAction,
  more: Partial<OperationUpdate> = {},
): LogRecord {
  return { update: { Id: "1", Type, Action, ...more } };
}

const step = (Action: OperationAction, more: Partial<OperationUpdate> = {}) => update("STEP", Action, more);

/** What a START of the kind must say. */
const OPTIONS: Partial<Record<OperationType, Partial<OperationUpdate>>> = {
  WAIT: { WaitOptions: { WaitSeconds: 10 } },
  CHAINED_INVOKE: { ChainedInvokeOptions: { FunctionName: "ship" } },
};

const happened = (event: OutsideEvent): LogRecord => ({ event });

/** Applies and commits; the records must be allowed. Gives the operations that changed. */
function record(
  state: ExecutionState,
  records: readonly LogRecord[],
  nowMs = state.nowMs,
): readonly Operation[] {
  const transition = apply(state, records, nowMs);
  if (isRejection(transition)) throw new Error(transition.rejected);
  state.commit(transition);
  return transition.operations;
}

function dueBy(state: ExecutionState, nowMs: number): OutsideEvent[] {
  return takeDueEvents(state, nowMs).map(({ event }) => event);
}

const at = (ms: number) => new Date(ms);

describe("apply: timers", () => {
  it("come in the order of due time, and of creation when they are due together", () => {
    const state = newState();
    const wait = (Id: string, WaitSeconds: number) =>
      update("WAIT", "START", { Id, WaitOptions: { WaitSeconds } });
    record(state, [
      wait("1", 30),
      wait("2", 10),
      step("RETRY", { Id: "3", StepOptions: { NextAttemptDelaySeconds: 10 } }),
      update("CALLBACK", "START", {
        Id: "4",
        CallbackOptions: { TimeoutSeconds: 40, HeartbeatTimeoutSeconds: 20 },
      }),
      wait("5", 60),
    ]);
    expect(state.nextDueMs()).toBe(T0 + 10_000);

    expect(dueBy(state, T0 + 40_000)).toEqual([
      { kind: "wait_elapsed", id: "2" },
      { kind: "retry_ready", id: "3" },
      { kind: "callback_timed_out", id: "4", reason: "heartbeat" },
      { kind: "wait_elapsed", id: "1" },
      { kind: "callback_timed_out", id: "4", reason: "timeout" },
    ]);
    expect(state.nextDueMs()).toBe(T0 + 60_000);
  });

  it("end with the operation that they are for", () => {
    const state = newState();
    record(state, [update("CALLBACK", "START", { CallbackOptions: { TimeoutSeconds: 10 } })]);

    record(state, [happened({ kind: "callback_succeeded", id: "1" })]);

    expect(state.nextDueMs()).toBeUndefined();
    expect(dueBy(state, T0 + 60_000)).toEqual([]);
  });

  it("of a heartbeat move with each heartbeat, and never back", () => {
    const state = newState();
    record(state, [update("CALLBACK", "START", { CallbackOptions: { HeartbeatTimeoutSeconds: 10 } })]);
    const beat = (atMs: number) =>
      record(state, [happened({ kind: "callback_heartbeat", id: "1", atMs })], atMs);

    beat(T0 + 4_000);
    expect(state.nextDueMs()).toBe(T0 + 14_000);
    beat(T0 + 2_000);
    expect(state.nextDueMs()).toBe(T0 + 14_000);
    expect(dueBy(state, T0 + 13_999)).toEqual([]);
    expect(dueBy(state, T0 + 14_000)).toEqual([{ kind: "callback_timed_out", id: "1", reason: "heartbeat" }]);
  });

  it("are not set by a heartbeat that nobody waits for", () => {
    const state = newState();
    record(state, [update("CALLBACK", "START", { CallbackOptions: { TimeoutSeconds: 10 } })]);

    record(state, [happened({ kind: "callback_heartbeat", id: "1", atMs: T0 + 9_000 })]);

    expect(state.nextDueMs()).toBe(T0 + 10_000);
    expect(state.operations.get("1")?.CallbackDetails).not.toHaveProperty("HeartbeatDueTimestamp");
  });
});

describe("apply: time (invariant 13)", () => {
  it("takes an update's own time, but none before the last record and none after the checkpoint", () => {
    const state = newState();
    const changed = record(
      state,
      [
        step("SUCCEED", { Id: "1", AtMs: T0 + 300 }),
        step("SUCCEED", { Id: "2", AtMs: T0 + 200 }),
        step("SUCCEED", { Id: "3", AtMs: T0 + 9_000 }),
        step("SUCCEED", { Id: "4" }),
      ],
      T0 + 500,
    );

    expect(changed.map(({ EndTimestamp }) => EndTimestamp)).toEqual([
      at(T0 + 300),
      at(T0 + 300),
      at(T0 + 500),
      at(T0 + 500),
    ]);
  });

  it("stands still when the host's clock goes back", () => {
    const state = newState();
    record(state, [step("SUCCEED", { Id: "1" })], T0 + 500);

    record(state, [step("SUCCEED", { Id: "2" })], T0 - 60_000);

    expect(state.operations.get("2")?.EndTimestamp).toEqual(at(T0 + 500));
    expect(state.nowMs).toBe(T0 + 500);
  });
});

describe("apply: any records", () => {
  const ids = ["1", "1-1", "1-1-1", "1-2", "2"];
  const parents: Record<string, string | undefined> = { "1-1": "1", "1-1-1": "1-1", "1-2": "1" };
  const time = fc.integer({ min: -50, max: 50 }).map((delta) => T0 + delta);
  const anyUpdate = fc
    .record({
      Id: fc.constantFrom(...ids),
      Type: fc.constantFrom<OperationType>(
        "STEP",
        "CONTEXT",
        "CONTEXT",
        "WAIT",
        "CALLBACK",
        "CHAINED_INVOKE",
      ),
      Action: fc.constantFrom<OperationAction>("START", "START", "SUCCEED", "FAIL", "RETRY"),
      AtMs: fc.option(time, { nil: undefined }),
      isKept: fc.boolean(),
    })
    .map(({ Type, Action, isKept, Id, AtMs }) =>
      update(Type, Action, {
        ...OPTIONS[Type],
        Id,
        AtMs,
        ParentId: parents[Id],
        ContextOptions: { ReplayChildren: isKept },
      }),
    );
  const anyEvent = fc
    .record({
      kind: fc.constantFrom(
        "wait_elapsed",
        "retry_ready",
        "callback_succeeded",
        "invoke_settled",
        "step_interrupted",
      ),
      id: fc.constantFrom(...ids),
      outcome: fc.constant("SUCCEEDED"),
    })
    .map((event) => happened(event as OutsideEvent));
  const checkpoints = fc.array(
    fc.record({
      records: fc.array(fc.oneof(anyUpdate, anyEvent), { minLength: 1, maxLength: 3 }),
      nowMs: time,
    }),
    { maxLength: 40, size: "max" },
  );

  it("leave what has settled and all below it as it is, and time and order go forward only", () => {
    fc.assert(
      fc.property(checkpoints, (drawn) => {
        const state = newState();
        for (const { records, nowMs } of drawn) {
          const before = new Map(state.operations);
          const timeBefore = state.nowMs;
          const transition = apply(state, records, nowMs);
          expect([...state.operations]).toEqual([...before]);
          if (isRejection(transition)) continue;
          state.commit(transition);
          for (const [id, operation] of before) {
            const isOver = isSettled(operation) || isSettledAbove(before, operation);
            if (isOver && state.operations.has(id)) expect(state.operations.get(id)).toBe(operation);
          }
          expect(state.nowMs).toBeGreaterThanOrEqual(timeBefore);
        }
        expectForward([...state.operations.values()]);
      }),
      { numRuns: 500 },
    );
  });

  function isSettledAbove(operations: ReadonlyMap<string, Operation>, operation: Operation): boolean {
    const parent = operations.get(operation.ParentId ?? "");
    return parent !== undefined && (isSettled(parent) || isSettledAbove(operations, parent));
  }

  /** What comes later in the log is not earlier in time. */
  function expectForward(operations: readonly Operation[]): void {
    const moments = operations.flatMap((operation) => [
      [operation.StartOrder, operation.StartTimestamp],
      ...(operation.SettleOrder === undefined ? [] : [[operation.SettleOrder, operation.EndTimestamp]]),
    ]) as [number, Date][];
    const times = moments.sort(([a], [b]) => a - b).map(([, moment]) => moment.getTime());
    expect(times).toEqual([...times].sort((a, b) => a - b));
  }
});
