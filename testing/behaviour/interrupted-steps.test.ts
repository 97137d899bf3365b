/** Steps whose process dies, and steps that outlive the batch around them. */

import type { LogEntry } from "@tidemark/protocol";
import { retryPresets, StepSemantics } from "@tidemark/sdk";
import { type ExecutionStore, MemoryStore } from "@tidemark/store";
import { createRig, defer } from "./rig";

const LEASE_MS = 30_000;
const never = new Promise<never>(() => {});

describe("a step that is at least once", () => {
  it("runs again in the same attempt when its process dies after the START was durable", async () => {
    const rig = await createRig();
    const attempts: number[] = [];
    const id = await rig.begin(async (_event, context) =>
      context.step("work", async ({ attempt }) => {
        attempts.push(attempt);
        return attempts.length === 1 ? never : "done";
      }),
    );
    await rig.runtime.advance(1000);
    expect(await rig.events(id)).toEqual(["ExecutionStarted", "StepStarted 1 work"]);

    rig.runtime.crash(id);

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "done" });
    expect(attempts).toEqual([1, 1]);
    expect(await rig.events(id)).toEqual([
      "ExecutionStarted",
      "StepStarted 1 work",
      "InvocationCompleted",
      "StepSucceeded 1 work",
      "InvocationCompleted",
      "ExecutionSucceeded",
    ]);
    expect(await rig.tree(id)).toEqual(["1 STEP work SUCCEEDED"]);
  });

  it("runs again in the same attempt when its process dies before anything was durable", async () => {
    const rig = await createRig();
    const attempts: number[] = [];
    const id = await rig.begin(async (_event, context) =>
      context.step("work", async ({ attempt }) => {
        attempts.push(attempt);
        return attempts.length === 1 ? never : "done";
      }),
    );

    rig.runtime.crash(id);

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "done" });
    expect(attempts).toEqual([1, 1]);
  });

  it("uses up its retries when its process dies again and again in it", async () => {
    const rig = await createRig();
    const attempts: number[] = [];
    const id = await rig.begin(async (_event, context) =>
      context.step(
        "deadly",
        async ({ attempt }) => {
          attempts.push(attempt);
          return attempt === 1 ? never : "survived";
        },
        { retryStrategy: retryPresets.linear },
      ),
    );
    for (let crash = 0; crash < 3; crash++) {
      await rig.runtime.advance(1000);
      rig.runtime.crash(id);
      await rig.runtime.advance(LEASE_MS);
    }

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "survived" });
    expect(attempts).toEqual([1, 1, 1, 2]);
    expect((await rig.events(id)).filter((event) => event.startsWith("Step"))).toEqual([
      "StepStarted 1 deadly",
      "StepFailed 1 deadly",
      "StepStarted 1 deadly",
      "StepSucceeded 1 deadly",
    ]);
  });
});

describe("a step that is at most once per retry", () => {
  const atMostOnce = { semantics: StepSemantics.AtMostOncePerRetry };

  it("is not run again after its process died in it: the error says so", async () => {
    const rig = await createRig();
    let bodies = 0;
    const id = await rig.begin(async (_event, context) =>
      context.step(
        "charge",
        () => {
          bodies += 1;
          return never;
        },
        { ...atMostOnce, retryStrategy: retryPresets.noRetry },
      ),
    );
    rig.runtime.crash(id);

    const { status, error } = await rig.end(id);

    expect(bodies).toBe(1);
    expect(status).toBe("FAILED");
    expect(error).toMatchObject({ ErrorType: "StepError", Cause: { ErrorType: "StepInterruptedError" } });
    expect(error?.ErrorMessage).toContain('step 1 ("charge") was started and interrupted before it ended');
    expect(await rig.tree(id)).toEqual(["1 STEP charge FAILED"]);
  });

  it("asks the retry strategy with the interruption, and the next attempt runs", async () => {
    const rig = await createRig();
    const asked: [string, number][] = [];
    const attempts: number[] = [];
    const id = await rig.begin(async (_event, context) =>
      context.step(
        "charge",
        async ({ attempt }) => {
          attempts.push(attempt);
          return attempt === 1 ? never : "charged";
        },
        {
          ...atMostOnce,
          retryStrategy: (error, attempt) => {
            asked.push([error.name, attempt]);
            return { shouldRetry: true, delay: { seconds: 7 } };
          },
        },
      ),
    );
    rig.runtime.crash(id);

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "charged" });
    expect(asked).toEqual([["StepInterruptedError", 1]]);
    expect(attempts).toEqual([1, 2]);
  });

  it("has its START durable before its body runs", async () => {
    const rig = await createRig();
    const seen: string[][] = [];
    let id = "";
    rig.deploy("main", async (_event, context) =>
      context.step("charge", async () => void seen.push(await rig.tree(id)), atMostOnce),
    );
    id = await rig.runtime.start("main", {});

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED" });
    expect(seen).toEqual([["1 STEP charge STARTED"]]);
  });
});

describe("a step that was interrupted in a batch whose rule is already met", () => {
  /** The first process records the winner, and dies before it records the end of the batch. */
  function diesBeforeTheBatchEnds(store: MemoryStore): ExecutionStore {
    return new Proxy(store, {
      get(target, property) {
        const member = Reflect.get(target, property, target);
        if (property !== "append") return typeof member === "function" ? member.bind(target) : member;
        return (executionId: string, entry: LogEntry) =>
          entry.epoch === 1 &&
          entry.records.some(({ update }) => update?.Id === "1" && update.Action === "SUCCEED")
            ? never
            : target.append(executionId, entry);
      },
    });
  }

  // engine.ts `whenReplayed` begins what was held without asking whether its scope has ended meanwhile (lifecycle.ts
  // `start`), so the loser's body runs once more, though nothing of it can be recorded (invariant 10).
  it("is not run again by the replay that ends the batch", async () => {
    const rig = await createRig({ store: diesBeforeTheBatchEnds(new MemoryStore()) });
    const winner = defer<string>();
    let losers = 0;
    let bodies = 0;
    const id = await rig.begin(async (_event, context) => {
      const batch = await context.parallel(
        [
          async (branch) => {
            losers += 1;
            await branch.step("before", async () => {});
            return branch.step("loser", () => {
              bodies += 1;
              return never;
            });
          },
          async (branch) => branch.step("winner", () => winner.promise),
        ],
        { completionConfig: { minSuccessful: 1 } },
      );
      return batch.getResults();
    });
    await rig.runtime.advance(1000);
    winner.resolve("won");
    await rig.runtime.settle();
    rig.runtime.crash(id);
    bodies = 0;

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: ["won"] });
    expect([losers, bodies]).toEqual([2, 0]);
  });
});

describe("a step that is under way when the batch around it ends", () => {
  it("never records its late end, and the batch is the same on replay", async () => {
    const rig = await createRig();
    const late = defer<string>();
    const seen: unknown[] = [];
    const id = await rig.begin(async (_event, context) => {
      const batch = await context.parallel(
        "race",
        [
          async (branch) => branch.step("slow", () => late.promise),
          async (branch) => branch.step("fast", async () => "fast"),
        ],
        { completionConfig: { minSuccessful: 1 } },
      );
      seen.push([batch.all, batch.completionReason, batch.startedCount, batch.totalCount]);
      await context.wait("later", { seconds: 5 });
      return batch.getResults();
    });
    late.resolve("too late");

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: ["fast"] });
    const batch = [
      [
        { index: 0, status: "STARTED" },
        { index: 1, status: "SUCCEEDED", result: "fast" },
      ],
      "MIN_SUCCESSFUL_REACHED",
      1,
      2,
    ];
    expect(seen).toEqual([batch, batch]);
    expect(await rig.tree(id)).toEqual([
      "1 CONTEXT race SUCCEEDED",
      "1-1 CONTEXT parallel-branch-0 STARTED",
      "1-2 CONTEXT parallel-branch-1 SUCCEEDED",
      "1-1-1 STEP slow STARTED",
      "2 WAIT later SUCCEEDED",
    ]);
  });

  it("does not keep the invocation alive", async () => {
    const rig = await createRig();
    const id = await rig.begin(async (_event, context) => {
      await context.parallel([async (branch) => branch.step(() => never), async () => "fast"], {
        completionConfig: { minSuccessful: 1 },
      });
      await context.wait({ seconds: 5 });
      return "done";
    });

    expect(await rig.ending(id)).toEqual({ status: "PENDING" });
    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "done" });
  });
});
