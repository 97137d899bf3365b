/** Checkpoints that are larger than an entry may be: several entries, and still one checkpoint to the code. */

import { encodeEntry, type LogEntry, TidemarkError } from "@tidemark/protocol";
import { MemoryStore, type StoreManifest } from "@tidemark/store";
import { createRig } from "./rig";

const MAX_BYTES = 6_000;

/** Refuses large entries, and lets its process die at the n-th append. */
class SmallEntries extends MemoryStore {
  override readonly manifest: StoreManifest = {
    name: "small entries",
    multiProcess: false,
    durable: false,
    maxEntryBytes: MAX_BYTES,
  };
  fatal: number | undefined;
  appends = 0;

  override async append(executionId: string, entry: LogEntry): ReturnType<MemoryStore["append"]> {
    this.appends += 1;
    if (Buffer.byteLength(encodeEntry(entry)) > MAX_BYTES)
      throw new TidemarkError("TIDEMARK_ENTRY_TOO_LARGE", "too large");
    if (this.appends === this.fatal) return new Promise(() => {});
    return super.append(executionId, entry);
  }
}

const BRANCHES = 60;
const expected = Array.from({ length: BRANCHES }, (_, index) => `result of branch ${index} `.repeat(5));

function begin(rig: Awaited<ReturnType<typeof createRig>>): Promise<string> {
  return rig.begin(async (_event, context) => {
    const batch = await context.parallel(
      "branches",
      expected.map((text, index) => async (branch) => branch.step(`step ${index}`, async () => text)),
    );
    return batch.getResults();
  });
}

describe("a checkpoint that is larger than an entry", () => {
  it("is recorded in several entries, in order, and its results are seen once", async () => {
    const store = new SmallEntries();
    const rig = await createRig({ store });
    const id = await begin(rig);

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: expected });
    const { entries = [] } = (await store.load(id)) ?? {};
    expect(entries.length).toBeGreaterThan(3);
    const settled = (await rig.runtime.history(id)).filter(({ EventType }) => EventType === "StepSucceeded");
    expect(settled.map(({ Name }) => Name)).toEqual(expected.map((_text, index) => `step ${index}`));
  });

  it.each([1, 2, 3, 4, 5, 6])("may be cut off by a crash before part %i", async (fatal) => {
    const store = new SmallEntries();
    store.fatal = fatal;
    const rig = await createRig({ store });
    const id = await begin(rig);
    expect(store.appends).toBeGreaterThanOrEqual(fatal);
    rig.runtime.crash(id);

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: expected });
  });

  it("fails the execution when one result alone is too large", async () => {
    const rig = await createRig({ store: new SmallEntries() });
    const ending = await rig.run(async (_event, context) => {
      await context.step("fits", async () => "x");
      return context.step("does not fit", async () => "x".repeat(2 * MAX_BYTES));
    });

    expect(ending).toMatchObject({ status: "FAILED", error: { ErrorType: "TIDEMARK_ENTRY_TOO_LARGE" } });
  });
});
