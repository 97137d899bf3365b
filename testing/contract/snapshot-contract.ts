/** Owns the contract of snapshots: what is kept, what a load then gives, and that the log stays readable. */

import type { LogEntry } from "@tidemark/protocol";
import { type ExecutionStore, type SnapshotRequest, wholeLog } from "@tidemark/store";
import {
  callbackResult,
  ending,
  entry,
  execution,
  lease,
  message,
  startRunning,
  suspension,
  T0,
} from "./sample-executions";

function snapshot(sequence: number, more: Partial<SnapshotRequest> = {}): SnapshotRequest {
  const text = `snapshot of ${sequence}`;
  return { executionId: "e1", sequence, nonce: `nonce-${sequence}`, text, ...more };
}

/** Texts of snapshots that a store may have to divide: they do not compress, and have characters of all sizes. */
const LARGE_UNITS = 300_000;

function largeText(): string {
  let seed = 1;
  const units = Array.from({ length: LARGE_UNITS }, (_, index) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return index % 5 === 0 ? "😀" : String.fromCharCode(0x21 + ((seed >>> 16) % 0x500));
  });
  return units.join("");
}

export function snapshotContract(store: () => ExecutionStore): void {
  async function withEntries(count: number, executionId = "e1"): Promise<void> {
    await startRunning(store(), executionId);
    for (let sequence = 1; sequence <= count; sequence++) await store().append(executionId, entry(sequence));
  }

  function sequences(entries: readonly LogEntry[] | undefined): number[] | undefined {
    return entries?.map(({ sequence }) => sequence);
  }

  async function loaded(executionId = "e1"): Promise<unknown> {
    const { snapshot: kept, entries } = (await store().load(executionId)) ?? {};
    return { snapshot: kept, entries: sequences(entries) };
  }

  describe("saveSnapshot", () => {
    it("stands for its entries in what is loaded", async () => {
      await withEntries(4);
      await store().post(message("e1"));
      const before = await store().load("e1");

      expect(await store().saveSnapshot(snapshot(3))).toBe(true);

      expect(await store().load("e1")).toEqual({
        ...before,
        snapshot: { sequence: 3, text: "snapshot of 3" },
        entries: [entry(4)],
      });
    });

    it("may be of the whole log, to which entries are appended as before", async () => {
      await withEntries(2);
      await store().saveSnapshot(snapshot(2));
      expect(await loaded()).toEqual({ snapshot: { sequence: 2, text: "snapshot of 2" }, entries: [] });

      expect(await store().append("e1", entry(2, { nonce: "zombie" }))).toEqual({
        appended: false,
        existing: entry(2),
      });
      expect(await store().append("e1", entry(4))).toEqual({ appended: false });
      expect(await store().append("e1", entry(3))).toEqual({ appended: true });

      expect(await loaded()).toMatchObject({ snapshot: { sequence: 2 }, entries: [3] });
    });

    it("is replaced by a later one, and not by an earlier one or one of the same entries", async () => {
      await withEntries(5);
      await store().saveSnapshot(snapshot(3));

      expect(await store().saveSnapshot(snapshot(2))).toBe(false);
      expect(await store().saveSnapshot(snapshot(3, { text: "again" }))).toBe(false);
      expect(await loaded()).toEqual({ snapshot: { sequence: 3, text: "snapshot of 3" }, entries: [4, 5] });

      expect(await store().saveSnapshot(snapshot(5))).toBe(true);
      expect(await loaded()).toEqual({ snapshot: { sequence: 5, text: "snapshot of 5" }, entries: [] });
    });

    it("is refused when the log has no such entry, or another one", async () => {
      await withEntries(2);

      expect(await store().saveSnapshot(snapshot(3))).toBe(false);
      expect(await store().saveSnapshot(snapshot(2, { nonce: "of an earlier execution" }))).toBe(false);
      expect(await store().saveSnapshot(snapshot(1, { executionId: "nobody" }))).toBe(false);
      expect(await loaded()).toEqual({ snapshot: undefined, entries: [1, 2] });
    });

    it("needs no lease, and takes part in nothing else", async () => {
      await withEntries(2);
      await store().suspend(suspension("e1", { dueAtMs: T0 + 9 }));
      const before = await store().head("e1");

      expect(await store().saveSnapshot(snapshot(2))).toBe(true);

      expect(await store().head("e1")).toEqual(before);
      expect(await store().due(T0 + 9, 10)).toMatchObject({ executionIds: ["e1"] });
      expect(await store().acquire(lease("e1", { nowMs: T0 + 9 }))).toMatchObject({ epoch: 2 });
      expect(await store().renew("e1", 2, T0 + 50)).toBe(true);
      expect(await store().suspend(suspension("e1", { epoch: 2 }))).toBe("suspended");
      expect(await loaded()).toMatchObject({ snapshot: { sequence: 2 }, entries: [] });
    });

    it("is refused after the end, but not by an execution that can be resumed", async () => {
      await withEntries(2);
      await store().finish(ending("e1", { status: "STOPPED" }));
      expect(await store().saveSnapshot(snapshot(1))).toBe(true);
      await store().resume("e1", T0);
      expect(await loaded()).toMatchObject({ snapshot: { sequence: 1 }, entries: [2] });

      await store().finish(ending("e1", { epoch: undefined }));
      expect(await store().saveSnapshot(snapshot(2))).toBe(false);
    });

    it("keeps snapshots of several hundred kilobytes, with any text", async () => {
      await withEntries(2);
      const first = largeText();
      const second = `${first.slice(7)}"\\\u0001`;
      for (const [index, text] of [first, second].entries()) {
        await store().saveSnapshot(snapshot(index + 1, { text }));

        const kept = (await store().load("e1"))?.snapshot;
        // Not `toEqual`: nobody wants to read the difference.
        expect([kept?.sequence, kept?.text === text]).toEqual([index + 1, true]);
      }
    });

    it("of many that are saved at once keeps the latest", async () => {
      await withEntries(6);

      const saved = await Promise.all([2, 6, 4, 1, 5, 3].map((each) => store().saveSnapshot(snapshot(each))));

      expect(saved[1]).toBe(true);
      expect(await loaded()).toEqual({ snapshot: { sequence: 6, text: "snapshot of 6" }, entries: [] });
    });

    it("goes with its execution: neither the next one nor one that is started under its id has it", async () => {
      await withEntries(2);
      await store().saveSnapshot(snapshot(2));
      await store().finish(ending("e1"));
      await store().purge("e1");

      await withEntries(1, "e2");
      await withEntries(3);

      expect(await loaded("e2")).toEqual({ snapshot: undefined, entries: [1] });
      expect(await loaded()).toEqual({ snapshot: undefined, entries: [1, 2, 3] });
      expect(await store().saveSnapshot(snapshot(1))).toBe(true);
    });
  });

  describe("entries", () => {
    it("gives the log in pages, whatever snapshots there are", async () => {
      await withEntries(5);
      await store().saveSnapshot(snapshot(4));
      await store().post(message("e1"));

      expect(await store().entries("e1", 0, 2)).toEqual([entry(1), entry(2)]);
      expect(sequences(await store().entries("e1", 2, 2))).toEqual([3, 4]);
      expect(sequences(await store().entries("e1", 4, 2))).toEqual([5]);
      expect(await store().entries("e1", 5, 2)).toEqual([]);
      expect(sequences(await store().entries("e1", 0, 5))).toEqual([1, 2, 3, 4, 5]);
      expect(sequences(await wholeLog(store(), "e1"))).toEqual([1, 2, 3, 4, 5]);
    });

    it("gives nothing for an execution that is unknown", async () => {
      await store().start(execution("e1"));

      expect(await store().entries("e1", 0, 10)).toEqual([]);
      expect(await store().entries("nobody", 0, 10)).toBeUndefined();
      expect(await wholeLog(store(), "nobody")).toEqual([]);
    });
  });

  describe("inbox", () => {
    it("gives what a load gives of the inbox", async () => {
      await withEntries(3);
      await store().saveSnapshot(snapshot(2));
      await store().post(message("e1", { key: "settle/2", event: callbackResult("2", "2") }));
      await store().post(message("e1", { key: "beat", wake: false }));
      await store().post(message("e1", { key: "settle/1" }));

      const { head, inbox } = (await store().load("e1")) ?? {};

      expect(inbox?.map(({ key }) => key)).toEqual(["settle/2", "beat", "settle/1"]);
      expect(await store().inbox("e1")).toEqual({ inboxCount: head?.inboxCount, events: inbox });
    });

    it("gives nothing for an execution that is unknown", async () => {
      await store().start(execution("e1"));

      expect(await store().inbox("e1")).toEqual({ inboxCount: 0, events: [] });
      expect(await store().inbox("nobody")).toBeUndefined();
    });
  });
}
