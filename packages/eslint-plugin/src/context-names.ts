/**
 * Owns under which names of a file contexts and their methods are known: parameters, variables that are given one,
 * methods that are taken out of one, and fields of classes. With types, any expression that is a `DurableContext`.
 *
 * A name counts only when everything that is ever written to it is a context: one of several values says nothing.
 */

import type { Scope, SourceCode } from "eslint";
import type * as ESTree from "estree";
import { isDurableContext, typeOf } from "./durable-type.js";
import {
  bare,
  type ClassNode,
  classOfThis,
  memberName,
  type Node,
  nameOfKey,
  nodesOf,
  propertyOf,
  superclassOf,
  variableOf,
} from "./syntax.js";

/** A context, whatever names it has. */
export interface KnownContext {
  /** `parameter`: a function is given it. `field`: an object has it. `unknown`: it may be one of several. */
  readonly origin: "parameter" | "field" | "unknown";
  /** The parameter, where it is a plain one. */
  readonly variable: Scope.Variable | undefined;
}

/** What an expression stands for: a context, or a part of one: `["step"]`, `["promise", "all"]`. */
interface ContextPart {
  readonly context: KnownContext;
  readonly path: readonly string[];
}

export const OPERATIONS: ReadonlySet<string> = new Set([
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

const UNKNOWN: KnownContext = { origin: "unknown", variable: undefined };

type ThisMember = ESTree.MemberExpression & Node;

export class ContextNames {
  readonly #sourceCode: SourceCode;
  readonly #variables = new Map<Scope.Variable, ContextPart>();
  readonly #fields = new Map<ClassNode, Map<string, ContextPart>>();
  /** Every `this.name` of the file. */
  readonly #members = new Map<ClassNode, ThisMember[]>();
  /** Every `{ name }` that is taken out of `this`. */
  readonly #patterns = new Map<ClassNode, ESTree.ObjectPattern[]>();
  /** Expressions that are known to name a part of a context, and whose uses nobody has followed yet. */
  readonly #open: Node[] = [];

  constructor(sourceCode: SourceCode) {
    this.#sourceCode = sourceCode;
    for (const node of nodesOf(sourceCode.ast, sourceCode)) {
      const owner = node.type === "ThisExpression" ? classOfThis(node) : undefined;
      const user = owner === undefined ? undefined : node.parent;
      if (owner === undefined || user === null || user === undefined) continue;
      if (user.type === "MemberExpression")
        this.#members.set(owner, [...(this.#members.get(owner) ?? []), user]);
      else if (user.type === "VariableDeclarator" && user.id.type === "ObjectPattern")
        this.#patterns.set(owner, [...(this.#patterns.get(owner) ?? []), user.id]);
    }
  }

  /** The next expression that names a part of a context, each once. */
  next(): Node | undefined {
    return this.#open.pop();
  }

  /** What an expression stands for, if that is a context, an operation of one or its `promise`. */
  partOf(expression: ESTree.Node): ContextPart | undefined {
    const node = bare(expression);
    switch (node.type) {
      case "Identifier": {
        const variable = variableOf(node, this.#sourceCode);
        return (variable && this.#variables.get(variable)) ?? this.#typed(node);
      }
      case "MemberExpression":
        return this.#memberPart(node);
      case "CallExpression": {
        // `context.step.bind(context)`
        const isBind = node.callee.type === "MemberExpression" && memberName(node.callee) === "bind";
        return isBind ? this.partOf((node.callee as ESTree.MemberExpression).object) : this.#typed(node);
      }
      default:
        return undefined;
    }
  }

  /** True for what names a context or a part of one, and for the `this` of objects that have one. */
  isNamedBy(node: Node): boolean {
    if (node.type === "ThisExpression") {
      for (let owner = classOfThis(node); owner !== undefined; owner = this.#superclass(owner)) {
        if (this.#fields.has(owner)) return true;
      }
      return false;
    }
    if (node.type === "Identifier" && !isName(node)) return false;
    return (
      (node.type === "Identifier" || node.type === "MemberExpression") && this.partOf(node) !== undefined
    );
  }

  /** A parameter that is a context. It may be a pattern that takes methods out of it. */
  takeParameter(parameter: ESTree.Node, owner: ESTree.Node): KnownContext {
    const pattern = parameterOf(parameter);
    const variable =
      pattern.type === "Identifier"
        ? this.#sourceCode
            .getDeclaredVariables(owner)
            .find(({ identifiers }) => identifiers.includes(pattern))
        : undefined;
    const context: KnownContext = { origin: "parameter", variable };
    if (variable !== undefined) this.#setVariable(variable, { context, path: [] });
    else this.take(pattern, { context, path: [] });
    // `constructor(private readonly context: DurableContext)`
    const around = classOfThis(parameter);
    if (
      (parameter.type as string) === "TSParameterProperty" &&
      around !== undefined &&
      variable !== undefined
    )
      this.takeField(around, variable.name);
    return context;
  }

  /** A variable that is declared as a context, wherever its value comes from. */
  takeDeclared(declarator: ESTree.VariableDeclarator): void {
    const [variable] = this.#sourceCode.getDeclaredVariables(declarator);
    if (variable !== undefined) this.#setVariable(variable, { context: UNKNOWN, path: [] });
  }

  /** Takes in what is given to a name, to `this.name` or to a pattern of names. */
  take(pattern: ESTree.Node, part: ContextPart): void {
    const target = bare(pattern);
    if (target.type === "AssignmentPattern") this.take(target.left, part);
    else if (target.type === "Identifier") this.#takeVariable(target, part);
    else if (target.type === "MemberExpression" && target.object.type === "ThisExpression") {
      const owner = classOfThis(target);
      const name = memberName(target);
      if (owner !== undefined && name !== undefined) this.takeField(owner, name, part.path);
    } else if (target.type === "ObjectPattern") {
      for (const property of target.properties) {
        const name = property.type === "Property" ? nameOfKey(property) : undefined;
        const inner = name === undefined ? undefined : memberOf(part, name);
        if (inner !== undefined) this.take((property as ESTree.AssignmentProperty).value, inner);
      }
    }
  }

  /** A field of objects of a class, when nothing else is ever written to it. */
  takeField(owner: ClassNode, name: string, path: readonly string[] = []): void {
    const fields = this.#fields.get(owner) ?? new Map<string, ContextPart>();
    if (fields.has(name) || !this.#hasOnlyContexts(owner, name)) return;
    const part: ContextPart = { context: { origin: "field", variable: undefined }, path };
    fields.set(name, part);
    this.#fields.set(owner, fields);
    for (const [user, members] of this.#members) {
      if (!this.#inherits(user, owner)) continue;
      this.#open.push(...members.filter((member) => memberName(member) === name));
    }
    for (const [user, patterns] of this.#patterns) {
      if (!this.#inherits(user, owner)) continue;
      for (const pattern of patterns) {
        const taken = propertyOf(pattern, name);
        if (taken !== undefined) this.take(taken, part);
      }
    }
  }

  #memberPart(node: ESTree.MemberExpression & Node): ContextPart | undefined {
    const name = memberName(node);
    if (name === undefined) return undefined;
    const object = this.partOf(node.object);
    if (object !== undefined) return memberOf(object, name);
    if (node.object.type === "ThisExpression") {
      for (let owner = classOfThis(node); owner !== undefined; owner = this.#superclass(owner)) {
        const field = this.#fields.get(owner)?.get(name);
        if (field !== undefined) return field;
      }
    }
    return this.#typed(node);
  }

  #typed(node: Node): ContextPart | undefined {
    return isDurableContext(typeOf(node, this.#sourceCode)) ? { context: UNKNOWN, path: [] } : undefined;
  }

  #takeVariable(name: ESTree.Identifier, part: ContextPart): void {
    const variable = variableOf(name, this.#sourceCode);
    if (variable === undefined || this.#variables.has(variable)) return;
    if (variable.defs.length !== 1) return;
    if (variable.defs[0]?.type === "Parameter") {
      const isParameter = variable.defs[0].name === name;
      if (isParameter) this.#setVariable(variable, part);
      return;
    }
    if (variable.defs[0]?.type !== "Variable") return;
    let { context } = part;
    for (const reference of variable.references) {
      if (!reference.isWrite() || reference.identifier === name) continue;
      const written = isWholeWrite(reference) ? this.partOf(reference.writeExpr as ESTree.Node) : undefined;
      if (written === undefined || written.path.join(".") !== part.path.join(".")) return;
      if (written.context !== context) context = UNKNOWN;
    }
    this.#setVariable(variable, { ...part, context });
  }

  #setVariable(variable: Scope.Variable, part: ContextPart): void {
    if (this.#variables.has(variable)) return;
    this.#variables.set(variable, part);
    for (const reference of variable.references) {
      if (reference.isRead()) this.#open.push(reference.identifier as Node);
    }
  }

  #hasOnlyContexts(owner: ClassNode, name: string): boolean {
    const values: (ESTree.Node | null | undefined)[] = [];
    for (const each of owner.body.body) {
      if (each.type === "PropertyDefinition" && nameOfKey(each) === name) values.push(each.value);
      else if (each.type === "MethodDefinition" && nameOfKey(each) === name) return false;
    }
    for (const member of this.#members.get(owner) ?? []) {
      const { parent } = member;
      if (memberName(member) === name && parent.type === "AssignmentExpression" && parent.left === member)
        values.push(parent.right);
    }
    return values.every((value) => value == null || isNothing(value) || this.partOf(value) !== undefined);
  }

  #superclass(owner: ClassNode): ClassNode | undefined {
    return superclassOf(owner, this.#sourceCode);
  }

  #inherits(user: ClassNode, owner: ClassNode): boolean {
    for (let each: ClassNode | undefined = user; each !== undefined; each = this.#superclass(each)) {
      if (each === owner) return true;
    }
    return false;
  }
}

/** The parameter itself, without its default and its modifiers. */
export function parameterOf(parameter: ESTree.Node): ESTree.Node {
  if (parameter.type === "AssignmentPattern") return parameterOf(parameter.left);
  if ((parameter.type as string) === "TSParameterProperty")
    return parameterOf((parameter as unknown as { parameter: ESTree.Node }).parameter);
  return parameter;
}

function memberOf({ context, path }: ContextPart, name: string): ContextPart | undefined {
  const isOperation = path.length === 0 && (OPERATIONS.has(name) || name === "promise");
  const isCombinator = path.length === 1 && path[0] === "promise" && name !== "bind";
  return isOperation || isCombinator ? { context, path: [...path, name] } : undefined;
}

/** False for the `name` of `object.name` and of `{ name: value }`. */
function isName(node: Node): boolean {
  const { parent } = node;
  if (parent?.type === "MemberExpression") return parent.object === node || parent.computed;
  if (parent?.type === "Property") return parent.value === node || parent.computed;
  return parent?.type !== "MethodDefinition" && parent?.type !== "PropertyDefinition";
}

/** `name = value`, and no pattern that takes something out of the value. */
function isWholeWrite({ identifier, writeExpr }: Scope.Reference): boolean {
  const { parent } = identifier as Node;
  if (writeExpr == null) return false;
  return (
    (parent?.type === "VariableDeclarator" && parent.id === identifier) ||
    (parent?.type === "AssignmentExpression" && parent.left === identifier)
  );
}

function isNothing(node: ESTree.Node): boolean {
  return (
    (node.type === "Literal" && node.value === null) ||
    (node.type === "Identifier" && node.name === "undefined")
  );
}
