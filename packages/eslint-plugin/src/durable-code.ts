/**
 * Owns what the rules know of a file: which functions are durable code, which are bodies that run once, and which
 * names are contexts.
 *
 * It follows contexts from where they come from (`withDurableExecution`, a parameter of type `DurableContext`) through
 * the callbacks of operations and the functions of the same file that are given one.
 */

import type { Scope, SourceCode } from "eslint";
import type * as ESTree from "estree";
import {
  bare,
  type FunctionNode,
  functionAround,
  initialValue,
  isFunction,
  memberName,
  type Node,
  nodesOf,
  pathOf,
  variableOf,
} from "./syntax.js";

/**
 * `durable`: runs again on every replay. `body`: runs once, and its result is recorded. `unknown`: handed on together
 * with a context, so that it may be either.
 */
type CodeKind = "durable" | "body" | "unknown";

/** A function that the rules care about. */
export interface Region {
  readonly kind: CodeKind;
  readonly node: FunctionNode;
  /** The name of its own context; `undefined` in bodies. */
  readonly context: Scope.Variable | undefined;
  /** It is the callback of an operation, so its code does not run again when that has ended. */
  readonly isOperation: boolean;
}

/** A call of a context's method that records something. */
interface OperationCall {
  /** `step`, `promise.all`. */
  readonly method: string;
  readonly context: Scope.Variable;
  /** Where the context is named. */
  readonly name: ESTree.Identifier;
}

const OPERATIONS: ReadonlySet<string> = new Set([
  "step",
  "invoke",
  "runInChildContext",
  "wait",
  "waitForCondition",
  "createCallback",
  "waitForCallback",
  "map",
  "parallel",
]);

/** Where the first callback of an operation stands, without a name before it, and what it is. */
const CALLBACKS: Readonly<Record<string, { readonly kind: CodeKind; readonly unnamedAt: number }>> = {
  step: { kind: "body", unnamedAt: 0 },
  waitForCondition: { kind: "body", unnamedAt: 0 },
  waitForCallback: { kind: "body", unnamedAt: 0 },
  runInChildContext: { kind: "durable", unnamedAt: 0 },
  map: { kind: "durable", unnamedAt: 1 },
};

/** Strategies run when something has happened, and what they decide is recorded. */
const STRATEGIES: ReadonlySet<string> = new Set(["retryStrategy", "waitStrategy"]);

const analyses = new WeakMap<SourceCode, DurableCode>();

export function durableCodeOf(sourceCode: SourceCode): DurableCode {
  const known = analyses.get(sourceCode);
  if (known !== undefined) return known;
  const made = new DurableCode(sourceCode);
  analyses.set(sourceCode, made);
  return made;
}

class DurableCode {
  readonly #sourceCode: SourceCode;
  readonly #regions = new Map<FunctionNode, Region>();
  readonly #contexts = new Set<Scope.Variable>();
  /** Functions of which {@link around} wants to know who calls them: those that call themselves end there. */
  readonly #asked = new Set<FunctionNode>();
  /** Contexts whose uses have not been followed yet. */
  readonly #open: Scope.Variable[] = [];

  constructor(sourceCode: SourceCode) {
    this.#sourceCode = sourceCode;
    this.#findRoots();
    for (let context = this.#open.pop(); context !== undefined; context = this.#open.pop())
      this.#follow(context);
  }

  /** The innermost of the functions around a node that is durable code or a body. */
  around(node: ESTree.Node): Region | undefined {
    let helper: Region | undefined;
    for (let current: Node | null = (node as Node).parent; current !== null; current = current.parent) {
      if (!isFunction(current)) continue;
      const region = this.#regions.get(current);
      if (region !== undefined) return region.kind === "durable" ? (helper ?? region) : region;
      if (helper === undefined && this.#isCalledByBodies(current))
        helper = { kind: "body", node: current, context: undefined, isOperation: true };
    }
    return undefined;
  }

  /** A function with a name that only bodies call runs as often as they do. */
  #isCalledByBodies(node: FunctionNode): boolean {
    if (this.#asked.has(node)) return false;
    this.#asked.add(node);
    const named = node.type === "FunctionDeclaration" ? node : node.parent;
    const [variable] =
      named.type === "FunctionDeclaration" || named.type === "VariableDeclarator"
        ? this.#sourceCode.getDeclaredVariables(named)
        : [];
    const uses = (variable?.references ?? []).filter(
      (reference) => reference.isRead() && !isWithin(reference.identifier as Node, node),
    );
    const isCalled = uses.map(({ identifier }) => this.around(identifier)?.kind === "body");
    this.#asked.delete(node);
    return isCalled.length > 0 && !isCalled.includes(false);
  }

  isContext(variable: Scope.Variable | undefined): boolean {
    return variable !== undefined && this.#contexts.has(variable);
  }

  /** What a call asks of a context, if it does. */
  operationOf(call: ESTree.Node): OperationCall | undefined {
    if (call.type !== "CallExpression") return undefined;
    const callee = pathOf(call.callee);
    if (callee === undefined) return undefined;
    const [, first, second] = callee.path;
    const isOperation =
      callee.path.length === 2
        ? OPERATIONS.has(first as string)
        : first === "promise" && second !== undefined;
    const context = isOperation ? variableOf(callee.root, this.#sourceCode) : undefined;
    if (context === undefined || !this.#contexts.has(context)) return undefined;
    return { method: callee.path.slice(1).join("."), context, name: callee.root };
  }

  /** True when a context is named anywhere in this code: it does durable work, or is part of it. */
  mentionsContext(node: ESTree.Node): boolean {
    for (const each of nodesOf(node, this.#sourceCode)) {
      if (each.type === "Identifier" && this.isContext(variableOf(each, this.#sourceCode))) return true;
    }
    return false;
  }

  #findRoots(): void {
    for (const node of nodesOf(this.#sourceCode.ast, this.#sourceCode)) {
      if (node.type === "CallExpression" && pathOf(node.callee)?.path.at(-1) === "withDurableExecution") {
        const handler = this.#functionIn(node.arguments[0]);
        if (handler !== undefined) this.#mark(handler, "durable", { contextAt: 1, isOperation: false });
      } else if (isFunction(node)) {
        const contextAt = node.params.findIndex(isDurableContext);
        if (contextAt >= 0) this.#mark(node, "durable", { contextAt, isOperation: false });
      }
    }
  }

  /** Takes in what a context is used for. */
  #follow(context: Scope.Variable): void {
    for (const { identifier } of context.references) {
      const { parent } = identifier as Node;
      const call = callAround(identifier as Node);
      const operation = call === undefined ? undefined : this.operationOf(call);
      if (call !== undefined && operation !== undefined) this.#takeCallbacks(call, operation.method);
      else if (parent?.type === "CallExpression") this.#passOn(parent, identifier as Node);
    }
  }

  /** A function of this file that is given a context does durable work with it. */
  #passOn(call: ESTree.SimpleCallExpression, argument: Node): void {
    const at = call.arguments.indexOf(argument as ESTree.Expression);
    if (at < 0) return;
    if (pathOf(call.callee)?.path.at(-1) === "withRetry") {
      const attempt = call.arguments
        .slice(at + 1)
        .map((each) => this.#functionIn(each))
        .find(isFunction);
      if (attempt !== undefined) this.#mark(attempt, "durable", { contextAt: 0, isOperation: true });
      return;
    }
    const called = this.#functionIn(call.callee);
    if (called !== undefined) this.#mark(called, "durable", { contextAt: at, isOperation: false });
    for (const each of call.arguments) {
      if (!isFunction(each) || this.#regions.has(each)) continue;
      this.#regions.set(each, { kind: "unknown", node: each, context: undefined, isOperation: false });
    }
  }

  #takeCallbacks(call: ESTree.SimpleCallExpression, method: string): void {
    const spec = CALLBACKS[method];
    if (spec !== undefined) {
      const candidates = call.arguments.slice(spec.unnamedAt, spec.unnamedAt + 2);
      const callback = candidates.map((each) => this.#functionIn(each)).find(isFunction);
      if (callback !== undefined) this.#mark(callback, spec.kind, { contextAt: 0, isOperation: true });
    } else if (method === "parallel") {
      for (const argument of call.arguments.slice(0, 2)) {
        for (const branch of this.#branchesIn(argument)) {
          this.#mark(branch, "durable", { contextAt: 0, isOperation: true });
        }
      }
    }
    for (const argument of call.arguments) this.#takeStrategies(argument);
  }

  #takeStrategies(config: ESTree.Node): void {
    const value = this.#valueOf(config);
    if (value?.type !== "ObjectExpression") return;
    for (const property of value.properties) {
      if (property.type !== "Property" || !STRATEGIES.has(nameOf(property) ?? "")) continue;
      const strategy = this.#functionIn(property.value);
      if (strategy !== undefined) this.#mark(strategy, "body", { contextAt: undefined, isOperation: true });
    }
  }

  /** `[fn, { name, func }]`, and `items.map((item) => fn)`. */
  #branchesIn(node: ESTree.Node): FunctionNode[] {
    const value = this.#valueOf(node);
    if (value?.type === "ArrayExpression") {
      return value.elements.flatMap((element) => (element === null ? [] : this.#branchIn(element)));
    }
    if (value?.type !== "CallExpression" || value.callee.type !== "MemberExpression") return [];
    const maker = memberName(value.callee) === "map" ? this.#functionIn(value.arguments[0]) : undefined;
    return maker === undefined
      ? []
      : returnedBy(maker, this.#sourceCode).flatMap((each) => this.#branchIn(each));
  }

  #branchIn(node: ESTree.Node): FunctionNode[] {
    const value = this.#valueOf(node);
    if (isFunction(value)) return [value];
    if (value?.type !== "ObjectExpression") return [];
    const func = value.properties.find(
      (property) => property.type === "Property" && nameOf(property) === "func",
    );
    const found = func === undefined ? undefined : this.#functionIn((func as ESTree.Property).value);
    return found === undefined ? [] : [found];
  }

  /** A function, or the one that a name of this file stands for. */
  #functionIn(node: ESTree.Node | undefined): FunctionNode | undefined {
    const value = node === undefined ? undefined : this.#valueOf(node);
    return isFunction(value) ? value : undefined;
  }

  #valueOf(node: ESTree.Node): Node | undefined {
    const value = bare(node);
    return value.type === "Identifier" ? initialValue(variableOf(value, this.#sourceCode)) : value;
  }

  #mark(
    node: FunctionNode,
    kind: CodeKind,
    { contextAt, isOperation }: { readonly contextAt: number | undefined; readonly isOperation: boolean },
  ): void {
    const before = this.#regions.get(node);
    const parameter =
      kind === "durable" && contextAt !== undefined ? nameIn(node.params[contextAt]) : undefined;
    const own = this.#sourceCode
      .getDeclaredVariables(node)
      .find(({ identifiers }) => identifiers.includes(parameter as never));
    this.#regions.set(node, {
      kind,
      node,
      context: own ?? before?.context,
      isOperation: isOperation || before?.isOperation === true,
    });
    if (own === undefined || this.#contexts.has(own)) return;
    this.#contexts.add(own);
    this.#open.push(own);
  }
}

function isWithin(node: Node, outer: Node): boolean {
  for (let current: Node | null = node; current !== null; current = current.parent) {
    if (current === outer) return true;
  }
  return false;
}

/** The call whose function is a member of this name. */
function callAround(name: Node): ESTree.SimpleCallExpression | undefined {
  let node = name;
  let { parent } = name;
  while (parent?.type === "MemberExpression" && parent.object === node) {
    node = parent;
    parent = node.parent;
  }
  return node !== name && parent?.type === "CallExpression" && parent.callee === node ? parent : undefined;
}

/** What a function gives back: its expression, or what its own `return`s have. */
function returnedBy(node: FunctionNode, sourceCode: SourceCode): Node[] {
  if (node.body.type !== "BlockStatement") return [bare(node.body)];
  const returned: Node[] = [];
  for (const each of nodesOf(node.body, sourceCode)) {
    if (each.type !== "ReturnStatement" || each.argument == null) continue;
    if (functionAround(each) === node) returned.push(bare(each.argument));
  }
  return returned;
}

function nameIn(parameter: ESTree.Pattern | undefined): ESTree.Identifier | undefined {
  if (parameter?.type === "AssignmentPattern") return nameIn(parameter.left);
  return parameter?.type === "Identifier" ? parameter : undefined;
}

function nameOf({ key, computed }: ESTree.Property): string | undefined {
  if (!computed && key.type === "Identifier") return key.name;
  return key.type === "Literal" ? String(key.value) : undefined;
}

/** `context: DurableContext`, with or without a type argument, also of a namespace. */
function isDurableContext(parameter: ESTree.Pattern): boolean {
  const name = nameIn(parameter) as (ESTree.Identifier & { typeAnnotation?: unknown }) | undefined;
  const { typeAnnotation } = (name?.typeAnnotation ?? {}) as { typeAnnotation?: { typeName?: unknown } };
  const typeName = typeAnnotation?.typeName as { name?: string; right?: { name?: string } } | undefined;
  return (typeName?.name ?? typeName?.right?.name) === "DurableContext";
}
