/**
 * Owns the generation of programs: which programs there are and how likely each is.
 *
 * 1. Every program ends: callbacks are completed or time out, races have members.
 * 2. A calm program has no construct whose outcome depends on order or time, and awaits all it starts.
 */

import fc from "fast-check";
import type {
  Block,
  CallbackAction,
  CallbackFacts,
  Combine,
  Completion,
  Gives,
  Naming,
  Op,
  Program,
  Stmt,
  Takes,
} from "./program";

export interface Size {
  /** Nesting of contexts. */
  readonly depth: number;
  /** Statements in a block. */
  readonly width: number;
}

const takes: fc.Arbitrary<Takes> = fc.oneof(
  { arbitrary: fc.constant({ turns: 0 }), weight: 4 },
  { arbitrary: fc.integer({ min: 1, max: 6 }).map((turns) => ({ turns })), weight: 3 },
  // Under and over the delay after which a START is sent, under and over a lease.
  { arbitrary: fc.constantFrom(1, 400, 600, 1000, 2500, 7000, 35_000).map((ms) => ({ ms })), weight: 3 },
);

/** Shorter than the grace for code that does not ask for what comes next. */
const gaps: fc.Arbitrary<Takes> = fc.constantFrom(
  { turns: 1 },
  { turns: 2 },
  { turns: 5 },
  { ms: 1 },
  { ms: 600 },
  { ms: 4000 },
);

const seconds = fc.constantFrom(1, 1, 2, 3, 5, 20);
const smallGives: fc.Arbitrary<Gives> = fc.constantFrom("value", "value", "undefined", "null", "text");
const gives: fc.Arbitrary<Gives> = fc.oneof(
  { arbitrary: smallGives, weight: 12 },
  { arbitrary: fc.constantFrom("large" as const, "wide" as const), weight: 2 },
);
const rarely = fc.integer({ min: 0, max: 7 }).map((n) => n === 7);
const often = fc.boolean();

function naming(calm: boolean): fc.Arbitrary<Naming> {
  return calm
    ? fc.constantFrom<Naming>("path", "path", "none")
    : fc.constantFrom<Naming>("path", "path", "order", "none");
}

function completionOf(calm: boolean): fc.Arbitrary<Completion> {
  if (calm) return fc.constant({ kind: "all" });
  const count = fc.integer({ min: 1, max: 3 });
  return fc.oneof(
    fc.constant({ kind: "default" as const }),
    fc.constant({ kind: "all" as const }),
    count.map((n) => ({ kind: "minSuccessful" as const, count: n })),
    fc.integer({ min: 0, max: 2 }).map((n) => ({ kind: "toleratedCount" as const, count: n })),
    fc.constantFrom(0, 30, 50).map((percentage) => ({ kind: "toleratedPercentage" as const, percentage })),
    fc.record({ kind: fc.constant("both" as const), count, tolerated: fc.integer({ min: 0, max: 2 }) }),
    fc.record({
      kind: fc.constant("custom" as const),
      after: fc.integer({ min: 0, max: 3 }),
      fails: fc.boolean(),
    }),
  );
}

const finalAction = fc.record({
  afterMs: fc.constantFrom(0, 0, 1, 500, 1000, 2000, 4500),
  does: fc.constantFrom("succeed" as const, "succeed" as const, "fail" as const),
});

function callbackFacts(calm: boolean): fc.Arbitrary<CallbackFacts> {
  if (calm) return finalAction.map((action) => ({ actions: [action] }));
  const action: fc.Arbitrary<CallbackAction> = fc.record({
    afterMs: fc.constantFrom(0, 1, 500, 1000, 1500, 2000, 3000, 4000),
    does: fc.constantFrom("succeed" as const, "fail" as const, "beat" as const, "beat" as const),
  });
  const timed = fc.record({
    timeoutS: fc.constantFrom(1, 2, 3, 5, 40),
    heartbeatS: fc.constantFrom(undefined, undefined, 1, 2),
    actions: fc.array(action, { maxLength: 4 }),
  });
  const untimed = fc.record({ actions: fc.array(finalAction, { minLength: 1, maxLength: 2 }) });
  const beating = fc.record({
    heartbeatS: fc.constantFrom(1, 2),
    actions: fc.array(action, { maxLength: 5 }),
  });
  return fc.oneof(untimed, timed, beating);
}

function leafOps(calm: boolean): fc.Arbitrary<Op>[] {
  const name = naming(calm);
  const step = fc.record({
    op: fc.constant("step" as const),
    name,
    takes,
    fails: fc.constantFrom(0, 0, 0, 0, 1, 2, 3),
    attempts: fc.integer({ min: 1, max: 3 }),
    delayS: fc.constantFrom(0, 1, 1, 3),
    once: calm ? fc.constant(false) : rarely.chain((yes) => (yes ? fc.constant(true) : often)),
    gives,
    serdes: rarely,
  });
  const wait = fc.record({ op: fc.constant("wait" as const), name, seconds });
  const callback = fc
    .tuple(name, callbackFacts(calm))
    .map(([itsName, facts]) => ({ op: "callback" as const, name: itsName, ...facts }));
  const waitForCallback = fc
    .tuple(name, callbackFacts(calm), fc.constantFrom(0, 0, 1, 2), fc.integer({ min: 1, max: 2 }))
    .map(([itsName, facts, fails, attempts]) => ({
      op: "waitForCallback" as const,
      name: itsName,
      ...facts,
      fails,
      attempts,
    }));
  const condition = fc.record({
    op: fc.constant("condition" as const),
    name,
    polls: fc.integer({ min: 1, max: 3 }),
    delayS: fc.constantFrom(0, 1, 2),
    throwsAt: fc.constantFrom(undefined, undefined, undefined, 1, 2),
    takes,
  });
  const invoke = fc.record({
    op: fc.constant("invoke" as const),
    name,
    target: fc.oneof(
      { arbitrary: fc.record({ fn: fc.constant("plain" as const), fails: fc.boolean(), takes }), weight: 4 },
      { arbitrary: fc.constant({ fn: "missing" as const }), weight: 1 },
    ),
  });
  return [step, step, step, wait, callback, waitForCallback, condition, invoke];
}

const combine = fc.constantFrom<Combine>("all", "allSettled", "any", "race");

/** Code that has microtasks to run before it does anything: an answer that comes meanwhile must not come between. */
function begunSlowly(block: fc.Arbitrary<Block>): fc.Arbitrary<Block> {
  const slowly = fc
    .tuple(fc.integer({ min: 1, max: 60 }), block)
    .map(([count, { stmts, gives }]): Block => ({ stmts: [{ do: "ticks", count }, ...stmts], gives }));
  return fc.oneof(block, slowly);
}

function opOf(calm: boolean, depth: number, width: number): fc.Arbitrary<Op> {
  const leaves = leafOps(calm);
  if (depth <= 0) return fc.oneof(...leaves);
  const name = naming(calm);
  const inner = opOf(calm, depth - 1, width);
  const block = blockOf(calm, depth - 1, width);
  const child = fc.record({
    op: fc.constant("child" as const),
    name,
    virtual: often,
    maps: rarely,
    summarizes: often,
    block,
  });
  const batch = fc.record({
    op: fc.constantFrom("map" as const, "parallel" as const),
    name,
    flat: often,
    maxConcurrency: fc.constantFrom(undefined, undefined, 1, 2),
    completion: completionOf(calm),
    serdes: rarely,
    itemSerdes: rarely,
    summarizes: often,
    items: fc.array(begunSlowly(block), { maxLength: 4 }),
  });
  const combined = fc.record({
    op: fc.constant("combine" as const),
    name,
    how: calm ? fc.constant("allSettled" as const) : combine,
    members: fc.array(inner, { minLength: 1, maxLength: 3 }),
  });
  const invoked = fc.record({
    op: fc.constant("invoke" as const),
    name,
    target: fc.record({ fn: fc.constant("program" as const), block }),
  });
  return fc.oneof(...leaves, child, child, batch, batch, combined, invoked);
}

function stmtOf(calm: boolean, depth: number, width: number): fc.Arbitrary<Stmt> {
  const op = opOf(calm, depth, width);
  const onError = calm
    ? fc.constant("catch" as const)
    : fc.constantFrom("catch" as const, "catch" as const, "throw" as const);
  const run = fc.record({ do: fc.constant("run" as const), op, onError });
  const start = fc.record({ do: fc.constant("start" as const), op, watched: often });
  const join = fc.record({
    do: fc.constant("join" as const),
    order: fc.constantFrom("first" as const, "last" as const),
  });
  const native = fc.record({
    do: fc.constant("native" as const),
    how: calm ? fc.constant("allSettled" as const) : combine,
    ops: fc.array(op, { minLength: 1, maxLength: 4 }),
    joins: calm ? fc.constant(true) : often,
  });
  const ticks = fc.record({ do: fc.constant("ticks" as const), count: fc.integer({ min: 1, max: 30 }) });
  const simple: fc.WeightedArbitrary<Stmt>[] = [
    { arbitrary: run, weight: 8 },
    { arbitrary: start, weight: 4 },
    { arbitrary: join, weight: 2 },
    { arbitrary: native, weight: 3 },
    { arbitrary: ticks, weight: 1 },
  ];
  simple.push({ arbitrary: fc.constant({ do: "throw" as const }), weight: 1 });
  if (calm)
    simple.push({ arbitrary: fc.record({ do: fc.constant("gap" as const), takes: gaps }), weight: 2 });
  if (depth <= 0) return fc.oneof(...simple);
  const stmts = fc.array(stmtOf(calm, depth - 1, width), { minLength: 1, maxLength: width });
  // Ids are given in the order of the calls, which is an order of events: calm programs have one branch at a time.
  if (calm) return fc.oneof(...simple);
  return fc.oneof(
    ...simple,
    {
      arbitrary: fc.record({
        do: fc.constant("branches" as const),
        how: combine,
        blocks: fc.array(stmts, { minLength: 1, maxLength: 3 }),
        joins: often,
      }),
      weight: 3,
    },
    {
      arbitrary: fc.record({ do: fc.constant("try" as const), body: stmts, rethrows: fc.boolean() }),
      weight: 1,
    },
    {
      arbitrary: fc.record({
        do: fc.constant("if" as const),
        modulus: fc.integer({ min: 2, max: 3 }),
        // biome-ignore lint/suspicious/noThenProperty: data, never awaited.
        then: stmts,
        otherwise: stmts,
      }),
      weight: 1,
    },
  );
}

function blockOf(calm: boolean, depth: number, width: number): fc.Arbitrary<Block> {
  return fc.record({
    stmts: fc.array(stmtOf(calm, depth, width), { maxLength: width }),
    gives,
  });
}

/** Programs of a size. */
export function programs(size: Size, kind: "calm" | "wild" | "both" = "both"): fc.Arbitrary<Program> {
  const of = (calm: boolean): fc.Arbitrary<Program> =>
    fc.record({
      calm: fc.constant(calm),
      root: blockOf(calm, size.depth, size.width).map((block) => ({ ...block, gives: "value" as const })),
      inlineWaitMs: fc.constantFrom(0, 0, 0, 3000),
      plugin: calm ? fc.constantFrom("none", "none", "all", "some") : fc.constantFrom("none", "none", "all"),
      itemsAtOnce: fc.constantFrom(undefined, 1, 2, "others" as const),
    });
  if (kind !== "both") return of(kind === "calm");
  return fc.oneof({ arbitrary: of(false), weight: 2 }, { arbitrary: of(true), weight: 1 });
}
