/** Owns the functions that the chaos run executes: a bit of every operation, with results that are known beforehand. */

import { setTimeout as sleep } from "node:timers/promises";
import type { DurableHandler, PlainHandler } from "@tidemark/runtime";
import {
  CallbackTimeoutError,
  type DurableContext,
  StepInterruptedError,
  StepSemantics,
  withDurableExecution,
} from "@tidemark/sdk";
import type { BodyRun, CallbackRequest } from "./body-log";
import { FAILING_ITEM, LARGE_RESULT_LENGTH, LARGE_STEP_LENGTH, MAP_ITEMS, planOf, workValue } from "./values";

export interface ChaosInput {
  readonly seed: number;
  readonly index: number;
}

export interface ChaosResult {
  readonly loaded: number;
  readonly charged: number;
  /** Order in which three steps ended, as the code saw it and as a step recorded it. */
  readonly order: string;
  readonly notedOrder: string;
  readonly branches: readonly number[];
  /** What the callback gave: its payload, `failed` or `timed out`. */
  readonly answer: string;
  readonly items: string;
  readonly child: number;
  readonly plain: number;
  readonly race?: { readonly seen: string; readonly noted: string };
  readonly looks?: number;
  readonly largeLength?: number;
}

/** Where bodies leave their traces. */
export interface Traces {
  body(run: BodyRun): void;
  callback(request: CallbackRequest): void;
}

/** Longer than any row of interruptions that a run can produce. */
const MAX_ATTEMPTS = 50;

const RETRY = (_error: Error, attempt: number) => ({
  shouldRetry: attempt < MAX_ATTEMPTS,
  delay: { seconds: 1 },
});

/** An error of the body is final; one of the process is not. */
const RETRY_INTERRUPTED = (error: Error, attempt: number) => ({
  shouldRetry: error instanceof StepInterruptedError && attempt < MAX_ATTEMPTS,
  delay: { seconds: 1 },
});

interface StepOptions {
  readonly atMostOnce?: boolean;
  /** Attempts that fail by themselves. */
  readonly failures?: number;
  readonly delayMs?: number;
  readonly retry?: typeof RETRY;
}

export function chaosFunctions(
  traces: Traces,
): Record<string, DurableHandler | { handler: PlainHandler; durable: false }> {
  return {
    order: withDurableExecution((input: ChaosInput, context) => new Order(traces, input, context).run()),
    child: withDurableExecution((input: ChaosInput, context) => runChild(new Steps(traces, input, context))),
    plain: { handler: runPlain, durable: false },
  };
}

/** Steps that leave traces. */
class Steps {
  readonly context: DurableContext;
  readonly input: ChaosInput;
  readonly #traces: Traces;
  readonly #executionId: string;

  constructor(traces: Traces, input: ChaosInput, context: DurableContext) {
    this.context = context;
    this.input = input;
    this.#traces = traces;
    this.#executionId = context.executionContext.durableExecutionArn.split("/").at(-1) as string;
  }

  /** A step that gives the value of its label, or what `give` says. */
  value(context: DurableContext, label: string, options?: StepOptions): Promise<number> {
    const { seed, index } = this.input;
    return this.step(context, label, () => workValue(seed, index, label), options);
  }

  async step<T>(
    context: DurableContext,
    label: string,
    give: () => T,
    options: StepOptions = {},
  ): Promise<T> {
    const { atMostOnce = false, failures = 0, delayMs, retry = RETRY } = options;
    const body = async ({ attempt }: { readonly attempt: number }): Promise<T> => {
      this.#traces.body({
        executionId: this.#executionId,
        operation: label,
        attempt,
        pid: process.pid,
        atMs: Date.now(),
        semantics: atMostOnce ? "at-most-once" : "at-least-once",
      });
      await sleep(delayMs ?? Math.random() * 20);
      if (attempt <= failures) throw new Error(`${label} is not ready`);
      return give();
    };
    const semantics = atMostOnce ? StepSemantics.AtMostOncePerRetry : StepSemantics.AtLeastOncePerRetry;
    return context.step(label, body, { retryStrategy: retry, semantics });
  }

  callback(callbackId: string): void {
    this.#traces.callback({ executionId: this.#executionId, index: this.input.index, callbackId });
  }
}

class Order {
  readonly #steps: Steps;
  readonly #context: DurableContext;
  readonly #input: ChaosInput;

  constructor(traces: Traces, input: ChaosInput, context: DurableContext) {
    this.#steps = new Steps(traces, input, context);
    this.#context = context;
    this.#input = input;
  }

  async run(): Promise<ChaosResult> {
    const steps = this.#steps;
    const context = this.#context;
    const plan = planOf(this.#input.index);
    const loaded = await steps.value(context, "load");
    const charged = await steps.value(context, "charge", { atMostOnce: true, failures: plan.chargeFailures });
    const order = await this.#order();
    await context.wait("cool off", { seconds: 1 });
    const branches = await this.#branches();
    const items = await this.#items();
    const race = plan.hasRace ? await this.#race() : undefined;
    const looks = plan.hasCondition ? await this.#looks() : undefined;
    const largeLength = plan.hasLargeResult ? await this.#largeLength() : undefined;
    const plain = await context.invoke<ChaosInput, number>("plain", "plain", this.#input);
    const { answer, child, values } = branches;
    return {
      loaded,
      charged,
      ...order,
      branches: values,
      answer,
      items,
      child,
      plain,
      ...(race === undefined ? {} : { race }),
      ...(looks === undefined ? {} : { looks }),
      ...(largeLength === undefined ? {} : { largeLength }),
    };
  }

  /** Native promises and a shared variable: a replay sees the order of the live run. */
  async #order(): Promise<{ order: string; notedOrder: string }> {
    const ended: string[] = [];
    const labels = ["first", "second", "third"];
    await Promise.all(
      labels.map(async (label) => {
        await this.#steps.value(this.#context, label);
        ended.push(label);
      }),
    );
    const order = ended.join();
    const notedOrder = await this.#steps.step(this.#context, "note order", () => order);
    return { order, notedOrder };
  }

  async #branches(): Promise<{ answer: string; child: number; values: number[] }> {
    const steps = this.#steps;
    const batch = await this.#context.parallel<string | number>("branches", [
      { name: "answer", func: (branch) => this.#answer(branch) },
      { name: "child", func: (branch) => branch.invoke<ChaosInput, number>("child", "child", this.#input) },
      {
        name: "waits",
        func: async (branch) => {
          const before = await steps.value(branch, "before wait", { atMostOnce: true });
          await branch.wait({ seconds: 1 });
          return before ^ (await steps.value(branch, "after wait"));
        },
      },
      {
        name: "nested",
        func: async (branch) => {
          const inner = await branch.parallel("inner", [
            (leaf) => steps.value(leaf, "left"),
            (leaf) => steps.value(leaf, "right", { atMostOnce: true, failures: 1 }),
          ]);
          inner.throwIfError();
          return inner.getResults().reduce((sum, value) => sum ^ value, 0);
        },
      },
    ]);
    batch.throwIfError();
    const [answer, child, ...values] = batch.getResults();
    return { answer: answer as string, child: child as number, values: values as number[] };
  }

  async #answer(branch: DurableContext): Promise<string> {
    const isContest = planOf(this.#input.index).callback === "contest";
    const submit = async (callbackId: string) => this.#steps.callback(callbackId);
    try {
      return await branch.waitForCallback("answer", submit, {
        timeout: isContest ? { seconds: 1 } : { minutes: 10 },
        retryStrategy: RETRY,
      });
    } catch (error) {
      return error instanceof CallbackTimeoutError ? "timed out" : "failed";
    }
  }

  async #items(): Promise<string> {
    const batch = await this.#context.map(
      "items",
      [...MAP_ITEMS],
      (item, name) =>
        name === FAILING_ITEM
          ? this.#steps.value(item, `item ${name}`, { failures: MAX_ATTEMPTS, retry: RETRY_INTERRUPTED })
          : this.#steps.value(item, `item ${name}`, { atMostOnce: name === "b" }),
      { maxConcurrency: 2, completionConfig: { toleratedFailureCount: 1 } },
    );
    return batch.all.map(({ status, result }) => (status === "SUCCEEDED" ? result : status)).join();
  }

  /** Either may win; a replay must not change its mind. */
  async #race(): Promise<{ seen: string; noted: string }> {
    const delayMs = 900 + Math.random() * 300;
    const body = this.#steps.step(this.#context, "runner", () => "body", { delayMs });
    const wait = this.#context.wait("limit", { seconds: 1 }).then(() => "wait");
    const seen = await Promise.race([body, wait]);
    const noted = await this.#steps.step(this.#context, "note winner", () => seen);
    return { seen, noted };
  }

  #looks(): Promise<number> {
    return this.#context.waitForCondition("looks", async (looks: number) => looks + 1, {
      initialState: 0,
      waitStrategy: (looks) =>
        looks < 3 ? { shouldContinue: true, delay: { seconds: 1 } } : { shouldContinue: false },
    });
  }

  async #largeLength(): Promise<number> {
    const text = await this.#context.runInChildContext("large", async (child) => {
      const letter = await this.#steps.step(child, "letter", () => "x");
      return letter.repeat(LARGE_RESULT_LENGTH);
    });
    const step = await this.#steps.step(this.#context, "text", () => "y".repeat(LARGE_STEP_LENGTH));
    await this.#context.wait({ seconds: 1 });
    return text.length + step.length;
  }
}

async function runChild(steps: Steps): Promise<number> {
  const first = await steps.value(steps.context, "child first");
  await steps.context.wait({ seconds: 1 });
  const second = await steps.value(steps.context, "child second", { atMostOnce: true });
  return first ^ second;
}

async function runPlain(event: unknown): Promise<number> {
  const { seed, index } = event as ChaosInput;
  await sleep(Math.random() * 20);
  return workValue(seed, index, "plain");
}
