/** Owns the contract of the checkpoint log: append and load. */

import type { LogEntry } from "@tidemark/protocol";
import type { ExecutionStore } from "@tidemark/store";
import { entry, execution, LEASE_MS, lease, startRunning, step, T0 } from "./sample-executions";

export function logContract(store: () => ExecutionStore): void {
  async function entriesOf(executionId: string): Promise<readonly LogEntry[] | undefined> {
    return (await store().load(executionId))?.entries;
  }

  describe("append", () => {
    it("appends the next entry", async () => {
      await startRunning(store(), "e1");

      for (const sequence of [1, 2, 3]) {
        expect(await store().append("e1", entry(sequence))).toEqual({ appended: true });
      }

      expect(await entriesOf("e1")).toEqual([entry(1), entry(2), entry(3)]);
    });

    it("keeps all that an entry holds", async () => {
      await startRunning(store(), "e1");
      const whole = entry(1, {
        epoch: 3,
        barrier: {
          previous: {
            epoch: 2,
            startedAtMs: T0,
            endedAtMs: T0 + 4,
            error: { ErrorMessage: "out of memory" },
          },
        },
        records: [
          { event: { kind: "wait_elapsed", id: "2" } },
          { event: { kind: "callback_failed", id: "4", error: { ErrorType: "E", ErrorData: "{}" } } },
          {
            update: {
              Id: "5",
              Type: "CONTEXT",
              SubType: "Map",
              Name: "all\u0000of ünï",
              Action: "START",
              AtMs: T0,
            },
          },
          {
            update: {
              Id: "6",
              ParentId: "5",
              Type: "STEP",
              SubType: "Step",
              Action: "FAIL",
              Error: {
                ErrorMessage: "\ud83d\ude00",
                StackTrace: ["at a", "at b"],
                Cause: { ErrorType: "Cause" },
              },
            },
          },
          {
            update: {
              Id: "7",
              Type: "WAIT",
              SubType: "Wait",
              Action: "START",
              WaitOptions: { WaitSeconds: 60 },
            },
          },
        ],
      });

      await store().append("e1", whole);

      expect(await entriesOf("e1")).toEqual([whole]);
    });

    it("refuses a sequence number that is taken and gives what has it", async () => {
      await startRunning(store(), "e1");
      await store().append("e1", entry(1));

      const own = await store().append("e1", entry(1));
      const other = await store().append("e1", entry(1, { nonce: "other", epoch: 2 }));

      expect(own).toEqual({ appended: false, existing: entry(1) });
      expect(other.existing?.nonce).toBe("nonce-1");
      expect(await entriesOf("e1")).toEqual([entry(1)]);
    });

    it("refuses gaps, and sequence numbers before the first", async () => {
      await startRunning(store(), "e1");
      await store().append("e1", entry(1));

      for (const sequence of [3, 0, -1]) {
        expect(await store().append("e1", entry(sequence))).toEqual({ appended: false });
      }
      expect(await entriesOf("e1")).toEqual([entry(1)]);
    });

    it("refuses an execution that is unknown", async () => {
      expect(await store().append("nobody", entry(1))).toEqual({ appended: false });
    });

    it("lets one of many have a sequence number, and tells the others who", async () => {
      await startRunning(store(), "e1");

      const nonces = ["a", "b", "c", "d", "e"];
      const results = await Promise.all(nonces.map((nonce) => store().append("e1", entry(1, { nonce }))));

      const winner = nonces[results.findIndex(({ appended }) => appended)];
      expect(results.filter(({ appended }) => appended)).toHaveLength(1);
      expect(results.filter(({ appended }) => !appended).map(({ existing }) => existing?.nonce)).toEqual(
        Array(nonces.length - 1).fill(winner),
      );
      expect((await entriesOf("e1"))?.map(({ nonce }) => nonce)).toEqual([winner]);
    });

    it("refuses without regard to what is asked after it", async () => {
      const refused = store().append("e1", entry(1));
      const started = store().start(execution("e1"));
      const appended = store().append("e1", entry(1));

      expect(await refused).toEqual({ appended: false });
      await started;
      expect(await appended).toEqual({ appended: true });
    });

    it("appends in the order of the calls, without waiting for each", async () => {
      await startRunning(store(), "e1");
      const entries = Array.from({ length: 40 }, (_, index) => entry(index + 1));

      const results = await Promise.all(entries.map((each) => store().append("e1", each)));

      expect(results).toEqual(entries.map(() => ({ appended: true })));
      expect(await entriesOf("e1")).toEqual(entries);
    });

    it("keeps the logs of executions apart", async () => {
      const ids = ["e1", "e1-1", "e1~3", "e10"];
      for (const id of ids) await store().start(execution(id));

      const writes = [1, 2, 3].flatMap((sequence) =>
        ids.map((id) => store().append(id, entry(sequence, { nonce: `${id}/${sequence}` }))),
      );

      expect(await Promise.all(writes)).toEqual(writes.map(() => ({ appended: true })));
      for (const id of ids) {
        expect((await entriesOf(id))?.map(({ nonce }) => nonce)).toEqual([`${id}/1`, `${id}/2`, `${id}/3`]);
      }
    });

    it("is fenced: after the barrier of a newer epoch, an older one appends nothing (invariant 2)", async () => {
      await startRunning(store(), "e1");
      await store().append("e1", entry(1));
      await store().acquire(lease("e1", { owner: "worker-b", nowMs: T0 + LEASE_MS }));
      const barrier = { previous: { epoch: 1, startedAtMs: T0, endedAtMs: T0 + LEASE_MS } };

      await store().append("e1", entry(2, { epoch: 2, nonce: "barrier", barrier, records: [] }));
      const zombie = await store().append("e1", entry(2, { nonce: "zombie" }));

      expect(zombie).toMatchObject({ appended: false, existing: { epoch: 2, nonce: "barrier" } });
      expect((await entriesOf("e1"))?.map(({ epoch }) => epoch)).toEqual([1, 2]);
    });

    it("takes entries of up to a megabyte or the limit that the store names", async () => {
      await startRunning(store(), "e1");
      const size = Math.min(1_000_000, store().manifest.maxEntryBytes - 1_000);
      const large = entry(1, { records: [step("1", "x".repeat(size))] });

      expect(await store().append("e1", large)).toEqual({ appended: true });
      expect(await entriesOf("e1")).toEqual([large]);
    });

    it("refuses an entry over the limit that the store names, and the sequence number stays free", async () => {
      const { maxEntryBytes } = store().manifest;
      if (!Number.isFinite(maxEntryBytes)) return;
      await startRunning(store(), "e1");
      const tooLarge = entry(1, { records: [step("1", "x".repeat(maxEntryBytes))] });

      await expect(store().append("e1", tooLarge)).rejects.toMatchObject({
        code: "TIDEMARK_ENTRY_TOO_LARGE",
      });

      expect(await store().append("e1", entry(1))).toEqual({ appended: true });
    });
  });
}
