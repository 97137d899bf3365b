import fc from "fast-check";
import { decodeEntry, encodeEntry } from "./entry-codec.js";
import type { ErrorObject, OperationAction, OperationType } from "./operation.js";
import type { OutsideEvent } from "./outside-event.js";
import type { LogEntry, LogRecord } from "./record.js";
import type { OperationUpdate } from "./update.js";

const AT_MS = 1_732_000_000_000;

/** Any text: also NUL and halves of surrogate pairs. */
const text = fc.string({ unit: "binary", maxLength: 30 });
const position = fc
  .array(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 4 })
  .map((path) => path.join("-"));
const hashed = fc.stringMatching(/^[0-9a-f]{16}$/);
const id = fc.oneof(position, hashed);
const seconds = fc.nat(100_000);

const { error } = fc.letrec<{ error: ErrorObject }>((tie) => ({
  error: fc.record(
    {
      ErrorMessage: text,
      ErrorType: text,
      ErrorData: text,
      StackTrace: fc.array(text, { maxLength: 3 }),
      Cause: tie("error"),
    },
    { requiredKeys: [] },
  ),
}));

const event: fc.Arbitrary<OutsideEvent> = fc.oneof(
  fc.record({ kind: fc.constantFrom("wait_elapsed", "retry_ready", "step_interrupted"), id }),
  fc.record({ kind: fc.constant("callback_succeeded"), id, result: text }, { requiredKeys: ["kind", "id"] }),
  fc.record({ kind: fc.constant("callback_failed"), id, error }),
  fc.record({ kind: fc.constant("callback_timed_out"), id, reason: fc.constantFrom("timeout", "heartbeat") }),
  fc.record({ kind: fc.constant("callback_heartbeat"), id, atMs: fc.nat() }),
  fc.record(
    {
      kind: fc.constant("invoke_settled"),
      id,
      outcome: fc.constantFrom("SUCCEEDED", "STOPPED"),
      result: text,
      error,
    },
    { requiredKeys: ["kind", "id", "outcome"] },
  ),
) as fc.Arbitrary<OutsideEvent>;

/** What a START and an end of one operation have in common. */
const identity = fc.record(
  {
    Id: id,
    ParentId: id,
    Name: text,
    SubType: fc.constantFrom(
      "Step",
      "Map",
      "MapIteration",
      "RunInChildContext",
      "Wait",
      "Callback",
      "Odd one",
    ),
  },
  { requiredKeys: ["Id"] },
);
const outcome = fc.record(
  { Payload: text, Error: error, AtMs: fc.integer({ min: -5_000, max: 500 }).map((delta) => AT_MS + delta) },
  { requiredKeys: [] },
);

function options(type: OperationType, action: OperationAction): fc.Arbitrary<Partial<OperationUpdate>> {
  if (type === "WAIT") return fc.record({ WaitOptions: fc.record({ WaitSeconds: seconds }) });
  if (type === "STEP" && action === "RETRY") {
    return fc.record({ StepOptions: fc.record({ NextAttemptDelaySeconds: seconds }) }, { requiredKeys: [] });
  }
  if (type === "CALLBACK") {
    const one = fc.record({ TimeoutSeconds: seconds });
    const other = fc.record({ HeartbeatTimeoutSeconds: seconds });
    const both = fc.record({ TimeoutSeconds: seconds, HeartbeatTimeoutSeconds: seconds });
    return fc.record({ CallbackOptions: fc.oneof(one, other, both) }, { requiredKeys: [] });
  }
  if (type === "CONTEXT" && action !== "START") {
    return fc.record({ ContextOptions: fc.constant({ ReplayChildren: true }) }, { requiredKeys: [] });
  }
  if (type === "CHAINED_INVOKE") {
    const target = fc.record({ FunctionName: text, TenantId: text }, { requiredKeys: ["FunctionName"] });
    return fc.record({
      ChainedInvokeOptions: target as fc.Arbitrary<{ FunctionName: string; TenantId?: string }>,
    });
  }
  if (action === "START") return fc.record({ StartedAfter: fc.nat() }, { requiredKeys: [] });
  return fc.constant({});
}

const ACTIONS: [OperationType, OperationAction][] = [
  ...(["START", "SUCCEED", "FAIL", "RETRY", "CANCEL"] as const).map((action): ["STEP", OperationAction] => [
    "STEP",
    action,
  ]),
  ...(["START", "SUCCEED", "FAIL"] as const).map((action): ["CONTEXT", OperationAction] => [
    "CONTEXT",
    action,
  ]),
  ["WAIT", "START"],
  ["CALLBACK", "START"],
  ["CHAINED_INVOKE", "START"],
  ["EXECUTION", "SUCCEED"],
  ["EXECUTION", "FAIL"],
];

const update: fc.Arbitrary<OperationUpdate> = fc
  .constantFrom(...ACTIONS)
  .chain(([Type, Action]) =>
    fc
      .tuple(identity, outcome, options(Type, Action))
      .map((parts) => Object.assign({}, ...parts, { Type, Action })),
  );

/** A START and directly after it an end of the same operation: these become one. */
const startAndEnd: fc.Arbitrary<LogRecord[]> = fc
  .constantFrom(
    ...ACTIONS.filter(([type, action]) => (type === "STEP" || type === "CONTEXT") && action !== "START"),
  )
  .chain(([Type, Action]) =>
    fc
      .tuple(identity, outcome, fc.boolean(), outcome, options(Type, Action), options(Type, "START"))
      .map(([same, start, isBare, end, more, moreOfStart]) => {
        const { AtMs } = start;
        const bare = AtMs === undefined ? {} : { AtMs };
        return [
          {
            update: {
              ...same,
              ...(isBare ? bare : { ...start, ...moreOfStart }),
              Type,
              Action: "START" as const,
            },
          },
          { update: { ...same, ...end, ...more, Type, Action } },
        ];
      }),
  );

const records: fc.Arbitrary<LogRecord[]> = fc
  .array(
    fc.oneof(
      update.map((each): LogRecord[] => [{ update: each }]),
      event.map((each): LogRecord[] => [{ event: each }]),
      startAndEnd,
    ),
    { maxLength: 8 },
  )
  .map((groups) => groups.flat());

const entry: fc.Arbitrary<LogEntry> = fc.record(
  {
    sequence: fc.integer({ min: 1, max: 1_000_000 }),
    epoch: fc.nat(),
    nonce: text,
    atMs: fc.constant(AT_MS),
    barrier: fc.record({
      previous: fc.record(
        { epoch: fc.nat(), startedAtMs: fc.nat(), endedAtMs: fc.nat(), error },
        { requiredKeys: ["epoch", "startedAtMs", "endedAtMs"] },
      ),
    }),
    records,
  },
  { requiredKeys: ["sequence", "epoch", "nonce", "atMs", "records"] },
) as fc.Arbitrary<LogEntry>;

function entryOf(...updates: OperationUpdate[]): LogEntry {
  return {
    sequence: 4,
    epoch: 2,
    nonce: "n",
    atMs: AT_MS,
    records: updates.map((each) => ({ update: each })),
  };
}

describe("entry codec", () => {
  it("gives back any entry as it was", () => {
    fc.assert(
      fc.property(entry, (each) => expect(decodeEntry(encodeEntry(each), each.sequence)).toEqual(each)),
      { numRuns: 1_000 },
    );
  });

  it("writes what goes without saying not at all", () => {
    const step = { Id: "3-1", ParentId: "3", Type: "STEP", SubType: "Step", Name: "charge" } as const;

    const written = encodeEntry(
      entryOf(
        { ...step, Action: "START", AtMs: AT_MS - 40 },
        { ...step, Action: "SUCCEED", Payload: "1", AtMs: AT_MS - 3 },
      ),
    );

    expect(JSON.parse(written)).toEqual({
      v: 1,
      e: 2,
      n: "n",
      t: AT_MS,
      r: [{ i: "3-1", k: "Ss+", n: "charge", d: "1", t: 3, u: 40 }],
    });
  });

  it("keeps a START that says more than its end apart", () => {
    const step = { Id: "1", Type: "STEP", SubType: "Step" } as const;
    const each = entryOf({ ...step, Action: "START", Payload: "before" }, { ...step, Action: "SUCCEED" });

    expect(decodeEntry(encodeEntry(each), 4)).toEqual(each);
  });

  it("says which version wrote an entry that it cannot read", () => {
    expect(() => decodeEntry('{"v":2,"e":1,"n":"n","t":1,"r":[]}', 7)).toThrow(
      expect.objectContaining({
        code: "TIDEMARK_LOG_VERSION",
        message: expect.stringMatching(/entry 7 has format 2.*reads 1; upgrade/),
      }),
    );
  });

  it.each([
    "",
    "not JSON",
    '{"v":1,"e":1',
    "null",
    "17",
    '"text"',
    "[]",
    "{}",
    '{"v":1}',
    '{"v":1,"r":{}}',
    '{"v":1,"e":1,"n":"n","t":1,"r":[null]}',
    '{"v":1,"e":1,"n":"n","t":1,"r":[{}]}',
    '{"v":1,"e":1,"n":"n","t":1,"r":["S+"]}',
    '{"v":1,"e":1,"n":"n","t":1,"r":[{"i":"1","k":5}]}',
    '{"v":1,"e":1,"n":"n","t":1,"r":[{"i":"1","k":"?+"}]}',
    '{"v":1,"e":1,"n":"n","t":1,"r":[{"i":"1","k":"S?"}]}',
    '{"v":1,"e":1,"n":"n","t":1,"r":[{"k":"S+"}]}',
  ])("says that it cannot read %j, and which entry it is", (garbage) => {
    expect(() => decodeEntry(garbage, 7)).toThrow(
      expect.objectContaining({
        code: "TIDEMARK_LOG_CORRUPT",
        message: expect.stringContaining("log entry 7"),
      }),
    );
  });
});
