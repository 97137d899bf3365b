/**
 * Owns where code runs: the root, a child context or a step body.
 *
 * A scope hands out positions in the order of the calls. Code that runs in one scope and calls
 * the context of another would get positions that a replay cannot repeat, so each call is checked.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { operationId } from "@tidemark/protocol";
import { type IdOf, positionItself } from "./recorded-ids.js";
import type { Thrown } from "./thrown.js";

interface ScopeOptions {
  readonly prefix?: string;
  readonly parentId?: string | undefined;
  readonly name?: string | undefined;
  readonly isRebuilding?: boolean;
  /** Given for the root; it is that of all scopes below. */
  readonly idOf?: IdOf;
}

export class Scope {
  readonly parent: Scope | undefined;
  /** Prefix of the positions of its operations; "" for the root. */
  readonly prefix: string;
  /** What its operations record as their parent. Differs from the prefix in virtual contexts. */
  readonly parentId: string | undefined;
  readonly name: string | undefined;
  /** Its code runs over what is recorded, to rebuild a result; nothing new begins in it. */
  readonly isRebuilding: boolean;
  /** How many contexts with a record are around its operations. */
  readonly depth: number;
  /** The id under which the operation at a position is recorded. */
  readonly idOf: IdOf;
  #count = 0;
  /** What its code has been told of versions of itself. */
  versions: Map<string, number> | undefined;
  /** Its context has ended: nothing more is recorded or delivered below it (invariant 10). */
  hasEnded = false;

  constructor(parent?: Scope, options: ScopeOptions = {}) {
    this.parent = parent;
    this.prefix = options.prefix ?? "";
    this.parentId = options.parentId;
    this.name = options.name;
    this.idOf = options.idOf ?? parent?.idOf ?? positionItself;
    this.isRebuilding = options.isRebuilding === true || parent?.isRebuilding === true;
    this.depth = parent === undefined ? 0 : parent.depth + (options.parentId === parent.parentId ? 0 : 1);
  }

  nextPosition(): string {
    this.#count += 1;
    return operationId(this.prefix, this.#count);
  }

  /** False once this context or one around it has ended. */
  isLive(): boolean {
    if (this.hasEnded) return false;
    return this.parent === undefined || this.parent.isLive();
  }
}

/** An invocation, as far as code in its place must know. */
interface RunningInvocation {
  readonly hasEnded?: boolean;
  /** Told of what its code throws. */
  readonly onThrown?: ((thrown: Thrown) => void) | undefined;
}

/** What the code that is running belongs to. */
interface Running {
  /** The scope whose context may be used here; `undefined` inside a step body. */
  readonly scope: Scope | undefined;
  /** The operation on whose behalf it runs, for log lines. */
  readonly operationId: string | undefined;
  readonly operationName: string | undefined;
  readonly attempt: number | undefined;
  /** The invocation it belongs to. */
  readonly invocation: RunningInvocation;
}

/** What the code of an operation belongs to: of a context with its scope, of a step's body without one. */
export function runningIn(
  operation: { readonly id: string; readonly name: string | undefined; readonly engine: RunningInvocation },
  scope: Scope | undefined,
  attempt?: number,
): Running {
  const { id, name, engine } = operation;
  return { scope, operationId: id, operationName: name, attempt, invocation: engine };
}

const storage = new AsyncLocalStorage<Running>();

export function currentlyRunning(): Running | undefined {
  return storage.getStore();
}

export function runIn<T>(running: Running, fn: () => T): T {
  return storage.run(running, fn);
}

/** What the user's code gives or throws, at once or later. */
export function settlementOf<T>(fn: () => T | PromiseLike<T>): Promise<T> {
  try {
    return Promise.resolve(fn());
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Runs functions later as code of whoever runs now, with the async contexts of the user's code. */
export type AsInContext = <T>(fn: () => T) => T;

export function captureContext(): AsInContext {
  return AsyncLocalStorage.snapshot();
}

const resolved = Promise.resolve();

/**
 * Runs `fn` in the next microtask: operations that the caller asks for together are recorded before
 * the code of any of them runs. All that `fn` leaves waiting shares one record of where it runs.
 */
export function runSoonIn(running: Running, fn: () => void): void {
  storage.run(running, () => {
    void resolved.then(fn);
  });
}
