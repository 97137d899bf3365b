/** Owns the contract of ids that are used again: who acts for an execution that is gone finds nothing. */

import { childExecutionId, exactExecutionId } from "@tidemark/protocol";
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

const FIRST = { executionId: "order.nightly", incarnation: "first-1" } as const;
const SECOND = { executionId: "order.nightly", incarnation: "second_2" } as const;
const ID = FIRST.executionId;
const first = exactExecutionId(FIRST);
const second = exactExecutionId(SECOND);

export function incarnationContract(fixture: () => StoreFixture): void {
  const store = () => fixture().store;

  /** The first has gone as far as the second, so that nothing but the incarnation tells them apart. */
  async function startTwice(on: ExecutionStore = store()): Promise<void> {
    await startRunning(on, ID, FIRST);
    await on.append(first, entry(1));
    await on.finish(ending(first, { status: "STOPPED" }));
    expect(await on.purge(first)).toBe(true);
    await startRunning(on, ID, SECOND);
    await on.append(second, entry(1));
  }

  /** What an invocation, a client or a child of an execution may ask for. */
  async function actFor(id: string, on: ExecutionStore = store()) {
    return {
      head: await on.head(id),
      load: await on.load(id),
      inbox: await on.inbox(id),
      entries: await on.entries(id, 0, 10),
      acquire: await on.acquire(lease(id, { nowMs: T0 + LEASE_MS })),
      renew: await on.renew(id, 1, T0 + 2 * LEASE_MS),
      append: await on.append(id, entry(2)),
      again: await on.append(id, entry(1)),
      snapshot: await on.saveSnapshot({ executionId: id, sequence: 1, nonce: "nonce-1", text: "{}" }),
      post: await on.post(message(id)),
      suspend: await on.suspend(suspension(id, { dueAtMs: T0 })),
      finish: await on.finish(ending(id)),
      stop: await on.finish(ending(id, { epoch: undefined, status: "STOPPED" })),
      resume: await on.resume(id, T0),
      purge: await on.purge(id),
    };
  }

  const NOTHING = {
    head: undefined,
    load: undefined,
    inbox: undefined,
    entries: undefined,
    acquire: undefined,
    renew: false,
    append: { appended: false },
    again: { appended: false },
    snapshot: false,
    post: { kind: "unknown" },
    suspend: "superseded",
    finish: "superseded",
    stop: "superseded",
    resume: false,
    purge: false,
  };

  describe("an exact id", () => {
    it("means its execution in every call", async () => {
      await startTwice();

      expect(await actFor(second)).toMatchObject({
        head: SECOND,
        load: { head: SECOND, entries: [entry(1)] },
        inbox: { inboxCount: 0 },
        entries: [entry(1)],
        acquire: { ...SECOND, epoch: 2 },
        renew: false,
        append: { appended: true },
        again: { appended: false, existing: entry(1) },
        snapshot: true,
        post: { kind: "posted" },
        suspend: "superseded",
        finish: "superseded",
        stop: "finished",
        resume: true,
        purge: false,
      });
    });

    it("means nothing when another execution has the id, and that one is left alone", async () => {
      await startTwice();
      const before = await store().load(ID);

      expect(await actFor(first)).toEqual(NOTHING);

      expect(await store().load(ID)).toEqual(before);
      expect(await store().resume(first, T0)).toBe(false);
      await store().finish(ending(second, { status: "STOPPED" }));
      expect(await store().resume(first, T0)).toBe(false);
      expect(await store().purge(first)).toBe(false);
      expect(await store().head(ID)).toMatchObject({ ...SECOND, status: "STOPPED" });
    });

    it("means nothing when an execution without an incarnation has the id, or none", async () => {
      expect(await actFor(first)).toEqual(NOTHING);
      await startRunning(store(), ID);
      await store().append(ID, entry(1));
      const before = await store().load(ID);

      expect(await actFor(first)).toEqual(NOTHING);

      expect(await store().load(ID)).toEqual(before);
      expect(before?.head).not.toHaveProperty("incarnation");
    });

    it("is needed by nobody: an id means whichever execution has it", async () => {
      await startTwice();

      expect(await store().head(ID)).toMatchObject(SECOND);
      expect(await store().append(ID, entry(2))).toEqual({ appended: true });
      expect(await store().post(message(ID))).toEqual({ kind: "posted" });
      expect(await store().renew(ID, 1, T0 + 2 * LEASE_MS)).toBe(true);
      expect((await store().list({ limit: 10 })).heads).toMatchObject([SECOND]);
      expect((await store().due(T0 + 2 * LEASE_MS, 10)).executionIds).toEqual([ID]);
    });

    it("is never what the store tells of", async () => {
      const told: string[] = [];
      const stop = store().onChange((id) => told.push(id));
      await startRunning(store(), ID, FIRST);

      await store().post(message(first));
      await store().suspend(suspension(first, { inboxCount: 0 }));
      await store().finish(ending(first, { epoch: undefined, status: "STOPPED" }));
      await store().resume(first, T0);
      stop();

      expect(new Set(told.filter((id) => id !== ""))).toEqual(new Set([ID]));
    });

    it("is not that of an execution which one with an exact id has invoked", async () => {
      await startRunning(store(), ID, FIRST);
      const child = childExecutionId(first, "3");

      const { head } = await store().start(execution(child));

      expect(head.executionId).toBe(child);
      expect(await store().append(child, entry(1))).toEqual({ appended: true });
      expect(await store().load(child)).toMatchObject({ head: { executionId: child }, entries: [entry(1)] });
    });
  });

  describe("start with an incarnation", () => {
    it("leaves an execution that exists as it is, whatever its incarnation", async () => {
      await store().start(execution(ID, FIRST));
      const before = await store().head(ID);

      expect(await store().start(execution(ID, { ...SECOND, input: "2" }))).toEqual({
        created: false,
        head: before,
      });
      expect(before).toEqual({
        ...execution(ID, FIRST),
        status: "PENDING",
        epoch: 0,
        inboxCount: 0,
        dueAtMs: T0,
      });
    });
  });

  describe("the end of a child", () => {
    it.each([
      ["is not told to another execution that has its parent's id", first, []],
      ["is told to its parent", second, [{ key: "settle/3" }]],
    ])("%s", async (_name, parentId, inbox) => {
      await startTwice();
      const child = childExecutionId(parentId, "3");
      await startRunning(store(), child, { parent: { executionId: parentId, operationId: "3" } });

      expect(await store().finish(ending(child))).toBe("finished");

      expect((await store().load(ID))?.inbox).toMatchObject(inbox);
      expect((await store().head(ID))?.inboxCount).toBe(inbox.length);
      expect((await store().head(child))?.parent).toEqual({ executionId: parentId, operationId: "3" });
    });
  });

  describe("a process that has known an execution which is gone", () => {
    /** A process that stands still while all that it knew is replaced. */
    async function zombie(): Promise<ExecutionStore | undefined> {
      const { store: own, second: open } = fixture();
      const other = await open?.();
      await startRunning(own, ID, FIRST);
      await other?.load(ID);
      await own.append(first, entry(1));
      await other?.append(first, entry(1));
      return other;
    }

    it("changes nothing of the next one, and reads nothing of it", async () => {
      const other = await zombie();
      if (other === undefined) return;
      await store().finish(ending(first, { status: "STOPPED" }));
      await store().purge(first);
      await startRunning(store(), ID, SECOND);
      await store().append(second, entry(1));
      await store().append(second, entry(2));
      const before = await store().load(ID);

      const { append: _append, ...others } = await actFor(first, other);

      const { append: _nothing, ...nothing } = NOTHING;
      expect(others).toEqual(nothing);
      expect(await store().load(ID)).toEqual(before);
      expect(await other.load(ID)).toEqual(before);
    });

    it("appends nothing where a newer epoch has had its barrier (invariant 2)", async () => {
      const other = await zombie();
      if (other === undefined) return;
      await store().acquire(lease(first, { owner: "worker-b", nowMs: T0 + LEASE_MS }));
      const barrier = { previous: { epoch: 1, startedAtMs: T0, endedAtMs: T0 + LEASE_MS } };
      await store().append(first, entry(2, { epoch: 2, nonce: "barrier", barrier, records: [] }));
      await store().append(first, entry(3, { epoch: 2 }));
      await store().finish(ending(first, { epoch: 2 }));
      await store().purge(first);

      expect(await other.append(first, entry(2, { nonce: "zombie" }))).toMatchObject({ appended: false });

      await startRunning(store(), ID, SECOND);
      expect(await other.append(first, entry(2, { nonce: "zombie" }))).toMatchObject({ appended: false });
      expect((await store().load(ID))?.entries).toEqual([]);
    });

    it("appends nothing after a fence (invariant 2)", async () => {
      const other = await zombie();
      if (other === undefined) return;
      await store().post(message(first, { event: callbackResult("1", '"yes"') }));
      await store().append(first, entry(2, { nonce: "fence", records: [] }));
      await store().finish(ending(first, { epoch: undefined, status: "STOPPED" }));
      await store().purge(first);

      expect(await other.append(first, entry(2, { nonce: "zombie" }))).toMatchObject({ appended: false });
    });
  });
}
