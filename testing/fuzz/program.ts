/**
 * Owns what a program is: a handler as data, so that it can be generated, shrunk, printed and kept.
 *
 * A program is *calm* when nothing in it depends on the order or the time in which things happen:
 * its result and its operations are the same however often it is interrupted. Everything else is
 * *wild*: an interruption may change who wins, but never what the log says has happened.
 */

/** How long the body of a step runs: macrotask turns, or virtual time. */
export type Takes = { readonly turns: number } | { readonly ms: number };

/** What code returns. `large`: over 256 KB. `wide`: over 256 KB only in UTF-8. */
export type Gives = "value" | "undefined" | "null" | "text" | "large" | "wide";

/** `path`: by its place. `none`: no name. `order`: by what the code has seen so far, so that another order is another name. */
export type Naming = "path" | "none" | "order";

export interface StepOp {
  readonly op: "step";
  readonly name: Naming;
  readonly takes: Takes;
  /** Attempts that fail. */
  readonly fails: number;
  readonly attempts: number;
  readonly delayS: number;
  readonly once: boolean;
  readonly gives: Gives;
  /** With a serdes of its own that takes turns. */
  readonly serdes: boolean;
}

export interface WaitOp {
  readonly op: "wait";
  readonly name: Naming;
  readonly seconds: number;
}

/** What the world outside does to a callback, counted from when it learns of it. */
export interface CallbackAction {
  readonly afterMs: number;
  readonly does: "succeed" | "fail" | "beat";
}

export interface CallbackFacts {
  readonly timeoutS?: number | undefined;
  readonly heartbeatS?: number | undefined;
  readonly actions: readonly CallbackAction[];
}

export interface CallbackOp extends CallbackFacts {
  readonly op: "callback";
  readonly name: Naming;
}

export interface WaitForCallbackOp extends CallbackFacts {
  readonly op: "waitForCallback";
  readonly name: Naming;
  /** Submissions that fail. */
  readonly fails: number;
  readonly attempts: number;
}

export interface ConditionOp {
  readonly op: "condition";
  readonly name: Naming;
  readonly polls: number;
  readonly delayS: number;
  readonly throwsAt?: number | undefined;
  readonly takes: Takes;
}

export interface ChildOp {
  readonly op: "child";
  readonly name: Naming;
  readonly virtual: boolean;
  /** With an `errorMapper`. */
  readonly maps?: boolean | undefined;
  /** With a `summaryGenerator`. */
  readonly summarizes?: boolean | undefined;
  readonly block: Block;
}

export type Completion =
  | { readonly kind: "default" }
  | { readonly kind: "all" }
  | { readonly kind: "minSuccessful"; readonly count: number }
  | { readonly kind: "toleratedCount"; readonly count: number }
  | { readonly kind: "toleratedPercentage"; readonly percentage: number }
  | { readonly kind: "both"; readonly count: number; readonly tolerated: number }
  /** A predicate that ends the batch after so many items. */
  | { readonly kind: "custom"; readonly after: number; readonly fails: boolean };

export interface BatchOp {
  readonly op: "map" | "parallel";
  readonly name: Naming;
  readonly flat: boolean;
  readonly maxConcurrency?: number | undefined;
  readonly completion: Completion;
  /** Records the whole result. */
  readonly serdes: boolean;
  readonly itemSerdes: boolean;
  /** With a `summaryGenerator`. */
  readonly summarizes?: boolean | undefined;
  readonly items: readonly Block[];
}

export type Combine = "all" | "allSettled" | "any" | "race";

/** `context.promise.*` over operations. */
export interface CombineOp {
  readonly op: "combine";
  readonly name: Naming;
  readonly how: Combine;
  readonly members: readonly Op[];
}

export interface InvokeOp {
  readonly op: "invoke";
  readonly name: Naming;
  readonly target:
    | { readonly fn: "plain"; readonly fails: boolean; readonly takes: Takes }
    | { readonly fn: "program"; readonly block: Block }
    | { readonly fn: "missing" };
}

export type Op =
  | StepOp
  | WaitOp
  | CallbackOp
  | WaitForCallbackOp
  | ConditionOp
  | ChildOp
  | BatchOp
  | CombineOp
  | InvokeOp;

export type Stmt =
  /** Awaits an operation. */
  | { readonly do: "run"; readonly op: Op; readonly onError: "catch" | "throw" }
  /** Starts an operation for a later `join`. `watched`: code observes it at once. */
  | { readonly do: "start"; readonly op: Op; readonly watched: boolean }
  /** Awaits what was started, one after the other. */
  | { readonly do: "join"; readonly order: "first" | "last" }
  /** Starts operations together and awaits them with a native combinator. */
  | { readonly do: "native"; readonly how: Combine; readonly ops: readonly Op[]; readonly joins: boolean }
  /** Async functions over this context, with shared variables. */
  | {
      readonly do: "branches";
      readonly how: Combine;
      readonly blocks: readonly (readonly Stmt[])[];
      readonly joins: boolean;
    }
  | { readonly do: "try"; readonly body: readonly Stmt[]; readonly rethrows: boolean }
  | { readonly do: "throw" }
  /** Depends on how much the code has seen so far. */
  | {
      readonly do: "if";
      readonly modulus: number;
      readonly then: readonly Stmt[];
      readonly otherwise: readonly Stmt[];
    }
  /** Microtasks between two operations. */
  | { readonly do: "ticks"; readonly count: number }
  /** Native code between two operations that takes time. Only in calm programs: such time is not recorded. */
  | { readonly do: "gap"; readonly takes: Takes };

export interface Block {
  readonly stmts: readonly Stmt[];
  readonly gives: Gives;
}

export interface Program {
  readonly calm: boolean;
  readonly root: Block;
  readonly inlineWaitMs: number;
  /**
   * Processes with a plugin that has every hook, each of which takes turns. Default `none`. Code that nobody
   * awaits begins later with one, so `some` is for calm programs.
   */
  readonly plugin?: "none" | "all" | "some" | undefined;
  /**
   * How many items of a batch begin in one turn; `others`: each process begins other numbers than the one before it.
   * Default: as many as the SDK begins, which is more than there are.
   */
  readonly itemsAtOnce?: number | "others" | undefined;
}

/** True when `test` holds for any operation of the program, invoked ones included. */
export function hasOp(block: Block, test: (op: Op) => boolean): boolean {
  return block.stmts.some((stmt) => stmtHasOp(stmt, test));
}

/** True when native code takes time in the program; invoked programs have logs of their own, and count too. */
export function hasGap(block: Block): boolean {
  return (
    block.stmts.some(({ do: what }) => what === "gap") ||
    hasOp(block, (op) => blocksOf(op).some((inner) => inner.stmts.some(({ do: what }) => what === "gap")))
  );
}

function blocksOf(op: Op): readonly Block[] {
  switch (op.op) {
    case "child":
      return [op.block];
    case "map":
    case "parallel":
      return op.items;
    case "invoke":
      return op.target.fn === "program" ? [op.target.block] : [];
    default:
      return [];
  }
}

function stmtHasOp(stmt: Stmt, test: (op: Op) => boolean): boolean {
  const any = (stmts: readonly Stmt[]): boolean => stmts.some((inner) => stmtHasOp(inner, test));
  switch (stmt.do) {
    case "run":
    case "start":
      return opHasOp(stmt.op, test);
    case "native":
      return stmt.ops.some((op) => opHasOp(op, test));
    case "branches":
      return stmt.blocks.some(any);
    case "try":
      return any(stmt.body);
    case "if":
      return any(stmt.then) || any(stmt.otherwise);
    default:
      return false;
  }
}

function opHasOp(op: Op, test: (op: Op) => boolean): boolean {
  if (test(op)) return true;
  switch (op.op) {
    case "child":
      return hasOp(op.block, test);
    case "map":
    case "parallel":
      return op.items.some((item) => hasOp(item, test));
    case "combine":
      return op.members.some((member) => opHasOp(member, test));
    case "invoke":
      return op.target.fn === "program" && hasOp(op.target.block, test);
    default:
      return false;
  }
}
