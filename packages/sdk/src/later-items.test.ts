import type { Operation } from "@tidemark/protocol";
import { itemsAtOnce, LaterItems } from "./later-items.js";

type InLog = Pick<Operation, "StartedAfter" | "StartOrder">;

/** Groups by name, with what the log says of the first item of each, and the names of those that have begun. */
function laterItems(groups: Record<string, InLog | undefined>): {
  readonly later: LaterItems;
  readonly begun: string[];
} {
  const begun: string[] = [];
  const later = new LaterItems();
  for (const [name, first] of Object.entries(groups)) {
    later.add(
      first && { Id: name, Type: "CONTEXT", StartTimestamp: new Date(0), Status: "STARTED", ...first },
      () => begun.push(name),
    );
  }
  return { later, begun };
}

describe("a group that the log has", () => {
  it("begins after the outcome that the code had been given, and before the next, one position further", () => {
    const { later, begun } = laterItems({ a: { StartedAfter: 5, StartOrder: 9 } });
    expect([later.hasRecordedBefore(5), later.takeRecordedBefore(5)]).toEqual([false, undefined]);
    expect(later.hasRecordedBefore(6)).toBe(true);
    later.takeRecordedBefore(6)?.(5);
    expect([begun, later.hasRecordedBefore(), later.takeRecordedBefore()]).toEqual([["a"], false, undefined]);
  });

  it("begins before any outcome if it began before any", () => {
    const { later } = laterItems({ a: { StartedAfter: 0, StartOrder: 3 } });
    expect(later.hasRecordedBefore(1)).toBe(true);
  });

  it("begins in the order of the log, whichever batch runs first, and also when no outcome is left", () => {
    const { later, begun } = laterItems({
      late: { StartedAfter: 5, StartOrder: 20 },
      early: { StartedAfter: 5, StartOrder: 12 },
      unknown: undefined,
    });
    later.takeRecordedBefore()?.(5);
    later.takeRecordedBefore()?.(5);
    expect([begun, later.takeRecordedBefore()]).toEqual([["early", "late"], undefined]);
  });
});

test("groups that the log does not have begin in the order in which they were left", () => {
  const { later, begun } = laterItems({ a: undefined, b: {}, c: { StartedAfter: 1, StartOrder: 2 } });
  for (let next = later.takeUnrecorded(); next !== undefined; next = later.takeUnrecorded()) next(0);
  expect([begun, later.hasRecordedBefore()]).toEqual([["a", "b"], true]);
});

test("a thousand and then a hundred begin at once; all on a backend that is reached by the two calls alone", () => {
  expect(itemsAtOnce({})).toEqual({ first: 1_000, later: 100 });
  expect(itemsAtOnce(undefined)).toEqual({
    first: Number.POSITIVE_INFINITY,
    later: Number.POSITIVE_INFINITY,
  });
});
