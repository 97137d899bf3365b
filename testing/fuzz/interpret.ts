/**
 * Owns the running of a program as a handler. What the code sees goes into a trace, and the trace
 * of each context into its result.
 *
 * Code of a context that has settled does not run again, so everything that code may depend on is
 * kept by context (`Shared`): branches and virtual contexts share it, children have their own.
 */

import { executionIdOf } from "@tidemark/protocol";
import { type DurableContext, type DurableInstrumentationPlugin, withDurableExecution } from "@tidemark/sdk";
import type { VirtualProcess } from "@tidemark/testing";
import { describeError, describeValue, large, wide } from "./describe";
import { perform, takeTime } from "./operations";
import type { Block, Combine, Gives, Program, Stmt } from "./program";
import type { ProgramWorld, Trace } from "./world";

/** What the code of one recorded context has in common. */
export interface Shared {
  readonly path: string;
  readonly parent: Shared | undefined;
  readonly seen: string[];
  /** Its code has returned: what is left behind is not heard of. */
  hasEnded: boolean;
}

/** Where code runs. */
export interface Place {
  readonly world: ProgramWorld;
  readonly process: VirtualProcess;
  readonly trace: Trace;
  readonly context: DurableContext;
  readonly shared: Shared;
  readonly calm: boolean;
}

/** What was started and not awaited yet, by path. */
type Open = Map<string, PromiseLike<unknown>>;

/** Thrown by programs. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
}

export interface ProgramInput {
  readonly calm: boolean;
  readonly block: Block;
}

/** The handler that runs the program that is its input. */
export function programHandler(
  world: ProgramWorld,
  process: VirtualProcess,
  plugins: DurableInstrumentationPlugin[] = [],
): ReturnType<typeof withDurableExecution> {
  const run = async (input: ProgramInput, context: DurableContext): Promise<unknown> => {
    const trace: Trace = {
      executionId: executionIdOf(context.executionContext.durableExecutionArn),
      requestId: context.lambdaContext.awsRequestId,
      processId: process.id,
      entered: new Set(),
      unrecorded: new Set(),
      events: [],
    };
    world.traces.push(trace);
    const place = { world, process, trace, context, calm: input.calm };
    return runContext(place, input.block, "", undefined);
  };
  return withDurableExecution(run, { plugins });
}

/** Runs a block as the code of a context with a record of its own. */
export async function runContext(
  place: Omit<Place, "shared">,
  block: Block,
  path: string,
  parent: Shared | undefined,
): Promise<unknown> {
  const shared: Shared = { path, parent, seen: [], hasEnded: false };
  place.trace.entered.add(path);
  try {
    await runBlock({ ...place, shared }, block, path);
    return resultOf(block.gives, path, place.calm ? [...shared.seen].sort() : [...shared.seen]);
  } finally {
    shared.hasEnded = true;
  }
}

export async function runBlock(place: Place, block: Block, path: string): Promise<void> {
  const open: Open = new Map();
  await runStmts(place, block.stmts, path, open);
  if (place.calm) await joinAll(place, open);
}

export function resultOf(gives: Gives, path: string, seen: readonly string[]): unknown {
  switch (gives) {
    case "value":
      return { path, seen };
    case "undefined":
      return undefined;
    case "null":
      return null;
    case "text":
      return `text of ${path}`;
    case "large":
      return { path, text: large };
    case "wide":
      return { path, text: wide };
  }
}

/** The code has seen something. False when nobody hears of it any more. */
export function see(place: Place, text: string): boolean {
  if (place.process.isDead) return false;
  for (let shared: Shared | undefined = place.shared; shared !== undefined; shared = shared.parent) {
    if (shared.hasEnded) return false;
  }
  place.world.clock.touch();
  place.shared.seen.push(text);
  place.trace.events.push({ scope: place.shared.path, text });
  return true;
}

function seeOutcome(place: Place, path: string, text: string, isError: boolean): void {
  if (!see(place, text)) return;
  const { executionId, requestId } = place.trace;
  place.world.saw?.({ executionId, requestId, path, isError });
}

/** Awaits an operation and says what came of it. */
export async function observe(place: Place, path: string, promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    const value = await promise;
    seeOutcome(place, path, `${path} = ${describeValue(value)}`, false);
    return value;
  } catch (error) {
    seeOutcome(place, path, `${path} ! ${describeError(error)}`, true);
    throw error;
  }
}

async function runStmts(place: Place, stmts: readonly Stmt[], path: string, open: Open): Promise<void> {
  for (const [index, stmt] of stmts.entries()) await runStmt(place, stmt, `${path}/${index}`, open);
}

async function runStmt(place: Place, stmt: Stmt, path: string, open: Open): Promise<void> {
  switch (stmt.do) {
    case "run":
      return caught(observe(place, path, perform(place, stmt.op, path)), stmt.onError === "throw");
    case "start": {
      const started = perform(place, stmt.op, path);
      if (stmt.watched && !place.calm) void caught(observe(place, `${path} seen`, started), false);
      open.set(path, started);
      return;
    }
    case "join":
      return joinAll(place, open, stmt.order);
    case "native": {
      const members = stmt.ops.map((op, index) => perform(place, op, `${path}.${index}`));
      await caught(observe(place, path, native(stmt.how, members)), false);
      if (!stmt.joins) return;
      for (const [index, member] of members.entries())
        await caught(observe(place, `${path}.${index}`, member), false);
      return;
    }
    case "branches": {
      const branches = stmt.blocks.map((block, index) => runBranch(place, block, `${path}|${index}`));
      await caught(observe(place, path, native(stmt.how, branches)), false);
      if (stmt.joins) await Promise.allSettled(branches);
      return;
    }
    case "try":
      return runTry(place, stmt, path, open);
    case "throw":
      if (place.calm) await joinAll(place, open);
      throw new ProgramError(`thrown at ${path}`);
    case "if": {
      const isThen = place.shared.seen.length % stmt.modulus === 0;
      return runStmts(place, isThen ? stmt.then : stmt.otherwise, `${path}${isThen ? "t" : "f"}`, open);
    }
    case "ticks":
      for (let tick = 0; tick < stmt.count; tick++) await null;
      return;
    case "gap":
      return takeTime(place.process, stmt.takes, () => place.world.clock.touch());
  }
}

async function runTry(
  place: Place,
  stmt: Extract<Stmt, { do: "try" }>,
  path: string,
  open: Open,
): Promise<void> {
  try {
    await runStmts(place, stmt.body, path, open);
  } catch (error) {
    see(place, `${path} caught ${describeError(error)}`);
    if (stmt.rethrows) throw error;
  }
}

async function runBranch(place: Place, stmts: readonly Stmt[], path: string): Promise<string> {
  see(place, `${path} begins`);
  await runStmts(place, stmts, path, new Map());
  see(place, `${path} ends`);
  return path;
}

async function joinAll(place: Place, open: Open, order: "first" | "last" = "first"): Promise<void> {
  const started = [...open];
  open.clear();
  if (order === "last") started.reverse();
  for (const [path, promise] of started) await caught(observe(place, path, promise), false);
}

function native(how: Combine, members: readonly PromiseLike<unknown>[]): Promise<unknown> {
  switch (how) {
    case "all":
      return Promise.all(members);
    case "allSettled":
      return Promise.allSettled(members);
    case "any":
      return Promise.any(members);
    case "race":
      return Promise.race(members);
  }
}

async function caught(work: Promise<unknown>, throws: boolean): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (throws) throw error;
  }
}

/** The input that makes the handler run this program. */
export function inputOf(program: Program): ProgramInput {
  return { calm: program.calm, block: program.root };
}
