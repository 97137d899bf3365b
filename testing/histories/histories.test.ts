import { exportHistory, isStandIn, type LogEntry, type OperationUpdate } from "@tidemark/protocol";
import { type HistoryReplay, replayHistory } from "@tidemark/testing";
import { type GoldenHistory, readGoldenHistories } from "./golden";
import { goldenHandlers } from "./handlers";

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

/** Replays the history, and counts the bodies that ran. */
async function replay(history: GoldenHistory): Promise<{ replayed: HistoryReplay; ran: number }> {
  const counter = { ran: 0 };
  const exported = await exportHistory(history, history.payloads);
  const replayed = await replayHistory(handlerOf(history, counter), exported);
  return { replayed, ran: counter.ran };
}

test("there is a history of every handler", () => {
  expect(new Set(histories.map((history) => history.handler))).toEqual(new Set(Object.keys(goldenHandlers)));
});

test("in one of them results of contexts are elsewhere, and the summary of a nested batch, too", () => {
  const ends = histories
    .filter(({ handler }) => handler === "storedContexts")
    .flatMap(({ entries }) => entries.flatMap(({ records }) => records.map(({ update }) => update)))
    .filter((update) => update?.Type === "CONTEXT" && update.Action === "SUCCEED");
  expect(
    ends.map((update) => [update?.Name, isStandIn(update?.Payload), update?.ContextOptions?.ReplayChildren]),
  ).toEqual([
    ["large", true, undefined],
    ["map-item-0", true, undefined],
    ["map-item-1", true, undefined],
    ["nested", true, true],
    ["flat", true, undefined],
  ]);
});

describe.each(histories.map((history) => [`${history.release} ${history.handler}`, history] as const))(
  "history %s",
  (_name, history) => {
    test("replays to the recorded result, runs no body and writes nothing", async () => {
      expect(await replay(history)).toEqual({
        replayed: {
          kind: "matches",
          outcome: {
            status: "SUCCEEDED",
            result: await history.payloads.read(history.head.result as string),
          },
        },
        ran: 0,
      });
    });

    test.each([
      ["another name", (update: OperationUpdate) => ({ ...update, Name: `${update.Name ?? ""}!` })],
      ["another subtype", (update: OperationUpdate) => ({ ...update, SubType: "Other" })],
    ])("is refused with %s", async (_what, change) => {
      expect(await replay(mutated(history, change))).toEqual({
        replayed: {
          kind: "diverges",
          message: expect.stringContaining("the log has"),
          operation: expect.any(String),
          recorded: expect.any(String),
          actual: expect.any(String),
          source: expect.stringMatching(/handlers\.ts:\d+:\d+$/),
        },
        ran: 0,
      });
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
      expect(await replay(longer)).toMatchObject({
        replayed: {
          kind: "diverges",
          message: expect.stringContaining('operation 999: the log has STEP (Step) "removed" next'),
          operation: "999",
          recorded: 'STEP (Step) "removed"',
          actual: undefined,
        },
        ran: 0,
      });
    });
  },
);
