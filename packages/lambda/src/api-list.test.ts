/** A list costs what it gives and what its filters drop, and each of its pages is bounded. */

import { DurableClient } from "@tidemark/runtime";
import { MemoryStore } from "@tidemark/store";
import { storeWith, VirtualClock } from "@tidemark/testing";
import { listExecutions } from "./api-list";

const START_MS = 1_800_000_000_000;

/** Executions `e.0` to `e.<count - 1>`, one a second; those of `failed` have failed. */
async function listed(count: number, failed: readonly number[]) {
  const memory = new MemoryStore();
  for (let n = 0; n < count; n++) {
    const startedAtMs = START_MS + n * 1000;
    const executionId = `e.${n}`;
    const times = { startedAtMs, timeoutAtMs: startedAtMs + 1000, retentionMs: 1000 };
    await memory.start({ executionId, functionName: "e", name: String(n), ...times });
    if (failed.includes(n))
      await memory.finish({ executionId, epoch: undefined, status: "FAILED", endedAtMs: startedAtMs });
  }
  let looks = 0;
  const store = storeWith(memory, {
    list(request) {
      looks += 1;
      return memory.list(request);
    },
  });
  const client = new DurableClient({ store, clock: new VirtualClock() });
  /** The names on each page, and the looks at the store that it took. */
  return async (query: string): Promise<(readonly [looks: number, ...names: unknown[]])[]> => {
    const pages: (readonly [looks: number, ...names: unknown[]])[] = [];
    let marker: string | undefined;
    do {
      const parameters = new URLSearchParams(query);
      if (marker !== undefined) parameters.set("Marker", marker);
      looks = 0;
      const page = (await listExecutions(client, "e", parameters)) as {
        DurableExecutions: { DurableExecutionName: string }[];
        NextMarker?: string;
      };
      pages.push([looks, ...page.DurableExecutions.map(({ DurableExecutionName }) => DurableExecutionName)]);
      marker = page.NextMarker;
    } while (marker !== undefined);
    return pages;
  };
}

it("what the store can filter takes one look a page", async () => {
  const list = await listed(60, [3, 7, 50]);

  expect(await list("Statuses=FAILED&MaxItems=2")).toEqual([
    [1, "50", "7"],
    [1, "3"],
  ]);
  expect((await list("MaxItems=59")).map(([looks, ...names]) => [looks, names.length])).toEqual([
    [1, 59],
    [1, 1],
  ]);
});

it("what it cannot filter is looked at in larger portions, and nothing is left out between pages", async () => {
  const list = await listed(60, [3, 7, 50]);

  expect(await list("Statuses=FAILED&Statuses=STOPPED&MaxItems=1")).toEqual([
    [1, "50"],
    [1, "7"],
    [1, "3"],
  ]);
  expect(await list("Statuses=FAILED&Statuses=STOPPED&MaxItems=2&ReverseOrder=true")).toEqual([
    [1, "3", "7"],
    [1, "50"],
  ]);
  expect(await list("DurableExecutionName=7")).toEqual([[1, "7"]]);
});

it("a page may have less than there is room for, and the next one goes on", async () => {
  const list = await listed(1_050, []);

  expect(await list("DurableExecutionName=7")).toEqual([[10], [1, "7"]]);
});
