/** Owns the contract of what people look for: list, functions, and the notice of changes. */

import type { ExecutionStore, ListRequest } from "@tidemark/store";
import { ending, entry, execution, lease, message, startRunning, suspension, T0 } from "./sample-executions";

/** Id, function, start and status; several start in the same millisecond. */
const LISTED = [
  ["a", "order", T0 + 1, "PENDING"],
  ["b", "refund", T0 + 2, "SUCCEEDED"],
  ["d", "order", T0 + 3, "RUNNING"],
  ["c", "order", T0 + 3, "FAILED"],
  ["e", "refund", T0 + 3, "PENDING"],
  ["f", "order", T0 + 4, "SUCCEEDED"],
  ["g", "order", T0 + 5, "STOPPED"],
  ["h", "refund", T0 + 6, "TIMED_OUT"],
  ["i", "order", T0 + 6, "SUCCEEDED"],
] as const;

/** In the order of start and then of id. */
const OLDEST_FIRST = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];

const FILTERS: [string, Omit<ListRequest, "limit">, string[]][] = [
  ["no filter", {}, OLDEST_FIRST],
  ["a function", { functionName: "refund" }, ["b", "e", "h"]],
  ["a function that has none", { functionName: "nothing" }, []],
  ["PENDING", { status: "PENDING" }, ["a", "e"]],
  ["RUNNING", { status: "RUNNING" }, ["d"]],
  ["SUCCEEDED", { status: "SUCCEEDED" }, ["b", "f", "i"]],
  ["FAILED", { status: "FAILED" }, ["c"]],
  ["STOPPED", { status: "STOPPED" }, ["g"]],
  ["TIMED_OUT", { status: "TIMED_OUT" }, ["h"]],
  ["a function and SUCCEEDED", { functionName: "order", status: "SUCCEEDED" }, ["f", "i"]],
  ["a function and PENDING", { functionName: "order", status: "PENDING" }, ["a"]],
  ["a function and FAILED", { functionName: "refund", status: "FAILED" }, []],
  ["a time after", { startedAfterMs: T0 + 3 }, ["f", "g", "h", "i"]],
  ["a time before", { startedBeforeMs: T0 + 3 }, ["a", "b"]],
  ["a time between", { startedAfterMs: T0 + 2, startedBeforeMs: T0 + 4 }, ["c", "d", "e"]],
  [
    "everything at once",
    { functionName: "order", status: "SUCCEEDED", startedAfterMs: T0 + 4, startedBeforeMs: T0 + 7 },
    ["i"],
  ],
];

export function listingContract(store: () => ExecutionStore): void {
  async function startListed(): Promise<void> {
    for (const [id, functionName, startedAtMs, status] of LISTED) {
      await store().start(execution(id, { functionName, startedAtMs }));
      if (status === "RUNNING") await store().acquire(lease(id, { nowMs: startedAtMs }));
      else if (status !== "PENDING") await store().finish(ending(id, { epoch: undefined, status }));
    }
  }

  async function idsOfPages(request: ListRequest): Promise<string[][]> {
    const pages: string[][] = [];
    let cursor: string | undefined;
    do {
      const page = await store().list(cursor === undefined ? request : { ...request, cursor });
      pages.push(page.heads.map(({ executionId }) => executionId));
      cursor = page.cursor;
      // A listing that stands still fails here, and does not fill the memory.
    } while (cursor !== undefined && pages.length <= LISTED.length);
    return pages;
  }

  describe("list", () => {
    it.each(FILTERS)(
      "finds by %s, newest first and oldest first, in pages of any size",
      async (_, filter, ids) => {
        await startListed();

        for (const oldestFirst of [true, false]) {
          const expected = oldestFirst ? ids : [...ids].reverse();
          for (const limit of [1, 2, 3, ids.length + 1]) {
            const pages = await idsOfPages({ ...filter, oldestFirst, limit });
            expect(pages.flat()).toEqual(expected);
            expect(pages.slice(0, -1).every((page) => page.length === limit)).toBe(true);
            expect(pages.at(-1)?.length).toBeLessThanOrEqual(limit);
          }
        }
      },
    );

    it("gives newest first when nothing else is asked, as whole heads", async () => {
      await store().start(execution("old", { input: '"in"', name: "n1" }));
      await startRunning(store(), "new", { startedAtMs: T0 + 1 });
      await store().finish(ending("new", { result: '"out"' }));

      const { heads, cursor } = await store().list({ limit: 10 });

      expect(heads).toEqual([await store().head("new"), await store().head("old")]);
      expect(heads[1]?.input).toBe('"in"');
      expect(cursor).toBeUndefined();
    });

    it("has no cursor when the last page is full", async () => {
      await startListed();

      expect((await store().list({ limit: LISTED.length })).cursor).toBeUndefined();
    });

    it("goes on where the page ended, whatever starts or goes meanwhile", async () => {
      await startListed();
      const first = await store().list({ limit: 3 });
      await store().start(execution("newest", { startedAtMs: T0 + 100 }));
      await store().purge(first.heads.at(-1)?.executionId as string);

      const second = await store().list({ limit: 3, cursor: first.cursor });

      expect(second.heads.map(({ executionId }) => executionId)).toEqual(["f", "e", "d"]);
    });

    it("refuses a cursor that no listing gave", async () => {
      await expect(store().list({ limit: 3, cursor: "nonsense" })).rejects.toMatchObject({
        code: "TIDEMARK_CURSOR",
      });
    });
  });

  describe("registerFunctions", () => {
    it("remembers functions, once however often they are registered", async () => {
      await store().registerFunctions(["order", "refund"]);
      await store().registerFunctions(["order"]);
      await store().registerFunctions([]);

      expect(await store().hasFunction("order")).toBe(true);
      expect(await store().hasFunction("refund")).toBe(true);
      expect(await store().hasFunction("Order")).toBe(false);
    });
  });

  describe("onChange", () => {
    it("tells of all that may have become due or ended, not before it can be read", async () => {
      await startRunning(store(), "parent");
      const seen: Promise<string>[] = [];
      store().onChange((id) =>
        seen.push(
          store()
            .head(id)
            .then((head) => `${id} ${head?.status}`),
        ),
      );
      const toldOf = async () => [...new Set(await Promise.all(seen.splice(0)))];

      await store().start(execution("child", { parent: { executionId: "parent", operationId: "2" } }));
      expect(await toldOf()).toEqual(["child PENDING"]);
      await store().acquire(lease("child"));
      seen.length = 0;
      await store().post(message("child"));
      expect(await toldOf()).toEqual(["child RUNNING"]);
      await store().suspend(suspension("child"));
      expect(await toldOf()).toEqual(["child PENDING"]);
      await store().finish(ending("child", { status: "STOPPED" }));
      expect((await toldOf()).sort()).toEqual(["child STOPPED", "parent RUNNING"]);
      await store().resume("child", T0);
      expect(await toldOf()).toEqual(["child PENDING"]);
    });

    it("tells of nothing that was refused, and nothing of renewals and appends", async () => {
      await startRunning(store(), "e1");
      await store().post(message("e1"));
      const seen: string[] = [];
      store().onChange((id) => seen.push(id));

      await store().start(execution("e1"));
      await store().append("e1", entry(1));
      await store().renew("e1", 1, T0 + 99_000);
      await store().post(message("e1"));
      await store().resume("e1", T0);
      await store().finish(ending("e1", { epoch: 7 }));

      expect(seen).toEqual([]);
    });

    it("tells every listener until it stops", async () => {
      const first: string[] = [];
      const second: string[] = [];
      const stopFirst = store().onChange((id) => first.push(id));
      store().onChange((id) => second.push(id));

      await store().start(execution("e1"));
      stopFirst();
      stopFirst();
      await store().start(execution("e2"));

      expect(first).toEqual(["e1"]);
      expect(second).toEqual(["e1", "e2"]);
    });
  });
}
