/** Owns the contract of starting an execution and of holding its lease: start, head, acquire, renew, suspend, due. */

import type { ExecutionStore } from "@tidemark/store";
import {
  ending,
  execution,
  LEASE_MS,
  lease,
  message,
  startEnded,
  startRunning,
  suspension,
  T0,
} from "./sample-executions";

const INVOCATION = { epoch: 1, startedAtMs: T0, endedAtMs: T0 + 5 };

export function leaseContract(store: () => ExecutionStore): void {
  describe("start", () => {
    it("creates an execution that is due at once", async () => {
      const started = await store().start(execution("e1"));

      const head = { ...execution("e1"), status: "PENDING", epoch: 0, inboxCount: 0, dueAtMs: T0 };
      expect(started).toEqual({ created: true, head });
      expect(await store().head("e1")).toEqual(head);
      expect(await store().load("e1")).toEqual({ head, entries: [], inbox: [] });
    });

    it("keeps every field, and every character of the input", async () => {
      const whole = execution("e1", {
        name: "order-17",
        tenantId: "tenant ß",
        parent: { executionId: "p1", operationId: "3-1" },
        input: `{"text":"a\u0000b 'quoted' \\ \u{1F600} ${"long ".repeat(3_000)}"}`,
      });
      await store().start(whole);

      expect(await store().head("e1")).toMatchObject(whole);
    });

    it("leaves an execution that exists as it is", async () => {
      await startRunning(store(), "e1", { input: "1" });
      const before = await store().head("e1");

      const again = await store().start(
        execution("e1", { functionName: "other", input: "2", startedAtMs: T0 + 9 }),
      );

      expect(again).toEqual({ created: false, head: before });
      expect(await store().head("e1")).toEqual(before);
    });

    it("creates once when many start at the same time", async () => {
      const started = await Promise.all(
        ["a", "b", "c", "d"].map((input) => store().start(execution("e1", { input }))),
      );

      const created = started.filter((result) => result.created);
      expect(created).toHaveLength(1);
      expect(new Set(started.map(({ head }) => head.input))).toEqual(new Set([created[0]?.head.input]));
    });

    it("knows nothing of an id that was never started", async () => {
      expect(await store().head("nobody")).toBeUndefined();
      expect(await store().load("nobody")).toBeUndefined();
    });

    it("is seen by a read that is issued after it, also before it has settled", async () => {
      const started = store().start(execution("e1"));
      const read = store().head("e1");

      expect((await read)?.executionId).toBe("e1");
      await started;
    });
  });

  describe("acquire", () => {
    it("takes the lease with the next epoch", async () => {
      await store().start(execution("e1", { input: '"in"' }));

      const head = await store().acquire(lease("e1", { nowMs: T0 + 7 }));

      expect(head).toEqual({
        ...execution("e1", { input: '"in"' }),
        status: "RUNNING",
        epoch: 1,
        owner: "worker-a",
        invokedAtMs: T0 + 7,
        dueAtMs: T0 + 7 + LEASE_MS,
        inboxCount: 0,
      });
      expect(await store().head("e1")).toEqual(head);
    });

    it("takes nothing that is not due yet", async () => {
      await startRunning(store(), "e1");
      await store().suspend(suspension("e1", { dueAtMs: T0 + 100 }));

      expect(await store().acquire(lease("e1", { nowMs: T0 + 99 }))).toBeUndefined();
      expect(await store().acquire(lease("e1", { nowMs: T0 + 100 }))).toMatchObject({ epoch: 2 });
    });

    it("takes nothing that waits for the outside alone", async () => {
      await startRunning(store(), "e1");
      await store().suspend(suspension("e1"));

      expect(await store().acquire(lease("e1", { nowMs: T0 * 2 }))).toBeUndefined();
    });

    it("takes a lease over only when it has run out", async () => {
      await startRunning(store(), "e1");

      const early = await store().acquire(lease("e1", { owner: "worker-b", nowMs: T0 + LEASE_MS - 1 }));
      const late = await store().acquire(lease("e1", { owner: "worker-b", nowMs: T0 + LEASE_MS }));

      expect(early).toBeUndefined();
      expect(late).toMatchObject({
        status: "RUNNING",
        epoch: 2,
        owner: "worker-b",
        invokedAtMs: T0 + LEASE_MS,
      });
    });

    it("says how the invocation before it ended, unless that one's lease ran out", async () => {
      await startRunning(store(), "e1");
      await store().suspend(suspension("e1", { dueAtMs: T0, invocation: INVOCATION }));

      const second = await store().acquire(lease("e1"));
      const third = await store().acquire(lease("e1", { nowMs: T0 + LEASE_MS }));

      expect(second?.lastInvocation).toEqual(INVOCATION);
      expect(third).toMatchObject({ epoch: 3 });
      expect(third).not.toHaveProperty("lastInvocation");
    });

    it("takes nothing that has ended, and nothing unknown", async () => {
      await startEnded(store(), "e1");

      expect(await store().acquire(lease("e1", { nowMs: T0 * 2 }))).toBeUndefined();
      expect(await store().acquire(lease("nobody"))).toBeUndefined();
    });

    it("gives the lease to one of many that ask at the same time", async () => {
      await store().start(execution("e1"));

      const owners = ["a", "b", "c", "d", "e"];
      const heads = await Promise.all(owners.map((owner) => store().acquire(lease("e1", { owner }))));

      const taken = heads.filter((head) => head !== undefined);
      expect(taken).toHaveLength(1);
      expect(await store().head("e1")).toEqual(taken[0]);
      expect(taken[0]?.epoch).toBe(1);
    });

    it("gives a lease that has run out to one of many that ask at the same time", async () => {
      await startRunning(store(), "e1");

      const owners = ["a", "b", "c", "d", "e"];
      const heads = await Promise.all(
        owners.map((owner) => store().acquire(lease("e1", { owner, nowMs: T0 + LEASE_MS }))),
      );

      expect(heads.filter((head) => head !== undefined).map((head) => head?.epoch)).toEqual([2]);
    });
  });

  describe("renew", () => {
    it("moves the end of the lease", async () => {
      await startRunning(store(), "e1");

      expect(await store().renew("e1", 1, T0 + 2 * LEASE_MS)).toBe(true);

      expect(await store().acquire(lease("e1", { nowMs: T0 + 2 * LEASE_MS - 1 }))).toBeUndefined();
      expect(await store().acquire(lease("e1", { nowMs: T0 + 2 * LEASE_MS }))).toMatchObject({ epoch: 2 });
    });

    it("renews a lease that has run out while nobody has taken it", async () => {
      await startRunning(store(), "e1");

      expect(await store().renew("e1", 1, T0 + 3 * LEASE_MS)).toBe(true);
    });

    it("refuses an epoch that does not hold the lease", async () => {
      await startRunning(store(), "taken-over");
      await store().acquire(lease("taken-over", { nowMs: T0 + LEASE_MS }));
      await startRunning(store(), "suspended");
      await store().suspend(suspension("suspended"));
      await startRunning(store(), "ended");
      await store().finish(ending("ended"));
      const before = await store().head("taken-over");

      for (const id of ["taken-over", "suspended", "ended", "nobody"]) {
        expect([id, await store().renew(id, 1, T0 + 9 * LEASE_MS)]).toEqual([id, false]);
      }
      expect(await store().renew("taken-over", 3, T0 + 9 * LEASE_MS)).toBe(false);
      expect(await store().head("taken-over")).toEqual(before);
    });
  });

  describe("suspend", () => {
    it("gives the lease back until it is due", async () => {
      await startRunning(store(), "e1");

      const outcome = await store().suspend(suspension("e1", { dueAtMs: T0 + 500, invocation: INVOCATION }));

      expect(outcome).toBe("suspended");
      expect(await store().head("e1")).toEqual({
        ...execution("e1"),
        status: "PENDING",
        epoch: 1,
        invokedAtMs: T0,
        dueAtMs: T0 + 500,
        lastInvocation: INVOCATION,
        inboxCount: 0,
      });
    });

    it("is due never when it waits for the outside alone", async () => {
      await startRunning(store(), "e1");

      expect(await store().suspend(suspension("e1"))).toBe("suspended");

      expect(await store().head("e1")).not.toHaveProperty("dueAtMs");
    });

    it("leaves the last invocation as it was when the lease was only used to look", async () => {
      await startRunning(store(), "e1");
      await store().suspend(suspension("e1", { dueAtMs: T0, invocation: INVOCATION }));
      await store().acquire(lease("e1"));

      await store().suspend(suspension("e1", { epoch: 2 }));

      expect((await store().head("e1"))?.lastInvocation).toEqual(INVOCATION);
    });

    it("keeps all that is said of the last invocation, through the next lease", async () => {
      const why = {
        ErrorType: "TIDEMARK_LOG_VERSION",
        ErrorMessage: "log entry 7 has format 2 \u2028 \ud800",
      };
      const invocation = { ...INVOCATION, error: why, unread: { sinceMs: T0 + 3, error: why } };
      await startRunning(store(), "e1");
      await store().suspend(suspension("e1", { dueAtMs: T0, invocation }));
      expect((await store().head("e1"))?.lastInvocation).toEqual(invocation);

      expect((await store().acquire(lease("e1")))?.lastInvocation).toEqual(invocation);
    });

    it("stays due when an event has come that the invocation has not seen", async () => {
      await startRunning(store(), "e1");
      await store().post(message("e1"));

      const outcome = await store().suspend(suspension("e1", { dueAtMs: T0 + 500, invocation: INVOCATION }));

      expect(outcome).toBe("inbox");
      expect(await store().head("e1")).toMatchObject({ status: "PENDING", lastInvocation: INVOCATION });
      expect(await store().acquire(lease("e1", { nowMs: T0 + 10 }))).toMatchObject({ epoch: 2 });
    });

    it("loses no event that comes at the same time", async () => {
      await startRunning(store(), "e1");

      const [outcome] = await Promise.all([
        store().suspend(suspension("e1", { dueAtMs: T0 + 500 })),
        store().post(message("e1")),
      ]);

      expect(["suspended", "inbox"]).toContain(outcome);
      expect(await store().acquire(lease("e1", { nowMs: T0 + 10 }))).toMatchObject({
        epoch: 2,
        inboxCount: 1,
      });
    });

    it("tells that it is due before the lease would have ended, which others wait for", async () => {
      for (const id of ["now", "soon", "later", "never"]) await startRunning(store(), id);
      const told: string[] = [];
      store().onChange((id) => told.push(id));

      await store().suspend(suspension("now", { dueAtMs: T0 }));
      await store().suspend(suspension("soon", { dueAtMs: T0 + LEASE_MS - 1 }));
      await store().suspend(suspension("later", { dueAtMs: T0 + LEASE_MS }));
      await store().suspend(suspension("never"));

      expect(told).toEqual(["now", "soon"]);
    });

    it("does not mind events that it has seen, or that wake nobody", async () => {
      await startRunning(store(), "e1");
      await store().post(message("e1", { key: "a" }));
      await store().post(message("e1", { key: "heartbeat", wake: false }));

      expect(await store().suspend(suspension("e1", { inboxCount: 1, dueAtMs: T0 + 500 }))).toBe("suspended");
      expect(await store().head("e1")).toMatchObject({ dueAtMs: T0 + 500, inboxCount: 1 });
    });

    it("refuses an epoch that does not hold the lease", async () => {
      await startRunning(store(), "taken-over");
      await store().acquire(lease("taken-over", { nowMs: T0 + LEASE_MS }));
      await startRunning(store(), "suspended");
      await store().suspend(suspension("suspended"));
      await startEnded(store(), "ended");
      const before = await store().head("taken-over");

      for (const id of ["taken-over", "suspended", "ended", "nobody"]) {
        expect([id, await store().suspend(suspension(id))]).toEqual([id, "superseded"]);
      }
      expect(await store().head("taken-over")).toEqual(before);
    });
  });

  describe("due", () => {
    async function startDueAt(executionId: string, dueAtMs: number): Promise<void> {
      await store().start(execution(executionId, { startedAtMs: dueAtMs }));
    }

    it("gives what is due, soonest first, and when the next one is", async () => {
      await startDueAt("third", T0 + 30);
      await startDueAt("first", T0 + 10);
      await startDueAt("later", T0 + 50);
      await startDueAt("second", T0 + 20);

      expect(await store().due(T0 + 30, 10)).toEqual({
        executionIds: ["first", "second", "third"],
        nextDueAtMs: T0 + 50,
      });
      expect(await store().due(T0 + 9, 10)).toEqual({ executionIds: [], nextDueAtMs: T0 + 10 });
    });

    it("gives at most as many as asked, and then when the next of them was due", async () => {
      for (const [index, id] of ["a", "b", "c"].entries()) await startDueAt(id, T0 + index);

      expect(await store().due(T0 + 100, 2)).toEqual({ executionIds: ["a", "b"], nextDueAtMs: T0 + 2 });
      expect(await store().due(T0 + 100, 3)).toEqual({ executionIds: ["a", "b", "c"] });
    });

    it("gives nothing and no time when nothing waits for time", async () => {
      await startRunning(store(), "waits-for-outside");
      await store().suspend(suspension("waits-for-outside"));
      await startEnded(store(), "ended");

      expect(await store().due(T0 * 2, 10)).toEqual({ executionIds: [] });
    });

    it("claims nothing: what is listed stays due until it is acquired", async () => {
      await startDueAt("e1", T0);

      expect((await store().due(T0, 10)).executionIds).toEqual(["e1"]);
      expect((await store().due(T0, 10)).executionIds).toEqual(["e1"]);
      await store().acquire(lease("e1"));
      expect(await store().due(T0, 10)).toEqual({ executionIds: [], nextDueAtMs: T0 + LEASE_MS });
    });

    it("gives executions whose lease has run out", async () => {
      await startRunning(store(), "e1");

      expect(await store().due(T0 + LEASE_MS, 10)).toEqual({ executionIds: ["e1"] });
    });

    it("knows an execution once, however often its time has moved there and back", async () => {
      await startRunning(store(), "e1");
      await startDueAt("e2", T0 + 5 * LEASE_MS);
      for (const factor of [2, 1, 2, 1]) await store().renew("e1", 1, T0 + factor * LEASE_MS);

      const due = await store().due(T0 + LEASE_MS, 1);

      expect(due).toEqual({ executionIds: ["e1"], nextDueAtMs: T0 + 5 * LEASE_MS });
    });

    it("gives the executions of the functions that are asked for, and when the next of theirs is due", async () => {
      await store().start(execution("e1", { functionName: "ship" }));
      await store().start(execution("e2", { startedAtMs: T0 + 1 }));
      await store().start(execution("e3", { startedAtMs: T0 + 2, functionName: "bill" }));
      await store().start(execution("e4", { startedAtMs: T0 + 9 }));

      expect(await store().due(T0 + 5, 10, ["order", "bill"])).toEqual({
        executionIds: ["e2", "e3"],
        nextDueAtMs: T0 + 9,
      });
      expect(await store().due(T0 + 5, 1, ["order", "bill"])).toEqual({
        executionIds: ["e2"],
        nextDueAtMs: T0 + 2,
      });
      expect(await store().due(T0 + 5, 10, ["nobody's"])).toEqual({ executionIds: [] });
      expect(await store().due(T0 + 5, 10)).toEqual({
        executionIds: ["e1", "e2", "e3"],
        nextDueAtMs: T0 + 9,
      });
    });
  });
}
