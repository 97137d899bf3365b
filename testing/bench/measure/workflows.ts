/**
 * Owns the workflows that are measured. Both SDKs run the same functions: only the context differs.
 *
 * Every step gives 64 bytes of JSON.
 */

/** What the workflows use of a durable context, in either SDK. */
export interface WorkflowContext {
  step<T>(name: string, body: () => Promise<T>): PromiseLike<T>;
  wait(name: string, duration: { seconds: number }): PromiseLike<void>;
  runInChildContext<T>(name: string, body: (context: WorkflowContext) => Promise<T>): PromiseLike<T>;
  createCallback(name: string): PromiseLike<[PromiseLike<unknown>, string]>;
  parallel<T>(
    name: string,
    branches: ((context: WorkflowContext) => Promise<T>)[],
  ): PromiseLike<{ readonly successCount: number }>;
}

export type Workflow = (event: unknown, context: WorkflowContext) => Promise<unknown>;

/** What a step gives: `{"value":"…"}` is 64 bytes. */
function stepResult(): { value: string } {
  return { value: "0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdef" };
}

async function stepBody(): Promise<{ value: string }> {
  return stepResult();
}

export const STEP_RESULT_JSON = JSON.stringify(stepResult());

export function oneStep(context: WorkflowContext): PromiseLike<unknown> {
  return context.step("step", stepBody);
}

/** One step after the other; gives how many milliseconds they took, seen from inside. */
export function sequentialSteps(count: number): Workflow {
  return async (_event, context) => {
    const startedMs = performance.now();
    for (let index = 0; index < count; index++) await oneStep(context);
    return performance.now() - startedMs;
  };
}

/** What each of these contexts has done is over: only their ends are live. `resultOf` makes the result of a step. */
export function contextsOfFiveSteps(count: number, resultOf: () => unknown = stepResult): Workflow {
  return async (_event, context) => {
    for (let index = 0; index < count; index++) {
      await context.runInChildContext("context", async (child) => {
        for (let step = 0; step < 5; step++) await child.step("step", async () => resultOf());
      });
    }
  };
}

/** The same, and then one callback after the other: each that is completed begins an invocation. */
export function contextsThenCallbacks(count: number, onCallback: (callbackId: string) => void): Workflow {
  const contexts = contextsOfFiveSteps(count);
  return async (event, context) => {
    await contexts(event, context);
    for (;;) {
      const [outcome, callbackId] = await context.createCallback("callback");
      onCallback(callbackId);
      await outcome;
    }
  };
}

/** Branches that begin at once, each with one step. */
export function branchesOfOneStep(count: number): Workflow {
  return async (_event, context) => {
    const branches = Array.from({ length: count }, () => async (branch: WorkflowContext) => {
      await branch.step("step", stepBody);
    });
    return (await context.parallel("branches", branches)).successCount;
  };
}

/** Branches that all wait for an hour. */
export function waitingBranches(count: number): Workflow {
  return async (_event, context) => {
    const branches = Array.from({ length: count }, () => async (branch: WorkflowContext) => {
      await branch.wait("wait", { seconds: 3600 });
    });
    return (await context.parallel("branches", branches)).successCount;
  };
}

/** The same, while a step keeps the invocation and with it the branches in memory until `release`. */
export function heldBranches(count: number, whileOpen: () => Promise<void>): Workflow {
  const wait = waitingBranches(count);
  return async (event, context) => {
    // The branches are begun first; what the workflow gives does not wait for them.
    void wait(event, context);
    await context.step("hold", whileOpen);
  };
}

/**
 * Steps, then a callback, then one more step: completing the callback begins an invocation that
 * replays the steps. `onFirstNew` is called by the body of the last step.
 */
export function stepsThenCallback(
  count: number,
  onCallback: (callbackId: string) => void,
  onFirstNew: () => void,
): Workflow {
  return async (_event, context) => {
    for (let index = 0; index < count; index++) await context.step("step", stepBody);
    const [outcome, callbackId] = await context.createCallback("callback");
    onCallback(callbackId);
    await outcome;
    return context.step("new", async () => onFirstNew());
  };
}
