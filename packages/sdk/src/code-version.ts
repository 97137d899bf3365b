/**
 * Owns versions of a place in the code: which way an execution goes where the code has been changed.
 *
 * The decision is recorded as a marker: a step without a body whose id is a name and not a position,
 * so that it shifts nothing. Markers are not delivered; code that no longer asks for one still fits
 * the log.
 *
 * 1. An execution that has recorded anything past the place without a marker is at version 0, for ever.
 * 2. Any other takes the newest version, and its marker is durable before or with whatever follows it.
 * 3. A context decides once, at its first call with a name; each context decides for itself.
 */

import { type Operation, TidemarkError, valueText } from "@tidemark/protocol";
import { invalidArgument } from "./arguments.js";
import type { DurableContext } from "./durable-context.js";
import type { Engine } from "./engine.js";
import type { Scope } from "./scope.js";
import type { DurableExecutionHandler } from "./with-durable-execution.js";

/** The versions of a place that this code can run. */
export interface VersionRange {
  /** The oldest one; 0 is the code before the place had versions. */
  readonly min: number;
  /** The newest one: what executions take that have not passed the place. */
  readonly max: number;
}

/** A context, of whatever logger. */
type AnyContext = Pick<DurableContext, "executionContext">;

/** What one deployment knows of a place. */
interface VersionChoice {
  readonly newest: number;
  isSupported(version: number): boolean;
  /** For messages. */
  readonly supported: string;
}

/** By a symbol, so that the context has the AWS SDK's names and no more, and copies of this package agree. */
export const DECIDE_VERSION = Symbol.for("@tidemark/sdk/decide-version");

const SUB_TYPE = "Version";

/** Part of an operation id, whose characters AWS limits, and short enough to leave room for the position. */
const NAME = /^[A-Za-z0-9_-]{1,40}$/;

/**
 * The version of the place `name` for this execution, so that the code can go the way that it went.
 *
 * An execution that had passed the place before the place had a version gets 0. One that had passed it
 * with a version gets that one, on every replay. Any other gets `max`, which is recorded with the next
 * checkpoint. Costs no checkpoint of its own and takes no position: operations keep their ids.
 *
 * Each context (root, branch, item, child) decides once a name, at its first call; to have the same in
 * its children, hand them the number. In a loop give each round a name of its own.
 *
 * A version outside of `min` to `max` ends the invocation, not the execution: it is tried again, and
 * goes on with code that knows the version.
 *
 * @param name 1 to 40 of the characters A-Z a-z 0-9 _ -, unique in its context. Never use one again for
 * another change.
 * @throws TidemarkError `TIDEMARK_ARGUMENT`, `TIDEMARK_CODE_VERSION`.
 * @example
 * ```ts
 * const version = getVersion(context, "fees", { min: 0, max: 2 });
 * if (version === 2) await context.step("fees by country", async () => 3);
 * else if (version === 1) await context.step("flat fee", async () => 2);
 * ```
 */
export function getVersion(context: AnyContext, name: string, range: VersionRange): number {
  const { min, max } = Object(range) as VersionRange;
  if (!isVersion(min) || !isVersion(max) || min > max) {
    throw invalidArgument(
      "getVersion",
      `the range is ${valueText(range)}; pass { min, max } of whole numbers from 0`,
    );
  }
  return decide(context, "getVersion", name, {
    newest: max,
    isSupported: (version) => version >= min && version <= max,
    supported: min === max ? `${min}` : `${min} to ${max}`,
  });
}

/**
 * True for executions that take the changed code, false for those that had passed this place before.
 *
 * The same as `getVersion(context, name, { min: 0, max: 1 }) === 1`; once no execution needs the old
 * code, `getVersion` with `{ min: 1, max: 1 }` guards the place, and later the call can go.
 *
 * @throws TidemarkError `TIDEMARK_ARGUMENT`, `TIDEMARK_CODE_VERSION`.
 * @example
 * ```ts
 * if (patched(context, "check-stock")) await context.step("check stock", async () => true);
 * ```
 */
export function patched(context: AnyContext, name: string): boolean {
  return getVersion(context, name, { min: 0, max: 1 }) === 1;
}

/**
 * A handler that runs each execution on the version it began with, and new ones on the newest.
 *
 * Version 0 is what ran before the function was pinned; leave it out once none of its executions is
 * left, as any other. An execution whose version is missing is tried again until it is deployed, and
 * stopped, resumable, when that takes long.
 *
 * @param versions Handlers by number, whole numbers from 0; gaps are allowed.
 * @throws TidemarkError `TIDEMARK_ARGUMENT`.
 * @example
 * ```ts
 * const orders = withDurableExecution(
 *   pinVersions({
 *     0: async (event: { id: string }, context) => context.step("book", async () => event.id),
 *     1: async (event: { id: string }, context) => context.step("reserve", async () => event.id),
 *   }),
 * );
 * ```
 */
export function pinVersions<TEvent, TResult>(
  versions: Readonly<Record<number, DurableExecutionHandler<TEvent, TResult>>>,
): DurableExecutionHandler<TEvent, TResult> {
  const handlers = new Map(
    Object.entries(Object(versions)).map(([key, handler]) => [Number(key), handler] as const),
  );
  const wrong = [...handlers].find(
    ([version, handler]) => !isVersion(version) || typeof handler !== "function",
  );
  if (handlers.size === 0 || wrong !== undefined) {
    throw invalidArgument(
      "pinVersions",
      `versions is ${valueText(versions)}; pass handlers by whole numbers from 0`,
    );
  }
  const choice: VersionChoice = {
    newest: Math.max(...handlers.keys()),
    isSupported: (version) => handlers.has(version),
    supported: [...handlers.keys()].join(", "),
  };
  return async (event, context) => {
    const version = decide(context, "pinVersions", "pinned", choice);
    return (handlers.get(version) as DurableExecutionHandler<TEvent, TResult>)(event, context);
  };
}

function isVersion(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0;
}

function decide(context: AnyContext, operation: string, name: string, choice: VersionChoice): number {
  if (typeof name !== "string" || !NAME.test(name)) {
    throw invalidArgument(
      operation,
      `name is ${valueText(name)}; use 1 to 40 of the characters A-Z, a-z, 0-9, _ and -`,
    );
  }
  const decider = (
    context as {
      [DECIDE_VERSION]?: (operation: string, name: string, choice: VersionChoice) => number;
    } | null
  )?.[DECIDE_VERSION];
  if (decider === undefined) {
    throw invalidArgument(
      operation,
      `context is ${valueText(context)}; pass the context that Tidemark gave to the handler or the branch`,
    );
  }
  return decider.call(context, operation, name, choice);
}

/** Decides for a context whose code runs now. */
export function decideVersion(engine: Engine, scope: Scope, name: string, choice: VersionChoice): number {
  const id = scope.idOf(`${scope.prefix === "" ? "" : `${scope.prefix}-`}v_${name}`);
  const recorded = engine.find(id);
  let version = scope.versions?.get(name) ?? (recorded === undefined ? undefined : versionIn(recorded));
  if (version === undefined) {
    const hasPassed = scope.isRebuilding || engine.hasRecordsAhead;
    version = hasPassed ? 0 : choice.newest;
    // No marker means 0, so 0 needs none.
    if (version > 0 && scope.isLive()) record(engine, scope, id, `${name}@${version}`);
  }
  scope.versions ??= new Map();
  scope.versions.set(name, version);
  if (choice.isSupported(version)) return version;
  const error = unsupported(name, version, choice.supported, scope.prefix);
  engine.fail(error);
  throw error;
}

/** Rides along with the next checkpoint: whatever the decision leads to is behind it in the log. */
function record(engine: Engine, scope: Scope, Id: string, Name: string): void {
  const marker = { Id, Type: "STEP", SubType: SUB_TYPE, Name } as const;
  const update = scope.parentId === undefined ? marker : { ...marker, ParentId: scope.parentId };
  engine.enqueue({ ...update, Action: "START" }, false);
  engine.enqueue({ ...update, Action: "SUCCEED" }, false);
}

/** In the name, because a payload may have to be fetched. */
function versionIn({ Name = "" }: Operation): number {
  return Number(Name.slice(Name.lastIndexOf("@") + 1));
}

/** True for the record of a decision. No code waits for it. */
export function isVersionMarker({ Type, SubType }: Operation): boolean {
  return SubType === SUB_TYPE && Type === "STEP";
}

function unsupported(name: string, version: number, supported: string, prefix: string): TidemarkError {
  const place = prefix === "" ? "" : ` in context ${prefix}`;
  return new TidemarkError(
    "TIDEMARK_CODE_VERSION",
    `the execution is at version ${version} of "${name}"${place}, this code has ${supported}; deploy code that has both, the execution is tried again`,
  );
}
