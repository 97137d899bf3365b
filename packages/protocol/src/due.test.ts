import fc from "fast-check";
import { type Due, DueQueue } from "./due.js";

interface Item extends Due {
  isLive: boolean;
}

function inOrder(items: readonly Item[]): Item[] {
  return items.filter(({ isLive }) => isLive).sort((a, b) => a.dueAtMs - b.dueAtMs || a.order - b.order);
}

function queueOf(dueTimesMs: readonly number[]): { queue: DueQueue<Item>; items: Item[] } {
  const queue = new DueQueue<Item>(({ isLive }) => isLive);
  const items = dueTimesMs.map((dueAtMs, order) => ({ dueAtMs, order, isLive: true }));
  for (const item of items) queue.add(item);
  return { queue, items };
}

describe("DueQueue", () => {
  it("gives items in the order of due time and then of creation", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), (dueTimesMs) => {
        const { queue, items } = queueOf(dueTimesMs);

        const taken: Item[] = [];
        for (let item = queue.takeDue(20); item !== undefined; item = queue.takeDue(20)) taken.push(item);

        expect(taken).toEqual(inOrder(items));
      }),
    );
  });

  it("does what a sorted list would do, whatever is added, taken and cancelled in between", () => {
    const action = fc.oneof(
      fc.record({ kind: fc.constant("add" as const), value: fc.nat(30) }),
      fc.record({ kind: fc.constant("take" as const), value: fc.nat(30) }),
      fc.record({ kind: fc.constant("cancel" as const), value: fc.nat(30) }),
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 200 }), (actions) => {
        const queue = new DueQueue<Item>(({ isLive }) => isLive);
        let listed: Item[] = [];
        for (const [order, { kind, value }] of actions.entries()) {
          const next = inOrder(listed)[0];
          if (kind === "add") {
            const item = { dueAtMs: value, order, isLive: true };
            queue.add(item);
            listed.push(item);
          } else if (kind === "take") {
            const isDue = next !== undefined && next.dueAtMs <= value;
            expect(queue.takeDue(value)).toBe(isDue ? next : undefined);
            if (isDue) listed = listed.filter((item) => item !== next);
          } else if (listed.length > 0) {
            (listed[value % listed.length] as Item).isLive = false;
          }
          expect(queue.peek()).toBe(inOrder(listed)[0]);
        }
      }),
    );
  });

  it("takes an item when its time has come and not before", () => {
    const { queue, items } = queueOf([100]);

    expect(queue.takeDue(99)).toBeUndefined();
    expect(queue.takeDue(100)).toBe(items[0]);
    expect(queue.takeDue(100)).toBeUndefined();
  });

  it("only looks when it peeks", () => {
    const { queue, items } = queueOf([7, 3]);

    expect(queue.peek()).toBe(items[1]);
    expect(queue.peek()).toBe(items[1]);
  });
});
