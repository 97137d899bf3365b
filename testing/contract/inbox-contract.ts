/** Owns the contract of the inbox: post, and what it does to the head. */

import type { ExecutionStore } from "@tidemark/store";
import {
  callbackResult,
  execution,
  LEASE_MS,
  lease,
  message,
  startEnded,
  startRunning,
  suspension,
  T0,
} from "./sample-executions";

export function inboxContract(store: () => ExecutionStore): void {
  async function inboxOf(executionId: string) {
    return (await store().load(executionId))?.inbox;
  }

  async function startWaiting(executionId: string, dueAtMs?: number): Promise<void> {
    await startRunning(store(), executionId);
    await store().suspend(suspension(executionId, { dueAtMs }));
  }

  describe("post", () => {
    it("puts an event into the inbox", async () => {
      await startWaiting("e1");

      expect(await store().post(message("e1"))).toEqual({ kind: "posted" });

      expect(await inboxOf("e1")).toEqual([
        { key: "settle/1", event: callbackResult("1", '"yes"'), atMs: T0 + 10 },
      ]);
    });

    it("lets the first have a key in mode once, and says who has it (invariant 7)", async () => {
      await startWaiting("e1");
      await store().post(message("e1", { event: callbackResult("1", '"first"') }));
      const before = await store().load("e1");

      const late = await store().post(
        message("e1", { event: callbackResult("1", '"second"'), nowMs: T0 + 20 }),
      );

      expect(late).toEqual({ kind: "taken", by: callbackResult("1", '"first"') });
      expect(await store().load("e1")).toEqual(before);
    });

    it("lets one of many have a key in mode once", async () => {
      await startWaiting("e1");

      const results = await Promise.all(
        ["a", "b", "c", "d"].map((text) => store().post(message("e1", { event: callbackResult("1", text) }))),
      );

      expect(results.filter(({ kind }) => kind === "posted")).toHaveLength(1);
      const [kept] = (await inboxOf("e1")) ?? [];
      expect(results.filter(({ kind }) => kind === "taken")).toEqual(
        Array(3).fill({ kind: "taken", by: kept?.event }),
      );
      expect(await store().head("e1")).toMatchObject({ inboxCount: 1 });
    });

    it("keeps the newest in mode replace, as the last to arrive", async () => {
      await startWaiting("e1");
      const beat = (atMs: number) => ({ kind: "callback_heartbeat", id: "1", atMs }) as const;
      await store().post(message("e1", { key: "beat/1", event: beat(T0 + 1), mode: "replace", wake: false }));
      await store().post(message("e1", { key: "settle/2" }));

      const again = message("e1", {
        key: "beat/1",
        event: beat(T0 + 2),
        mode: "replace",
        wake: false,
        nowMs: T0 + 30,
      });
      expect(await store().post(again)).toEqual({ kind: "posted" });

      expect((await inboxOf("e1"))?.map(({ key, atMs }) => [key, atMs])).toEqual([
        ["settle/2", T0 + 10],
        ["beat/1", T0 + 30],
      ]);
      expect((await inboxOf("e1"))?.[1]?.event).toEqual(beat(T0 + 2));
    });

    it.each(["once", "replace"] as const)(
      "refuses in mode %s when the key in unless is taken",
      async (mode) => {
        await startWaiting("e1");
        const beat = message("e1", { key: "beat/1", unless: "settle/1", mode, wake: false });
        expect(await store().post({ ...beat, key: "beat/0" })).toEqual({ kind: "posted" });
        await store().post(message("e1", { event: callbackResult("1", '"done"') }));
        const before = await store().load("e1");

        expect(await store().post(beat)).toEqual({ kind: "taken", by: callbackResult("1", '"done"') });

        expect(await store().load("e1")).toEqual(before);
      },
    );

    it("keeps the order of arrival, whatever the keys and the times", async () => {
      await startWaiting("e1");
      const keys = ["z", "a", "settle/3-1", "m", "B"];
      for (const [index, key] of keys.entries())
        await store().post(message("e1", { key, nowMs: T0 + 100 - index }));

      expect((await inboxOf("e1"))?.map(({ key }) => key)).toEqual(keys);
    });

    it("keeps inboxes apart", async () => {
      await startWaiting("e1");
      await startWaiting("e2");

      await store().post(message("e1"));

      expect(await store().post(message("e2"))).toEqual({ kind: "posted" });
      expect(await inboxOf("e1")).toHaveLength(1);
    });

    it("refuses an execution that has ended, and one that is unknown", async () => {
      for (const status of ["SUCCEEDED", "FAILED", "TIMED_OUT"] as const) {
        await startEnded(store(), status, { status });
        expect(await store().post(message(status))).toEqual({ kind: "ended", status });
        expect(await inboxOf(status)).toEqual([]);
      }
      expect(await store().post(message("nobody"))).toEqual({ kind: "unknown" });
    });

    it("keeps what comes for a stopped execution, for when it is resumed, and does not make it due", async () => {
      await startEnded(store(), "e1", { status: "STOPPED" });

      expect(await store().post(message("e1"))).toEqual({ kind: "posted" });

      expect(await inboxOf("e1")).toHaveLength(1);
      expect(await store().head("e1")).toMatchObject({ status: "STOPPED", inboxCount: 1 });
      expect(await store().due(T0 + LEASE_MS, 10)).toEqual({ executionIds: [] });
    });
  });

  describe("post with wake", () => {
    it("makes an execution due that waits for the outside", async () => {
      await startWaiting("e1");

      await store().post(message("e1", { nowMs: T0 + 40 }));

      expect(await store().head("e1")).toMatchObject({ status: "PENDING", dueAtMs: T0 + 40, inboxCount: 1 });
      expect(await store().due(T0 + 40, 1)).toEqual({ executionIds: ["e1"] });
    });

    it("makes an execution due that waits for a later time, and leaves one that is due already", async () => {
      await startWaiting("later", T0 + 1_000);
      await startWaiting("earlier", T0 + 5);

      await store().post(message("later", { nowMs: T0 + 40 }));
      await store().post(message("earlier", { nowMs: T0 + 40 }));

      expect(await store().head("later")).toMatchObject({ dueAtMs: T0 + 40 });
      expect(await store().head("earlier")).toMatchObject({ dueAtMs: T0 + 5 });
    });

    it("counts, but leaves the lease, of an execution that runs", async () => {
      await store().start(execution("e1"));
      const running = await store().acquire(lease("e1"));

      await store().post(message("e1", { key: "a" }));
      await store().post(message("e1", { key: "b" }));

      expect(await store().head("e1")).toEqual({ ...running, inboxCount: 2 });
      expect(running?.dueAtMs).toBe(T0 + LEASE_MS);
    });
  });

  describe("post without wake", () => {
    it("leaves the head as it is", async () => {
      await startWaiting("e1", T0 + 1_000);
      const before = await store().head("e1");

      await store().post(message("e1", { wake: false }));

      expect(await store().head("e1")).toEqual(before);
      expect(await inboxOf("e1")).toHaveLength(1);
    });
  });
}
