import type { LogEntry, OperationUpdate } from "@tidemark/protocol";
import { type GoldenHistory, readGoldenHistories } from "./golden";
import { goldenHandlers } from "./handlers";
import { replay } from "./replay";

const histories = readGoldenHistories();

/** No operation that code asks for: its name is the version that it records. */
const isVersionMarker = ({ SubType }: OperationUpdate): boolean => SubType === "Version";

/** The history with every update of an operation changed by `change`. */
function mutated(
  history: GoldenHistory,
  change: (update: OperationUpdate) => OperationUpdate,
): GoldenHistory {
  const entries = history.entries.map(
    (entry): LogEntry => ({
      ...entry,
      records: entry.records.map((record) =>
        record.update === undefined || isVersionMarker(record.update)
          ? record
          : { update: change(record.update) },
      ),
    }),
  );
  return { ...history, entries };
}

function handlerOf(history: GoldenHistory, counter = { ran: 0 }) {
  const make = goldenHandlers[history.handler];
  if (make === undefined) throw new Error(`no handler ${history.handler}`);
  return make(counter);
}

test("there is a history of every handler", () => {
  expect(new Set(histories.map((history) => history.handler))).toEqual(new Set(Object.keys(goldenHandlers)));
});

describe.each(histories.map((history) => [`${history.release} ${history.handler}`, history] as const))(
  "history %s",
  (_name, history) => {
    test("replays to the recorded result, runs no body and writes nothing", async () => {
      const counter = { ran: 0 };
      const { output, writes } = await replay(history, handlerOf(history, counter));
      expect(output).toEqual({ Status: "SUCCEEDED", Result: history.head.result });
      expect(writes).toEqual([]);
      expect(counter.ran).toBe(0);
    });

    test.each([
      ["another name", (update: OperationUpdate) => ({ ...update, Name: `${update.Name ?? ""}!` })],
      ["another subtype", (update: OperationUpdate) => ({ ...update, SubType: "Other" })],
    ])("is refused with %s", async (_what, change) => {
      const counter = { ran: 0 };
      const { output, writes } = await replay(mutated(history, change), handlerOf(history, counter));
      expect(output).toMatchObject({
        Status: "FAILED",
        Error: { ErrorType: "NonDeterministicExecutionError" },
      });
      expect(writes).toEqual([]);
      expect(counter.ran).toBe(0);
    });

    test("is refused with an operation that the code no longer asks for", async () => {
      const last = history.entries.at(-1) as LogEntry;
      const extra: LogEntry = {
        ...last,
        sequence: last.sequence + 1,
        barrier: undefined,
        records: [
          { update: { Id: "999", Type: "STEP", SubType: "Step", Name: "removed", Action: "SUCCEED" } },
        ],
      };
      const longer = { ...history, entries: [...history.entries, extra] };
      const counter = { ran: 0 };
      const { output } = await replay(longer, handlerOf(history, counter));
      expect(output).toMatchObject({
        Status: "FAILED",
        Error: {
          ErrorType: "NonDeterministicExecutionError",
          ErrorMessage: expect.stringContaining('operation 999: the log has STEP (Step) "removed" next'),
        },
      });
      expect(counter.ran).toBe(0);
    });
  },
);
