/** Owns the contract of stores that outlive their process or that several processes share. */

import type { ExecutionStore } from "@tidemark/store";
import {
  callbackResult,
  ending,
  entry,
  execution,
  LEASE_MS,
  lease,
  message,
  startRunning,
  suspension,
  T0,
} from "./sample-executions";
import type { StoreFixture } from "./store-contract";

export function sharingContract(fixture: () => StoreFixture): void {
  it("can be reopened if it is durable, and opened twice if several processes may share it", () => {
    const { store, reopen, second } = fixture();

    expect(reopen !== undefined).toBe(store.manifest.durable);
    expect(second !== undefined).toBe(store.manifest.multiProcess);
  });

  describe("durability, where the manifest says so", () => {
    it("finds everything again after it was closed", async () => {
      const { store, reopen } = fixture();
      if (reopen === undefined) return;
      await startRunning(store, "parent", { input: '"in"', name: "n", tenantId: "t" });
      await store.append("parent", entry(1));
      await store.append("parent", entry(2));
      await store.post(message("parent"));
      await store.suspend(suspension("parent", { inboxCount: 1, dueAtMs: T0 + 50 }));
      await startRunning(store, "child", { parent: { executionId: "parent", operationId: "2" } });
      await store.finish(ending("child", { result: '"out"' }));
      await store.registerFunctions(["order"]);
      const before = await everything(store);

      const reopened = await reopen();

      expect(await everything(reopened)).toEqual(before);
      expect(before.parent?.inbox).toHaveLength(2);
    });

    it("finishes what was asked before it was closed", async () => {
      const { store, reopen } = fixture();
      if (reopen === undefined) return;
      await startRunning(store, "e1");

      const appended = Promise.all([1, 2, 3].map((sequence) => store.append("e1", entry(sequence))));
      const reopened = await reopen();

      expect(await appended).toEqual(Array(3).fill({ appended: true }));
      expect((await reopened.load("e1"))?.entries).toHaveLength(3);
    });

    it("refuses work after it was closed, and may be closed again", async () => {
      const { store, reopen } = fixture();
      if (reopen === undefined) return;
      await Promise.all([store.close(), store.close()]);
      await store.close();

      const closed = { code: "TIDEMARK_STORE_CLOSED" };
      await expect(store.start(execution("e1"))).rejects.toMatchObject(closed);
      await expect(store.append("e1", entry(1))).rejects.toMatchObject(closed);
      await expect(store.load("e1")).rejects.toMatchObject(closed);
      await expect(store.due(T0, 1)).rejects.toMatchObject(closed);
    });
  });

  describe("several processes, where the manifest says so", () => {
    it("shows each what the other has written", async () => {
      const { store, second } = fixture();
      if (second === undefined) return;
      const other = await second();

      await startRunning(store, "e1");
      await store.append("e1", entry(1));
      expect(await other.append("e1", entry(2))).toEqual({ appended: true });
      await other.registerFunctions(["order"]);

      expect(await other.head("e1")).toEqual(await store.head("e1"));
      expect((await store.load("e1"))?.entries).toEqual([entry(1), entry(2)]);
      expect(await store.hasFunction("order")).toBe(true);
    });

    it("gives a lease, a sequence number, a key and an end to one of both", async () => {
      const { store, second } = fixture();
      if (second === undefined) return;
      const both = [store, await second()];
      await store.start(execution("e1"));
      await startRunning(store, "e2");

      const leases = await Promise.all(
        both.map((each, index) => each.acquire(lease("e1", { owner: `w${index}` }))),
      );
      const appends = await Promise.all(
        both.map((each, index) => each.append("e1", entry(1, { nonce: `n${index}` }))),
      );
      const posts = await Promise.all(
        both.map((each, index) => each.post(message("e1", { event: callbackResult("1", `"${index}"`) }))),
      );
      const ends = await Promise.all(
        both.map((each, index) => each.finish(ending("e2", { result: `"${index}"` }))),
      );

      expect(leases.filter((head) => head !== undefined)).toHaveLength(1);
      expect(appends.filter(({ appended }) => appended)).toHaveLength(1);
      expect(posts.map(({ kind }) => kind).sort()).toEqual(["posted", "taken"]);
      expect([...ends].sort()).toEqual(["ended", "finished"]);
      expect(await both[1]?.load("e1")).toEqual(await store.load("e1"));
      expect(await both[1]?.head("e2")).toEqual(await store.head("e2"));
    });

    it("tells each of what the other has changed, without being asked", async () => {
      const { store, second } = fixture();
      if (second === undefined) return;
      const other = await second();
      const told = new Promise<string>((resolve) => other.onChange(resolve));

      await store.start(execution("e1"));

      expect(["", "e1"]).toContain(await told);
      expect((await other.due(T0, 1)).executionIds).toEqual(["e1"]);
    });

    it("tells also while it writes itself", async () => {
      const { store, second } = fixture();
      if (second === undefined) return;
      const other = await second();
      await startRunning(other, "own");
      let isTold = false;
      other.onChange((id) => {
        isTold ||= id !== "own";
      });
      await store.start(execution("e1"));

      for (let round = 1; !isTold && round < 10_000; round++)
        await other.renew("own", 1, T0 + LEASE_MS + round);

      expect(isTold).toBe(true);
    });
  });
}

async function everything(store: ExecutionStore) {
  return {
    parent: await store.load("parent"),
    child: await store.load("child"),
    list: await store.list({ limit: 10 }),
    due: await store.due(T0 + 1_000, 10),
    hasFunction: await store.hasFunction("order"),
  };
}
