/** Owns how the test kit is measured: a year of waits on one runner, and a file of small tests under each framework. */

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { type DurableContext, withDurableExecution } from "@tidemark/sdk";
import { LocalDurableTestRunner } from "@tidemark/testing";
import { millisecondsOf, type Samples, sampleInTurns } from "./sampling";

const STEPS = 1_000;
const YEAR_SECONDS = 365 * 86_400;
const WARM_UP_ROUNDS = 10;
const SMALL_TESTS = 20;

/** A thousand steps, and this many waits between them that add up to a year. */
function yearOf(waits: number): () => Promise<void> {
  const stepsPerWait = STEPS / waits;
  const handlerFunction = withDurableExecution(async (_: unknown, context: DurableContext) => {
    let sum = 0;
    for (let step = 1; step <= STEPS; step++) {
      sum += await context.step(`step ${step}`, async () => step);
      if (step % stepsPerWait === 0) await context.wait(`wait ${step}`, { seconds: YEAR_SECONDS / waits });
    }
    return sum;
  });
  return async () => {
    const startTime = new Date(0);
    const result = await new LocalDurableTestRunner({ handlerFunction, startTime }).run();
    const last = result.getOperations().at(-1);
    const isRight =
      result.getResult() === (STEPS * (STEPS + 1)) / 2 &&
      last?.getEndTimestamp()?.getTime() === YEAR_SECONDS * 1000;
    if (!isRight) throw new Error(`the run ended as ${result.getStatus()} at ${last?.getEndTimestamp()}`);
  };
}

/** Milliseconds of a run, with a wait after each step and with ten waits. */
export function yearsWhenWarm(measured: number): Promise<Samples> {
  const [many, few] = [yearOf(STEPS), yearOf(10)];
  return sampleInTurns(
    { thousandWaits: () => millisecondsOf(many), tenWaits: () => millisecondsOf(few) },
    { warmUp: WARM_UP_ROUNDS, measured },
  );
}

/** Milliseconds of the run with this number, in a process that has done nothing else. */
export async function yearInNewProcess(waits: number, run: number): Promise<Samples> {
  const year = yearOf(waits);
  for (let before = 1; before < run; before++) await year();
  return { run: [await millisecondsOf(year)] };
}

interface FrameworkRun {
  readonly file: string;
  readonly source: string;
  readonly args: (file: string, directory: string) => readonly string[];
}

const moduleOf = createRequire(join(process.cwd(), "here.js"));

const TESTS = `
const handlerFunction = withDurableExecution(async (n, context) => {
  const doubled = await context.step("double", async () => n * 2);
  await context.wait("pause", { hours: 1 });
  return doubled;
});
for (let n = 0; n < ${SMALL_TESTS}; n++) {
  it("doubles " + n, async () => {
    const runner = new LocalDurableTestRunner({ handlerFunction });
    const result = await runner.run({ payload: n });
    assert.equal(result.getResult(), n * 2);
    assert.equal(runner.getOperation("pause").getWaitDetails().waitSeconds, 3600);
  });
}
`;

const IMPORTS = `import assert from "node:assert/strict";
import { withDurableExecution } from "@tidemark/sdk";
import { LocalDurableTestRunner } from "@tidemark/testing";
`;

const FRAMEWORKS: Readonly<Record<string, FrameworkRun>> = {
  nodeTest: {
    file: "small.test.mjs",
    source: `import { it } from "node:test";\n${IMPORTS}${TESTS}`,
    args: (file) => ["--test", file],
  },
  jest: {
    file: "small.test.js",
    source: `const assert = require("node:assert/strict");
const { withDurableExecution } = require("@tidemark/sdk");
const { LocalDurableTestRunner } = require("@tidemark/testing");
${TESTS}`,
    args: (file, directory) => [
      join(moduleOf.resolve("jest/package.json"), "../bin/jest.js"),
      "--rootDir",
      directory,
      "--runInBand",
      file,
    ],
  },
  vitest: {
    file: "small.spec.mjs",
    source: `import { it } from "vitest";\n${IMPORTS}${TESTS}`,
    args: (file, directory) => [
      join(moduleOf.resolve("vitest/package.json"), "../vitest.mjs"),
      "run",
      "--root",
      directory,
      basename(file),
    ],
  },
};

/** Milliseconds of a process that runs a file of 20 small tests, from its start to its end. */
export async function smallTests(measured: number): Promise<Samples> {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-small-"));
  try {
    mkdirSync(join(directory, "node_modules"));
    symlinkSync(join(process.cwd(), "node_modules/@tidemark"), join(directory, "node_modules/@tidemark"));
    symlinkSync(join(moduleOf.resolve("vitest/package.json"), ".."), join(directory, "node_modules/vitest"));
    writeFileSync(join(directory, "package.json"), "{}");
    const sides = Object.entries(FRAMEWORKS).map(([name, { file, source, args }]) => {
      const path = join(directory, file);
      writeFileSync(path, source);
      const run = () =>
        execFileSync(process.execPath, args(path, directory), { cwd: directory, stdio: "pipe" });
      return [name, () => millisecondsOf(async () => void run())] as const;
    });
    return await sampleInTurns(Object.fromEntries(sides), { warmUp: 1, measured });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
