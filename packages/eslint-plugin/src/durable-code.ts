/**
 * Owns what the rules know of a file: which functions are durable code, which are bodies that run once, and which
 * calls ask a context for an operation.
 *
 * It follows contexts from where they come from (`withDurableExecution`, a parameter of type `DurableContext`) under
 * all the names that they are given, through the callbacks of operations and the functions of the same file.
 */

import type { SourceCode } from "eslint";
import type * as ESTree from "estree";
import { ContextNames, type KnownContext, OPERATIONS, parameterOf } from "./context-names.js";
import { hasTypes, isDurableContext, typeOf } from "./durable-type.js";
import { branchesIn, functionCalledBy, functionIn, writtenValue } from "./file-functions.js";
import {
  bare,
  type ClassNode,
  dressed,
  type FunctionNode,
  functionAround,
  isFunction,
  memberName,
  type Node,
  nameOfKey,
  nodesOf,
  pathOf,
  propertyOf,
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
  /** Its own contexts, the newest last; none in bodies. */
  readonly contexts: readonly KnownContext[];
  /** It is the callback of an operation, so its code does not run again when that has ended. */
  readonly isOperation: boolean;
}

/** A call of a context's method that records something. */
interface OperationCall {
  /** `step`, `promise.all`. */
  readonly method: string;
  readonly context: KnownContext;
  /** As it is written: `context.step`, `step`. */
  readonly text: string;
  /** What names the context: the `context` of `context.step()`, and `step` where that is a name of its own. */
  readonly name: ESTree.Node;
}

/** A context that a call hands to a function of this file. */
interface HandedContext {
  readonly context: KnownContext;
  readonly argument: Node;
  readonly call: ESTree.SimpleCallExpression | ESTree.NewExpression;
}

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
  readonly #names: ContextNames;
  readonly #regions = new Map<FunctionNode, Region>();
  /** The contexts of functions, by where they stand among the parameters: `0`, and `0.context` within an object. */
  readonly #parameters = new Map<FunctionNode, Map<string, KnownContext>>();
  /** Functions of which {@link around} wants to know who calls them: those that call themselves end there. */
  readonly #asked = new Set<FunctionNode>();
  readonly #operations = new Map<ESTree.SimpleCallExpression, KnownContext>();
  readonly #handed: (HandedContext & { readonly to: KnownContext })[] = [];

  constructor(sourceCode: SourceCode) {
    this.#sourceCode = sourceCode;
    this.#names = new ContextNames(sourceCode);
    this.#findRoots();
    this.#followAll();
    this.#findTyped();
    this.#followAll();
    for (const [call, context] of this.#operations) this.#takeOuter(call, context);
  }

  /** The innermost of the functions around a node that is durable code or a body. */
  around(node: ESTree.Node): Region | undefined {
    let helper: Region | undefined;
    for (let current: Node | null = (node as Node).parent; current !== null; current = current.parent) {
      if (!isFunction(current)) continue;
      const region = this.#regions.get(current);
      if (region !== undefined) return region.kind === "durable" ? (helper ?? region) : region;
      if (helper === undefined && this.#isCalledByBodies(current))
        helper = { kind: "body", node: current, contexts: [], isOperation: true };
    }
    return undefined;
  }

  /** What a call asks of a context, if it does. */
  operationOf(call: ESTree.Node): OperationCall | undefined {
    if (call.type !== "CallExpression") return undefined;
    const callee = bare(call.callee);
    const part = this.#names.partOf(callee);
    const isOperation =
      part?.path.length === 2 || (part?.path.length === 1 && OPERATIONS.has(part.path[0] as string));
    if (part === undefined || !isOperation) return undefined;
    let name: Node = callee;
    while (name.type === "MemberExpression" && this.#names.partOf(name)?.path.length !== 0)
      name = bare(name.object);
    const text = pathOf(callee)?.path.join(".") ?? this.#sourceCode.getText(callee);
    return { method: part.path.join("."), context: part.context, text, name };
  }

  /** The contexts that a call hands to a function of this file which asks them for operations. */
  handedOnBy(call: ESTree.Node): readonly HandedContext[] {
    return this.#handed.filter((each) => each.call === call && this.#isAsked(each.to, new Set()));
  }

  /** True for what names a context or its methods. */
  namesContext(node: Node): boolean {
    return this.#names.isNamedBy(node);
  }

  /** True when a context is named anywhere in this code: it does durable work, or is part of it. */
  mentionsContext(node: ESTree.Node): boolean {
    for (const each of nodesOf(node, this.#sourceCode)) if (this.namesContext(each)) return true;
    return false;
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

  #isAsked(context: KnownContext, seen: Set<KnownContext>): boolean {
    if (seen.has(context)) return false;
    seen.add(context);
    for (const asked of this.#operations.values()) if (asked === context) return true;
    return this.#handed.some((each) => each.context === context && this.#isAsked(each.to, seen));
  }

  #findRoots(): void {
    for (const node of nodesOf(this.#sourceCode.ast, this.#sourceCode)) {
      if (node.type === "CallExpression" && pathOf(node.callee)?.path.at(-1) === "withDurableExecution") {
        const handler = functionIn(node.arguments[0], this.#sourceCode);
        if (handler !== undefined) this.#mark(handler, { contextAt: 1, isOperation: false });
      } else if (isFunction(node)) {
        for (const [contextAt, parameter] of node.params.entries()) {
          if (this.#isTypedContext(parameterOf(parameter)))
            this.#mark(node, { contextAt, isOperation: false });
        }
      } else if (node.type === "PropertyDefinition" && isDeclaredContext(node)) {
        const name = nameOfKey(node);
        if (name !== undefined) this.#names.takeField(node.parent.parent as ClassNode, name);
      } else if (node.type === "VariableDeclarator" && isDeclaredContext(node.id)) {
        this.#names.takeDeclared(node);
      }
    }
  }

  #isTypedContext(parameter: ESTree.Node): boolean {
    if (parameter.type !== "Identifier") return false;
    return isDeclaredContext(parameter) || isDurableContext(typeOf(parameter, this.#sourceCode));
  }

  /** Operations on what only the types know for a context. */
  #findTyped(): void {
    if (!hasTypes(this.#sourceCode)) return;
    for (const node of nodesOf(this.#sourceCode.ast, this.#sourceCode)) {
      if (node.type === "CallExpression") this.#takeOperation(node);
    }
  }

  #followAll(): void {
    for (let name = this.#names.next(); name !== undefined; name = this.#names.next()) this.#follow(name);
  }

  /** Takes in what a part of a context is used for. */
  #follow(name: Node): void {
    let used = dressed(name);
    let { parent } = used;
    // `context`, then `context.promise`, then `context.promise.all`; with `.bind(context)` still the same.
    while (parent?.type === "MemberExpression" && parent.object === used) {
      const isBound = memberName(parent) === "bind" && parent.parent.type === "CallExpression";
      used = dressed(isBound ? parent.parent : parent);
      parent = used.parent;
    }
    const part = this.#names.partOf(used);
    if (part === undefined) return;
    if (parent?.type === "CallExpression" && parent.callee === used) this.#takeOperation(parent);
    else if (parent?.type === "VariableDeclarator" && parent.init === used) this.#names.take(parent.id, part);
    else if (parent?.type === "AssignmentExpression" && parent.right === used)
      this.#names.take(parent.left, part);
    else if (part.path.length === 0) this.#passOn(used, part.context);
  }

  #takeOperation(call: ESTree.SimpleCallExpression): void {
    const operation = this.#operations.has(call) ? undefined : this.operationOf(call);
    if (operation === undefined) return;
    this.#operations.set(call, operation.context);
    this.#takeCallbacks(call, operation.method);
  }

  /** Code that asks for operations on what it finds around itself, such as `this.context`, is durable code. */
  #takeOuter(call: ESTree.SimpleCallExpression, context: KnownContext): void {
    if (this.around(call) !== undefined) return;
    let outermost: FunctionNode | undefined;
    for (let node = functionAround(call); node !== undefined; node = functionAround(node)) {
      outermost = node;
      if (node.parent.type === "MethodDefinition" || node.parent.type === "PropertyDefinition") break;
    }
    if (outermost === undefined) return;
    this.#regions.set(outermost, {
      kind: "durable",
      node: outermost,
      contexts: [context],
      isOperation: false,
    });
  }

  /** A function of this file that is given a context does durable work with it. */
  #passOn(argument: Node, context: KnownContext): void {
    const { parent } = argument;
    // `charge({ context, order })`
    const isMember = parent?.type === "Property" && parent.value === argument;
    const key = isMember ? nameOfKey(parent) : undefined;
    const passed = isMember ? dressed(parent.parent) : argument;
    const call = passed.parent;
    if (call?.type !== "CallExpression" && call?.type !== "NewExpression") return;
    const contextAt = call.arguments.indexOf(passed as ESTree.Expression);
    if (contextAt < 0 || (isMember && key === undefined)) return;
    if (this.#takeAttempt(call, contextAt)) return;
    const called = functionCalledBy(call, this.#sourceCode);
    const to = called && this.#mark(called, { contextAt, key, isOperation: false });
    if (to !== undefined) this.#handed.push({ context, argument, call, to });
    for (const each of call.arguments) {
      if (!isFunction(each) || this.#regions.has(each)) continue;
      this.#regions.set(each, { kind: "unknown", node: each, contexts: [], isOperation: false });
    }
  }

  /** `withRetry(context, name, attempt)`. */
  #takeAttempt(call: ESTree.SimpleCallExpression | ESTree.NewExpression, contextAt: number): boolean {
    if (pathOf(call.callee)?.path.at(-1) !== "withRetry") return false;
    const attempt = call.arguments
      .slice(contextAt + 1)
      .map((each) => functionIn(each, this.#sourceCode))
      .find(isFunction);
    if (attempt !== undefined) this.#mark(attempt, { contextAt: 0, isOperation: true });
    return true;
  }

  #takeCallbacks(call: ESTree.SimpleCallExpression, method: string): void {
    const spec = CALLBACKS[method];
    if (spec !== undefined) {
      const candidates = call.arguments.slice(spec.unnamedAt, spec.unnamedAt + 2);
      const callback = candidates.map((each) => functionIn(each, this.#sourceCode)).find(isFunction);
      if (callback !== undefined && spec.kind === "body") this.#markBody(callback);
      else if (callback !== undefined) this.#mark(callback, { contextAt: 0, isOperation: true });
    } else if (method === "parallel") {
      for (const argument of call.arguments.slice(0, 2)) {
        for (const branch of branchesIn(argument, this.#sourceCode)) {
          this.#mark(branch, { contextAt: 0, isOperation: true });
        }
      }
    }
    for (const argument of call.arguments) this.#takeStrategies(argument);
  }

  #takeStrategies(config: ESTree.Node): void {
    const value = writtenValue(config, this.#sourceCode);
    for (const name of STRATEGIES) {
      const strategy = functionIn(propertyOf(value, name), this.#sourceCode);
      if (strategy !== undefined) this.#markBody(strategy);
    }
  }

  #markBody(node: FunctionNode): void {
    this.#regions.set(node, { kind: "body", node, contexts: [], isOperation: true });
  }

  /** @returns the context that the function is given there. */
  #mark(node: FunctionNode, { contextAt, key, isOperation }: ContextPlace): KnownContext | undefined {
    const contexts = this.#parameters.get(node) ?? new Map<string, KnownContext>();
    this.#parameters.set(node, contexts);
    const whole = node.params[contextAt];
    const parameter = key === undefined || whole === undefined ? whole : propertyOf(parameterOf(whole), key);
    const place = `${contextAt}.${key ?? ""}`;
    if (parameter !== undefined && !contexts.has(place))
      contexts.set(place, this.#names.takeParameter(parameter, node));
    this.#regions.set(node, {
      kind: "durable",
      node,
      contexts: [...contexts.values()],
      isOperation: isOperation || this.#regions.get(node)?.isOperation === true,
    });
    return contexts.get(place);
  }
}

/** Where a function is given a context: as this parameter, or as a member of it. */
interface ContextPlace {
  readonly contextAt: number;
  readonly key?: string | undefined;
  readonly isOperation: boolean;
}

function isWithin(node: Node, outer: Node): boolean {
  for (let current: Node | null = node; current !== null; current = current.parent) {
    if (current === outer) return true;
  }
  return false;
}

/** `context: DurableContext`, with or without a type argument, also of a namespace. */
function isDeclaredContext(named: ESTree.Node): boolean {
  const { typeAnnotation } = ((named as { typeAnnotation?: unknown }).typeAnnotation ?? {}) as {
    typeAnnotation?: { typeName?: unknown };
  };
  const typeName = typeAnnotation?.typeName as { name?: string; right?: { name?: string } } | undefined;
  return (typeName?.name ?? typeName?.right?.name) === "DurableContext";
}
