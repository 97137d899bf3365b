/**
 * Owns the run of one case: starts our handler on a runtime with virtual time, plays the outside
 * world, and compares what is left behind.
 *
 * It has no word about single cases. What a case needs is in its file or in its handler.
 */

import type { HistoryEvent } from "@tidemark/protocol";
import { LackingOperation } from "../engines/dynalite-engine";
import type { ExecutionOutcome, TestRuntime } from "../kit/test-runtime";
import { playCallbackActions } from "./callback-actions";
import { captureOutput } from "./captured-output";
import type { ConformanceCase } from "./cases";
import { HANDLERS, TARGETS } from "./handlers";
import type { CaseWorld } from "./handlers/case-world";
import { type HistoryRow, matchHistory, matchOutcome } from "./history-matcher";
import { matchLogs, recordsOf } from "./log-matcher";
import { Variables } from "./variables";

export type CreateRuntime = () => Promise<TestRuntime>;

export interface CaseReport {
  readonly id: string;
  readonly description: string;
  readonly passed: boolean;
  /** Problems with the outcome, the logs or the run itself. */
  readonly problems: readonly string[];
  /** The history, event by event, with its own problems. */
  readonly rows: readonly HistoryRow[];
  /** The operation that the store's engine does not have, and without which the case cannot run. */
  readonly lacking?: string;
}

/** A case takes milliseconds; one that takes this long hangs. */
const MAX_RUN_MS = 20_000;

interface Driven {
  readonly history: readonly HistoryEvent[];
  /** Absent when the case does not say how it ends. */
  readonly outcome?: ExecutionOutcome | undefined;
  readonly problems: readonly string[];
}

/** Runs one case; `lacking` is that of the store's engine. Never throws: what goes wrong is in the report. */
export async function runCase(
  testCase: ConformanceCase,
  createRuntime: CreateRuntime,
  lacking: () => Promise<never> = () => new Promise(() => {}),
): Promise<CaseReport> {
  const { id, description } = testCase;
  const failed = (problem: string): CaseReport => ({
    id,
    description,
    passed: false,
    problems: [problem],
    rows: [],
  });
  if (testCase.unknownKeys.length > 0) {
    return failed(`the case says ${testCase.unknownKeys.join(", ")}, which the runner does not know`);
  }
  if (!Object.hasOwn(HANDLERS, id)) return failed("no handler is written for this case");
  try {
    return await compared(testCase, createRuntime, lacking);
  } catch (error) {
    if (error instanceof LackingOperation) return { ...failed(error.message), lacking: error.operation };
    return failed(
      `the run threw: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  }
}

async function compared(
  testCase: ConformanceCase,
  createRuntime: CreateRuntime,
  lacking: () => Promise<never>,
): Promise<CaseReport> {
  const { id, description, expectedResult } = testCase;
  const variables = Variables.define(testCase.variables, `tidemark ${id}`);
  const { value, lines } = await captureOutput(() =>
    withinTime(driven(testCase, variables, createRuntime, lacking)),
  );
  const rows = matchHistory(testCase.expectedHistory, value.history, variables);
  const problems = [...value.problems];
  if (expectedResult !== undefined && value.outcome !== undefined) {
    problems.push(...matchOutcome(expectedResult, value.outcome, value.history, variables));
  }
  problems.push(...matchLogs(testCase.expectedLogs, recordsOf(lines), variables));
  const passed = problems.length === 0 && rows.every((row) => row.problems.length === 0);
  return { id, description, passed, problems, rows };
}

async function driven(
  testCase: ConformanceCase,
  variables: Variables,
  createRuntime: CreateRuntime,
  lacking: () => Promise<never>,
): Promise<Driven> {
  const runtime = await createRuntime();
  return Promise.race([played(testCase, variables, runtime), lacking()]);
}

async function played(
  testCase: ConformanceCase,
  variables: Variables,
  runtime: TestRuntime,
): Promise<Driven> {
  try {
    let executionId: string | undefined;
    const world = caseWorld(() => {
      if (executionId !== undefined) runtime.crash(executionId);
    });
    const name = `case-${testCase.id}`;
    const makeHandler = HANDLERS[testCase.id];
    if (makeHandler === undefined) throw new Error(`no handler for ${testCase.id}`);
    runtime.register(name, makeHandler(world));
    for (const [target, handler] of Object.entries(TARGETS)) runtime.register(target, handler);
    executionId = await runtime.start(name, variables.resolve(testCase.input));
    await runtime.settle();
    const problems = await playCallbackActions(testCase.callbackActions, runtime, executionId, variables);
    const outcome = testCase.expectedResult === undefined ? undefined : await runtime.runToEnd(executionId);
    return { history: await runtime.history(executionId), outcome, problems };
  } finally {
    await runtime.close();
  }
}

function caseWorld(crash: () => void): CaseWorld {
  const counts = new Map<string, number>();
  return {
    countAttempt(key) {
      const count = (counts.get(key) ?? 0) + 1;
      counts.set(key, count);
      return count;
    },
    exit() {
      crash();
      // Nothing after an exit runs.
      return new Promise<never>(() => {});
    },
  };
}

async function withinTime<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`the run did not end within ${MAX_RUN_MS} ms`)), MAX_RUN_MS);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
