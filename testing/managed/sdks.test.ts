/** Both SDKs with their default clients over real HTTP, on each store, while answers are lost. */

import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { SdkReport } from "./sdk-program";

const workspaceDirectory = resolve(__dirname, "../..");
/** What runs on each store; the two SDKs in turns need no store of their own. */
const RUNS = {
  memory: ["aws", "ours", "aws-then-ours", "ours-then-aws"],
  /** Every payload is encrypted, and nearly every one is elsewhere: the API gives them as they were. */
  payloads: ["aws", "ours"],
  sqlite: ["aws", "ours"],
  dynamodb: ["aws", "ours"],
} as const;

const reports = new Map<string, SdkReport>();

beforeAll(async () => {
  const program = join(workspaceDirectory, "testing/managed/sdk-program.ts");
  await Promise.all(
    Object.entries(RUNS).map(async ([store, names]) => {
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ["--import", "tsx", program, store, names.join()],
        {
          cwd: workspaceDirectory,
        },
      );
      reports.set(store, JSON.parse(stdout));
    }),
  );
}, 240_000);

const cases = Object.entries(RUNS).flatMap(([store, names]) => names.map((sdk) => [store, sdk] as const));

describe.each(cases)("on %s, a handler of the SDK %s", (store, sdk) => {
  const run = () => (reports.get(store) as SdkReport)[sdk];
  const answer = {
    first: 1,
    retried: "third",
    mapped: [1, 2, 3, 4, 5].map((n) => [200_001, `${n}`]),
    reason: "ALL_COMPLETED",
    branches: ["a", "b"],
    condition: 3,
    called: `"for ${sdk}"`,
    child: 21,
    plain: 42,
  };

  it("waits, retries, maps large items, is called back and invokes others", () => {
    expect(run().answer).toEqual(answer);
  });

  it("runs each body once in each attempt, although answers to checkpoints are lost", () => {
    expect(run().bodies).toEqual({ first: 1, flaky: 3 });
    expect(run().lostAnswers).toBeGreaterThan(0);
  });

  it("returns more than a response may have", () => {
    expect(run().largeResultBytes).toBe(6_400_002);
  });

  it("is read by AWS's cloud runner from our history", () => {
    const steps = Array.from({ length: 8 }, () => "STEP/Step  SUCCEEDED");
    expect(run().cloud).toEqual({
      status: "SUCCEEDED",
      result: { ...answer, first: 2 },
      operations: [
        "CALLBACK/Callback  SUCCEEDED",
        "CHAINED_INVOKE/ChainedInvoke child SUCCEEDED",
        "CHAINED_INVOKE/ChainedInvoke plain SUCCEEDED",
        "CONTEXT/Map map SUCCEEDED",
        ...[0, 1, 2, 3, 4].map((index) => `CONTEXT/MapIteration map-item-${index} SUCCEEDED`),
        "CONTEXT/Parallel parallel SUCCEEDED",
        ...[0, 1].map((index) => `CONTEXT/ParallelBranch parallel-branch-${index} SUCCEEDED`),
        "CONTEXT/RunInChildContext inner SUCCEEDED",
        "CONTEXT/WaitForCallback callback SUCCEEDED",
        ...steps,
        "STEP/Step first SUCCEEDED",
        "STEP/Step flaky SUCCEEDED",
        "STEP/WaitForCondition condition SUCCEEDED",
        "WAIT/Wait  SUCCEEDED",
        "WAIT/Wait  SUCCEEDED",
        "WAIT/Wait pause SUCCEEDED",
      ],
      invocations: expect.any(Number),
    });
  });
});
