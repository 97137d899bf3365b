/** Owns the contract of how an execution ends and goes: finish, resume, purge, purgeExpired. */

import type { ExecutionStore } from "@tidemark/store";
import {
  callbackResult,
  ending,
  entry,
  execution,
  LEASE_MS,
  lease,
  message,
  RETENTION_MS,
  startEnded,
  startRunning,
  suspension,
  T0,
} from "./sample-executions";

const TERMINAL = ["SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED"] as const;

export function endingContract(store: () => ExecutionStore): void {
  describe("finish", () => {
    it.each(TERMINAL)("ends an execution as %s", async (status) => {
      await startRunning(store(), "e1");
      const invocation = { epoch: 1, startedAtMs: T0, endedAtMs: T0 + 900 };
      const outcome =
        status === "SUCCEEDED" ? { result: '"a\u0000b"' } : { error: { ErrorMessage: "broken" } };

      expect(await store().finish(ending("e1", { status, invocation, ...outcome }))).toBe("finished");

      expect(await store().head("e1")).toEqual({
        ...execution("e1"),
        status,
        epoch: 1,
        invokedAtMs: T0,
        inboxCount: 0,
        endedAtMs: T0 + 1_000,
        expiresAtMs: T0 + 1_000 + RETENTION_MS,
        lastInvocation: invocation,
        ...outcome,
      });
    });

    it("keeps the first end (invariant 5)", async () => {
      await startRunning(store(), "e1");
      await store().finish(ending("e1", { result: "1" }));
      const before = await store().head("e1");

      expect(await store().finish(ending("e1", { result: "2" }))).toBe("ended");
      expect(await store().finish(ending("e1", { epoch: undefined, status: "STOPPED" }))).toBe("ended");

      expect(await store().head("e1")).toEqual(before);
    });

    it("refuses an epoch that another has superseded", async () => {
      await startRunning(store(), "e1");
      const before = await store().acquire(lease("e1", { owner: "worker-b", nowMs: T0 + LEASE_MS }));

      expect(await store().finish(ending("e1", { result: "1" }))).toBe("superseded");

      expect(await store().head("e1")).toEqual(before);
      expect(await store().finish(ending("nobody"))).toBe("superseded");
    });

    it("ends an execution from outside whoever runs it, and the runner learns of it", async () => {
      await startRunning(store(), "running");
      await store().start(execution("pending"));
      const stop = { epoch: undefined, status: "STOPPED" } as const;

      expect(await store().finish(ending("running", stop))).toBe("finished");
      expect(await store().finish(ending("pending", stop))).toBe("finished");

      expect(await store().renew("running", 1, T0 + 2 * LEASE_MS)).toBe(false);
      expect(await store().suspend(suspension("running"))).toBe("superseded");
      expect(await store().finish(ending("running"))).toBe("ended");
    });

    it("ends once when several end it at the same time", async () => {
      await startRunning(store(), "e1");

      const outcomes = await Promise.all([
        store().finish(ending("e1", { result: "1" })),
        store().finish(ending("e1", { epoch: undefined, status: "TIMED_OUT" })),
        store().finish(ending("e1", { epoch: undefined, status: "STOPPED" })),
      ]);

      expect([...outcomes].sort()).toEqual(["ended", "ended", "finished"]);
    });
  });

  describe("finish of a child", () => {
    const parent = { executionId: "parent", operationId: "3-1" };

    async function startChild(executionId = "child"): Promise<void> {
      await startRunning(store(), executionId, { parent });
    }

    it("posts the outcome to the parent's inbox and wakes it, in the same write", async () => {
      await startRunning(store(), "parent");
      await store().suspend(suspension("parent"));
      await startChild();

      await store().finish(ending("child", { result: '"out"', endedAtMs: T0 + 70 }));

      const event = { kind: "invoke_settled", id: "3-1", outcome: "SUCCEEDED", result: '"out"' };
      const loaded = await store().load("parent");
      expect(loaded?.inbox).toEqual([{ key: "settle/3-1", event, atMs: T0 + 70 }]);
      expect(loaded?.head).toMatchObject({ status: "PENDING", dueAtMs: T0 + 70, inboxCount: 1 });
    });

    it.each(["FAILED", "TIMED_OUT", "STOPPED"] as const)(
      "tells the parent of the end as %s",
      async (status) => {
        await startRunning(store(), "parent");
        await startChild();

        await store().finish(ending("child", { epoch: undefined, status, error: { ErrorType: "Broken" } }));

        expect((await store().load("parent"))?.inbox.map(({ event }) => event)).toEqual([
          { kind: "invoke_settled", id: "3-1", outcome: status, error: { ErrorType: "Broken" } },
        ]);
      },
    );

    it("posts once, however often it is ended", async () => {
      await startRunning(store(), "parent");
      await startChild();

      await Promise.all([
        store().finish(ending("child", { result: "1" })),
        store().finish(ending("child", { epoch: undefined, status: "STOPPED" })),
      ]);
      await store().finish(ending("child", { result: "2" }));

      const loaded = await store().load("parent");
      expect(loaded?.inbox).toHaveLength(1);
      expect(loaded?.head.inboxCount).toBe(1);
    });

    it("leaves the parent's inbox alone when the operation has an outcome already (invariant 7)", async () => {
      await startRunning(store(), "parent");
      await startChild();
      await store().post(message("parent", { key: "settle/3-1", event: callbackResult("3-1", '"first"') }));

      expect(await store().finish(ending("child"))).toBe("finished");

      const loaded = await store().load("parent");
      expect(loaded?.inbox.map(({ event }) => event)).toEqual([callbackResult("3-1", '"first"')]);
      expect(loaded?.head.inboxCount).toBe(1);
    });

    it("tells the parent of the first end only, also when a stopped child goes on", async () => {
      await startRunning(store(), "parent");
      await startChild();
      await store().finish(ending("child", { epoch: undefined, status: "STOPPED" }));
      await store().resume("child", T0 + 2_000);
      await store().acquire(lease("child", { nowMs: T0 + 2_000 }));

      expect(await store().finish(ending("child", { epoch: 2, result: "1" }))).toBe("finished");

      expect((await store().load("parent"))?.inbox.map(({ event }) => event)).toMatchObject([
        { outcome: "STOPPED" },
      ]);
    });

    it("ends also when the parent has ended or is unknown", async () => {
      await startChild("orphan");
      expect(await store().finish(ending("orphan"))).toBe("finished");

      await startEnded(store(), "parent");
      await startChild();
      expect(await store().finish(ending("child"))).toBe("finished");
      expect((await store().load("parent"))?.inbox).toEqual([]);
    });
  });

  describe("resume", () => {
    it("puts a stopped execution back, due now, with all that it had", async () => {
      await startRunning(store(), "e1", { input: '"in"' });
      await store().append("e1", entry(1));
      await store().post(message("e1"));
      const invocation = { epoch: 1, startedAtMs: T0, endedAtMs: T0 + 900 };
      await store().finish(ending("e1", { status: "STOPPED", error: { ErrorType: "Barren" }, invocation }));

      expect(await store().resume("e1", T0 + 5_000)).toBe(true);

      const loaded = await store().load("e1");
      expect(loaded?.head).toEqual({
        ...execution("e1", { input: '"in"' }),
        status: "PENDING",
        epoch: 1,
        invokedAtMs: T0,
        dueAtMs: T0 + 5_000,
        lastInvocation: invocation,
        inboxCount: 1,
      });
      expect(loaded?.entries).toEqual([entry(1)]);
      expect(loaded?.inbox).toHaveLength(1);
      expect(await store().acquire(lease("e1", { nowMs: T0 + 5_000 }))).toMatchObject({ epoch: 2 });
    });

    it("leaves everything else as it is", async () => {
      for (const status of ["SUCCEEDED", "FAILED", "TIMED_OUT"] as const)
        await startEnded(store(), status, { status });
      await store().start(execution("PENDING"));
      await startRunning(store(), "RUNNING");

      for (const id of ["SUCCEEDED", "FAILED", "TIMED_OUT", "PENDING", "RUNNING"]) {
        const before = await store().head(id);
        expect([id, await store().resume(id, T0 + 5_000)]).toEqual([id, false]);
        expect(await store().head(id)).toEqual(before);
      }
      expect(await store().resume("nobody", T0)).toBe(false);
    });

    it("keeps an execution from expiring", async () => {
      await startEnded(store(), "e1", { status: "STOPPED" });
      await store().resume("e1", T0 + 5_000);

      expect(await store().purgeExpired(T0 * 2, 10)).toBe(0);
      expect(await store().head("e1")).toMatchObject({ status: "PENDING" });
    });
  });

  describe("purge", () => {
    it("removes an execution that has ended, with all that it has", async () => {
      await startRunning(store(), "e1", { input: '"in"' });
      await store().append("e1", entry(1));
      await store().post(message("e1"));
      await store().finish(ending("e1"));

      expect(await store().purge("e1")).toBe(true);

      expect(await store().load("e1")).toBeUndefined();
      expect(await store().append("e1", entry(2))).toEqual({ appended: false });
      expect((await store().list({ limit: 10 })).heads).toEqual([]);
      expect((await store().start(execution("e1"))).created).toBe(true);
      expect(await store().load("e1")).toMatchObject({
        head: { epoch: 0, inboxCount: 0 },
        entries: [],
        inbox: [],
      });
      expect(await store().head("e1")).not.toHaveProperty("input");
    });

    it("leaves what has not ended, and its neighbours", async () => {
      await store().start(execution("pending"));
      await startRunning(store(), "running");
      await startRunning(store(), "ended");
      await store().append("running", entry(1));
      await store().finish(ending("ended"));

      expect(await store().purge("pending")).toBe(false);
      expect(await store().purge("running")).toBe(false);
      expect(await store().purge("nobody")).toBe(false);
      expect(await store().purge("ended")).toBe(true);
      expect(await store().purge("ended")).toBe(false);
      expect((await store().load("running"))?.entries).toEqual([entry(1)]);
      expect(await store().head("pending")).toMatchObject({ status: "PENDING" });
    });
  });

  describe("purgeExpired", () => {
    it("removes executions whose retention has passed", async () => {
      await startEnded(store(), "first", { endedAtMs: T0 + 1 });
      await startEnded(store(), "second", { endedAtMs: T0 + 2 });
      await startEnded(store(), "third", { endedAtMs: T0 + 3 });
      await startRunning(store(), "running");

      expect(await store().purgeExpired(T0 + RETENTION_MS, 10)).toBe(0);
      expect(await store().purgeExpired(T0 + 2 + RETENTION_MS, 10)).toBe(2);

      expect(await store().head("second")).toBeUndefined();
      expect(await store().head("third")).toBeDefined();
      expect(await store().purgeExpired(T0 * 2, 10)).toBe(1);
      expect(await store().head("running")).toBeDefined();
    });

    it("finds what has expired behind executions that had, and go on again", async () => {
      for (const id of ["a", "b", "c", "d"]) {
        await startEnded(store(), id, { status: "STOPPED" });
        await store().resume(id, T0 + 5_000);
      }
      for (const id of ["e", "f"]) await startEnded(store(), id, { endedAtMs: T0 + 2_000 });

      expect(await store().purgeExpired(T0 * 2, 2)).toBe(2);
      expect(
        (await store().list({ limit: 10, oldestFirst: true })).heads.map((head) => head.executionId),
      ).toEqual(["a", "b", "c", "d"]);
    });

    it("removes at most as many as asked, in several calls all", async () => {
      const ids = Array.from({ length: 60 }, (_, index) => `e${index}`);
      await Promise.all(ids.map((id) => startEnded(store(), id)));

      expect(await store().purgeExpired(T0 * 2, 55)).toBe(55);
      expect(await store().purgeExpired(T0 * 2, 55)).toBe(5);
      expect(await store().purgeExpired(T0 * 2, 55)).toBe(0);
    });
  });
}
