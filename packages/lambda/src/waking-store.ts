/**
 * Owns the wake-up that follows a write at once, where no worker watches the store.
 *
 * The store stays the truth: a wake-up is sent after the write, and one that fails is reported and no more. The waker
 * finds what it was for.
 */

import { type ExecutionHead, isTerminal, type OptionNames, reporter } from "@tidemark/protocol";
import type { ExecutionStore } from "@tidemark/store";
import { type Invoke, lambdaInvoke } from "./lambda-invoke.js";
import { requireNames } from "./options.js";

export interface WakingStoreOptions {
  /** Default: {@link lambdaInvoke} with its own defaults. */
  readonly invoke?: Invoke | undefined;
  /** Told of wake-ups that failed. Default: `console.error`. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

const NAMES: OptionNames<WakingStoreOptions> = { invoke: true, onError: true };

/**
 * The same store, but what a write through it makes due is woken at once: the execution that is started or resumed or
 * whose callback is completed, and the caller of one that ends. The write settles when the wake-up has been accepted,
 * so that nothing is left to do when a Lambda function returns.
 *
 * @throws TidemarkError `TIDEMARK_LAMBDA_OPTIONS`.
 * @example
 * ```ts
 * const client = new DurableClient({ store: wakingStore(store) });
 * await client.sendCallbackSuccess(callbackId, "approved");
 * ```
 */
export function wakingStore<Store extends ExecutionStore>(
  store: Store,
  options: WakingStoreOptions = {},
): Store {
  requireNames("wakingStore", options, NAMES);
  const changes = wakingWrites(store, wakeWith(options));
  return new Proxy(store, {
    get(target, property) {
      if (Object.hasOwn(changes, property)) return Reflect.get(changes, property);
      const member: unknown = Reflect.get(target, property, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

/** Reads a head. */
type ReadHead = () => Promise<ExecutionHead | undefined>;

type Wake = (readHead: ReadHead, nowMs: number) => Promise<void>;

/**
 * Wakes an execution if `acquire` would take it: whoever runs it is told by the store. Never fails, also when the head
 * cannot be read: the write that made it due has landed, and must not look as if it had not.
 */
export function wakeWith({ invoke = lambdaInvoke(), onError }: WakingStoreOptions): Wake {
  const report = reporter(onError);
  return async (readHead, nowMs) => {
    try {
      const head = await readHead();
      if (head === undefined || !isDue(head, nowMs)) return;
      const { functionName, executionId } = head;
      await invoke({ functionName, executionId });
    } catch (error) {
      report(error);
    }
  };
}

/** True when it waits and is due, or its lease has run out. */
export function isDue({ status, dueAtMs }: ExecutionHead, nowMs: number): boolean {
  return !isTerminal(status) && dueAtMs !== undefined && dueAtMs <= nowMs;
}

function wakingWrites(
  store: ExecutionStore,
  wake: Wake,
): Pick<ExecutionStore, "start" | "finish" | "post" | "resume"> {
  return {
    async start(execution) {
      const started = await store.start(execution);
      // Also one that exists: its wake-up may have been lost.
      await wake(async () => started.head, execution.startedAtMs);
      return started;
    },
    async finish(request) {
      const outcome = await store.finish(request);
      if (outcome === "finished") await wake(() => parentHead(store, request.executionId), request.endedAtMs);
      return outcome;
    },
    async post(request) {
      const result = await store.post(request);
      if (result.kind === "posted" && request.wake)
        await wake(() => store.head(request.executionId), request.nowMs);
      return result;
    },
    async resume(executionId, nowMs) {
      const isResumed = await store.resume(executionId, nowMs);
      if (isResumed) await wake(() => store.head(executionId), nowMs);
      return isResumed;
    },
  };
}

async function parentHead(store: ExecutionStore, executionId: string): Promise<ExecutionHead | undefined> {
  const parent = (await store.head(executionId))?.parent;
  return parent === undefined ? undefined : store.head(parent.executionId);
}
