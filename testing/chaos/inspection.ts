/** Owns the inspection after a chaos run: every execution, every log entry, every body. */

import { type ExecutionHead, exactExecutionId } from "@tidemark/protocol";
import { type ExecutionStore, plainPayloads, wholeLog } from "@tidemark/store";
import { type BodyRun, readLines } from "./body-log";
import type { CallbackAnswers } from "./callback-answers";
import { expectedChild, expectedPlain, wrongWith } from "./expected";
import { checkBodies, checkLog } from "./log-checks";
import { planOf } from "./values";
import type { WorkerFiles, WorkerPool } from "./worker-pool";
import type { ChaosInput, ChaosResult } from "./workflow";

export interface Inspection {
  readonly violations: readonly string[];
  readonly ended: number;
  readonly childExecutions: number;
  readonly invocations: number;
  readonly takeOvers: number;
  readonly logEntries: number;
  readonly operations: number;
  readonly interruptedAttempts: number;
  readonly bodies: number;
  readonly bodiesAgain: number;
}

export interface InspectionOptions {
  readonly store: ExecutionStore;
  readonly options: { readonly executions: number; readonly seed: number };
  readonly answers: CallbackAnswers;
  readonly pool: WorkerPool;
  readonly files: WorkerFiles;
  /** What went wrong during the run. */
  readonly problems: readonly string[];
}

/** Executions that each order starts: `child` and `plain`. */
const CHILDREN_PER_ORDER = 2;

export async function inspect(options: InspectionOptions): Promise<Inspection> {
  const { store, answers, pool, files } = options;
  const violations = [...options.problems, ...answers.problems, ...pool.unexpectedExits];
  const heads = await allHeads(store);
  const totals = { invocations: 0, takeOvers: 0, logEntries: 0, operations: 0, interruptedAttempts: 0 };
  const disturbed = new Set<string>();
  for (const head of heads) {
    const executionId = exactExecutionId(head);
    const entries = await wholeLog(store, executionId);
    const facts = checkLog(head, entries);
    const whole = await withPayloads(store, head);
    const wrong = [...facts.violations, ...checkEnd(whole, options)];
    violations.push(...wrong.map((what) => `${executionId}: ${what}`));
    if (entries.some(({ barrier }) => barrier?.previous.error !== undefined)) disturbed.add(executionId);
    totals.invocations += head.epoch;
    totals.takeOvers += facts.takeOvers;
    totals.logEntries += entries.length;
    totals.operations += facts.settledOperations;
    totals.interruptedAttempts += facts.interruptedAttempts;
  }
  violations.push(...checkCounts(heads, options.options.executions));
  const bodies = checkBodies(readLines<BodyRun>(files.bodies), disturbed);
  violations.push(...bodies.violations);
  return {
    violations,
    ...totals,
    ended: heads.filter(({ status, parent }) => status === "SUCCEEDED" && parent === undefined).length,
    childExecutions: heads.filter(({ parent }) => parent !== undefined).length,
    bodies: bodies.bodies,
    bodiesAgain: bodies.again,
  };
}

/** The head with its input and result themselves. */
async function withPayloads(store: ExecutionStore, head: ExecutionHead): Promise<ExecutionHead> {
  const { payloads = plainPayloads } = store;
  const read = async (text: string | undefined) => (text === undefined ? undefined : payloads.read(text));
  return { ...head, input: await read(head.input), result: await read(head.result) };
}

async function allHeads(store: ExecutionStore): Promise<ExecutionHead[]> {
  const heads: ExecutionHead[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.list({ limit: 1000, oldestFirst: true, cursor });
    heads.push(...page.heads);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return heads;
}

/** An execution has ended, once, with the right result. */
function checkEnd(head: ExecutionHead, { options, answers }: InspectionOptions): string[] {
  if (head.status !== "SUCCEEDED")
    return [`is ${head.status} (${JSON.stringify(head.error ?? head.dueAtMs)})`];
  const result: unknown = JSON.parse(head.result ?? "null");
  const { index } = JSON.parse(head.input ?? "{}") as ChaosInput;
  switch (head.functionName) {
    case "child":
      return result === expectedChild(options.seed, index) ? [] : [`result is ${head.result}`];
    case "plain":
      return result === expectedPlain(options.seed, index) ? [] : [`result is ${head.result}`];
    default: {
      const confirmed = answers.confirmed.get(exactExecutionId(head)) ?? [];
      const wrong = wrongWith(result as ChaosResult, options.seed, index, confirmed[0]?.text);
      if (confirmed.length > 1) wrong.push(`${confirmed.length} answers to one callback were accepted`);
      if (planOf(index).callback === "duel" && !answers.refused.has(exactExecutionId(head)))
        wrong.push("neither of two answers was refused");
      return wrong;
    }
  }
}

function checkCounts(heads: readonly ExecutionHead[], executions: number): string[] {
  const orders = heads.filter(({ parent }) => parent === undefined).length;
  const children = heads.length - orders;
  return [
    ...(orders === executions ? [] : [`${orders} executions of ${executions} are in the store`]),
    ...(children === executions * CHILDREN_PER_ORDER
      ? []
      : [`${children} child executions, expected ${executions * CHILDREN_PER_ORDER}`]),
  ];
}
