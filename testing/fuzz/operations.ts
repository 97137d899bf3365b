/** Owns the operations of a program: how each is asked for. It does not await them. */

import {
  type BatchResult,
  ChildContextError,
  type CompletionConfig,
  CompletionOutcome,
  completeBatch,
  continueBatch,
  type DurableContext,
  type DurableOperationError,
  type DurablePromise,
  NestingType,
  type RetryDecision,
  type Serdes,
  StepSemantics,
} from "@tidemark/sdk";
import type { VirtualProcess } from "@tidemark/testing";
import { describeError } from "./describe";
import {
  inputOf,
  type Place,
  ProgramError,
  resultOf,
  runBlock,
  runContext,
  type Shared,
  see,
} from "./interpret";
import type {
  BatchOp,
  CallbackFacts,
  CallbackOp,
  ChildOp,
  CombineOp,
  Completion,
  ConditionOp,
  InvokeOp,
  Naming,
  Op,
  StepOp,
  Takes,
  WaitForCallbackOp,
} from "./program";

/** Names of the functions that programs invoke. */
export const FUNCTIONS = { program: "program", plain: "plain", missing: "nobody-has-this" } as const;

export interface PlainInput {
  readonly path: string;
  readonly fails: boolean;
  readonly takes: Takes;
}

/** Asks for an operation. */
export function perform(place: Place, op: Op, path: string): PromiseLike<unknown> {
  const { context } = place;
  const name = nameOf(place, op.name, path);
  if (name === path && isRecorded(op))
    place.world.asked?.({ executionId: place.trace.executionId, path, name });
  switch (op.op) {
    case "step":
      return performStep(place, op, path, name);
    case "wait":
      return name === undefined
        ? context.wait({ seconds: op.seconds })
        : context.wait(name, { seconds: op.seconds });
    case "callback":
      return handled(performCallback(place, op, path, name));
    case "waitForCallback":
      return performWaitForCallback(place, op, path, name);
    case "condition":
      return performCondition(place, op, path, name);
    case "child":
      return performChild(place, op, path, name);
    case "map":
    case "parallel":
      return performBatch(place, op, path, name);
    case "combine":
      return performCombine(place, op, path, name);
    case "invoke":
      return performInvoke(place, op, path, name);
  }
}

/** False for what leaves no record of its own, and for the combinators: those are of the SDK alone. */
function isRecorded(op: Op): boolean {
  return op.op !== "combine" && !(op.op === "child" && op.virtual);
}

/** How much code has seen here, and in each context around: a name with it depends on the order of everything before. */
function seenCounts(place: Place): string {
  const counts: number[] = [];
  for (let shared: Shared | undefined = place.shared; shared !== undefined; shared = shared.parent)
    counts.push(shared.seen.length);
  return counts.join(".");
}

function nameOf(place: Place, naming: Naming, path: string): string | undefined {
  if (naming === "none") return undefined;
  return naming === "path" ? path : `${path}@${seenCounts(place)}`;
}

function retries(attempts: number, delayS: number): (error: Error, attempt: number) => RetryDecision {
  return (_error, attempt) =>
    attempt < attempts ? { shouldRetry: true, delay: { seconds: delayS } } : { shouldRetry: false };
}

/** A body that runs: it takes its time, unless its process has stopped. */
export async function takeTime(process: VirtualProcess, takes: Takes, touch: () => void): Promise<void> {
  if ("ms" in takes) {
    await new Promise<void>((resolve) => process.clock.setTimer(resolve, takes.ms));
    return;
  }
  for (let turn = 0; turn < takes.turns; turn++) {
    touch();
    await new Promise((resolve) => setImmediate(resolve));
    await process.goesOn();
  }
}

function performStep(place: Place, op: StepOp, path: string, name: string | undefined): PromiseLike<unknown> {
  const { world, process, trace } = place;
  const body = async ({ attempt }: { attempt: number }): Promise<unknown> => {
    await process.goesOn();
    const { executionId, requestId } = trace;
    world.bodyStarted(process, { executionId, requestId, path, attempt, atMostOnce: op.once });
    await takeTime(process, op.takes, () => world.clock.touch());
    if (attempt <= op.fails) throw new ProgramError(`attempt ${attempt} of ${path}`);
    return resultOf(op.gives, path, []);
  };
  return place.context.step(name, body, {
    semantics: op.once ? StepSemantics.AtMostOncePerRetry : StepSemantics.AtLeastOncePerRetry,
    retryStrategy: retries(op.attempts, op.delayS),
    ...(op.serdes ? { serdes: slowSerdes(place) } : {}),
  });
}

/** JSON in an envelope, that takes turns to write and to read. */
function slowSerdes<T>({ process, world }: Place): Serdes<T> {
  const touch = () => world.clock.touch();
  return {
    serialize: async (value) => {
      await takeTime(process, { turns: 2 }, touch);
      return JSON.stringify({ value });
    },
    deserialize: async (text) => {
      await takeTime(process, { turns: 3 }, touch);
      return text === undefined ? undefined : (JSON.parse(text) as { value?: T }).value;
    },
  };
}

function seconds(count: number | undefined): { seconds: number } | undefined {
  return count === undefined ? undefined : { seconds: count };
}

function callbackConfig(facts: CallbackFacts) {
  const timeout = seconds(facts.timeoutS);
  const heartbeatTimeout = seconds(facts.heartbeatS);
  return {
    ...(timeout === undefined ? {} : { timeout }),
    ...(heartbeatTimeout === undefined ? {} : { heartbeatTimeout }),
  };
}

/** The creation is awaited by code of its own, so that the outcome is what the caller observes. */
async function performCallback(
  place: Place,
  op: CallbackOp,
  path: string,
  name: string | undefined,
): Promise<unknown> {
  const [outcome, callbackId] = await place.context.createCallback(name, callbackConfig(op));
  see(place, `${path} created`);
  if (!place.process.isDead) place.world.learn(callbackId, path, op.actions);
  return outcome;
}

function performWaitForCallback(
  place: Place,
  op: WaitForCallbackOp,
  path: string,
  name: string | undefined,
): PromiseLike<unknown> {
  const submit = async (callbackId: string): Promise<void> => {
    await place.process.goesOn();
    if (op.fails >= op.attempts || place.world.countSubmission(callbackId) <= op.fails)
      throw new ProgramError(`submission of ${path}`);
    place.world.learn(callbackId, path, op.actions);
  };
  return place.context.waitForCallback(name, submit, {
    ...callbackConfig(op),
    retryStrategy: retries(op.attempts, 1),
  });
}

interface Polled {
  readonly polls: number;
}

function performCondition(
  place: Place,
  op: ConditionOp,
  path: string,
  name: string | undefined,
): PromiseLike<unknown> {
  const { world, process, trace } = place;
  const check = async (state: Polled, { attempt }: { attempt: number }): Promise<Polled> => {
    await process.goesOn();
    const { executionId, requestId } = trace;
    world.bodyStarted(process, { executionId, requestId, path, attempt, atMostOnce: false });
    await takeTime(process, op.takes, () => world.clock.touch());
    if (attempt === op.throwsAt) throw new ProgramError(`check ${attempt} of ${path}`);
    return { polls: state.polls + 1 };
  };
  return place.context.waitForCondition(name, check, {
    initialState: { polls: 0 },
    waitStrategy: ({ polls }) =>
      polls < op.polls ? { shouldContinue: true, delay: { seconds: op.delayS } } : { shouldContinue: false },
  });
}

function performChild(
  place: Place,
  op: ChildOp,
  path: string,
  name: string | undefined,
): PromiseLike<unknown> {
  const { shared, ...rest } = place;
  const run = async (context: DurableContext): Promise<unknown> => {
    if (!op.virtual) return runContext({ ...rest, context }, op.block, path, shared);
    await runBlock({ ...place, context }, op.block, path);
    return resultOf(op.block.gives, path, []);
  };
  return place.context.runInChildContext(name, run, {
    virtualContext: op.virtual,
    ...(op.maps === true ? { errorMapper: mapError } : {}),
    ...(op.summarizes === true ? { summaryGenerator: () => `summary of ${path}` } : {}),
  });
}

function mapError(error: DurableOperationError): DurableOperationError {
  return new ChildContextError(`mapped: ${error.message}`, error);
}

function performBatch(
  place: Place,
  op: BatchOp,
  path: string,
  name: string | undefined,
): PromiseLike<unknown> {
  const { shared, ...rest } = place;
  // The items of a flat batch belong to the batch, whose code does not run again once it has settled.
  const batchShared = { path, parent: shared, seen: [], hasEnded: false };
  const runItem = async (context: DurableContext, index: number): Promise<unknown> => {
    const block = op.items[index] as BatchOp["items"][number];
    const itemPath = `${path}[${index}]`;
    if (!op.flat) {
      if (place.world.hasGroups === true) place.trace.unrecorded.add(itemPath);
      return runContext({ ...rest, context }, block, itemPath, shared);
    }
    place.trace.entered.add(path);
    await runBlock({ ...rest, context, shared: batchShared }, block, itemPath);
    return resultOf(block.gives, itemPath, []);
  };
  const config = {
    ...(op.maxConcurrency === undefined ? {} : { maxConcurrency: op.maxConcurrency }),
    ...completionOf(op.completion),
    ...(op.serdes ? { serdes: wholeSerdes(place) } : {}),
    ...(op.itemSerdes ? { itemSerdes: slowSerdes<unknown>(place) } : {}),
    ...(op.summarizes === true ? { summaryGenerator: () => `summary of ${path}` } : {}),
    nesting: op.flat ? NestingType.FLAT : NestingType.NESTED,
  };
  const batch: DurablePromise<BatchResult<unknown>> =
    op.op === "map"
      ? place.context.map(name, [...op.items.keys()], (context, index) => runItem(context, index), config)
      : place.context.parallel(
          name,
          op.items.map((_, index) => (context: DurableContext) => runItem(context, index)),
          config,
        );
  return handled(batch.then(describeBatch));
}

/** A native promise of our own, whose failure nobody need observe. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** Statuses and outcomes of the items, without a large one's text. */
function describeBatch(batch: BatchResult<unknown>): unknown {
  return {
    reason: batch.completionReason,
    status: batch.status,
    counts: [batch.successCount, batch.failureCount, batch.startedCount, batch.totalCount],
    items: batch.all.map(({ index, status, result, error }) => ({
      index,
      status,
      result,
      ...(error === undefined ? {} : { error: describeError(error) }),
    })),
  };
}

/** A serdes that keeps the items and the reason, and gives them back as a plain object of the same shape. */
function wholeSerdes(place: Place): Serdes<BatchResult<unknown>> {
  const { serialize, deserialize } = slowSerdes<unknown>(place);
  return {
    serialize: (batch, context) => serialize(batch === undefined ? undefined : plain(batch), context),
    deserialize: (text, context) => deserialize(text, context) as Promise<BatchResult<unknown> | undefined>,
  };
}

function plain(batch: BatchResult<unknown>): unknown {
  const { completionReason, status, successCount, failureCount, startedCount, totalCount } = batch;
  const all = batch.all.map(({ error, ...item }) =>
    error === undefined ? item : { ...item, error: describeError(error) },
  );
  return { all, completionReason, status, successCount, failureCount, startedCount, totalCount };
}

function completionOf(completion: Completion): { completionConfig?: CompletionConfig } {
  switch (completion.kind) {
    case "default":
      return {};
    case "all":
      return { completionConfig: { toleratedFailurePercentage: 100 } };
    case "minSuccessful":
      return { completionConfig: { minSuccessful: completion.count } };
    case "toleratedCount":
      return { completionConfig: { toleratedFailureCount: completion.count } };
    case "toleratedPercentage":
      return { completionConfig: { toleratedFailurePercentage: completion.percentage } };
    case "both":
      return {
        completionConfig: { minSuccessful: completion.count, toleratedFailureCount: completion.tolerated },
      };
    case "custom":
      return {
        completionConfig: {
          shouldComplete: ({ completedCount }) =>
            completedCount >= completion.after
              ? completeBatch(completion.fails ? CompletionOutcome.FAILED : CompletionOutcome.SUCCEEDED)
              : continueBatch(),
        },
      };
  }
}

function performCombine(
  place: Place,
  op: CombineOp,
  path: string,
  name: string | undefined,
): PromiseLike<unknown> {
  // The combinators take any thenable; what `then` gives of a batch is one.
  const members = op.members.map((member, index) =>
    perform(place, member, `${path}.${index}`),
  ) as DurablePromise<unknown>[];
  const { promise } = place.context;
  switch (op.how) {
    case "all":
      return promise.all(name, members);
    case "allSettled":
      return promise.allSettled(name, members);
    case "any":
      return promise.any(name, members);
    case "race":
      return promise.race(name, members);
  }
}

function performInvoke(
  place: Place,
  op: InvokeOp,
  path: string,
  name: string | undefined,
): PromiseLike<unknown> {
  const { context } = place;
  const [fn, input] = invoked(place, op, path);
  return name === undefined ? context.invoke(fn, input) : context.invoke(name, fn, input);
}

function invoked(place: Place, op: InvokeOp, path: string): [string, unknown] {
  const { target } = op;
  switch (target.fn) {
    case "plain":
      return [FUNCTIONS.plain, { path, fails: target.fails, takes: target.takes } satisfies PlainInput];
    case "program":
      return [FUNCTIONS.program, inputOf({ calm: place.calm, root: target.block, inlineWaitMs: 0 })];
    case "missing":
      return [FUNCTIONS.missing, {}];
  }
}
