/** Owns the questions about syntax that have nothing to do with durable functions. */

import type { Rule, Scope, SourceCode } from "eslint";
import type * as ESTree from "estree";

/** Every node of a file has its parent. */
export type Node = Rule.Node;

export type FunctionNode = (
  | ESTree.FunctionDeclaration
  | ESTree.FunctionExpression
  | ESTree.ArrowFunctionExpression
) &
  Rule.NodeParentExtension;

export type ClassNode = (ESTree.ClassDeclaration | ESTree.ClassExpression) & Rule.NodeParentExtension;

export function isFunction(node: ESTree.Node | null | undefined): node is FunctionNode {
  return (
    node?.type === "FunctionDeclaration" ||
    node?.type === "FunctionExpression" ||
    node?.type === "ArrowFunctionExpression"
  );
}

/** Syntax of TypeScript that says something of a type and changes nothing. */
const TRANSPARENT: ReadonlySet<string> = new Set([
  "TSAsExpression",
  "TSSatisfiesExpression",
  "TSNonNullExpression",
  "TSTypeAssertion",
  "ChainExpression",
]);

/** The expression without what only types are for. */
export function bare(node: ESTree.Node): Node {
  let current = node as Node;
  while (TRANSPARENT.has(current.type)) current = (current as unknown as { expression: Node }).expression;
  return current;
}

/** The expression with what only types are for around it. */
export function dressed(node: Node): Node {
  let current = node;
  while (current.parent !== null && TRANSPARENT.has(current.parent.type)) current = current.parent;
  return current;
}

/** All nodes below this one, itself first. */
export function* nodesOf(root: ESTree.Node, { visitorKeys }: SourceCode): Generator<Node> {
  const open: ESTree.Node[] = [root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    yield node as Node;
    const keys = visitorKeys[node.type] ?? [];
    // Reversed, so that they come in the order of the text.
    for (const key of keys.toReversed()) {
      const child = (node as unknown as Record<string, unknown>)[key];
      const children = Array.isArray(child) ? child.toReversed() : [child];
      for (const each of children) if (isNode(each)) open.push(each);
    }
  }
}

function isNode(value: unknown): value is ESTree.Node {
  return typeof (value as { type?: unknown } | null)?.type === "string";
}

/** What an identifier stands for, in the scope where it stands. */
export function variableOf(node: ESTree.Identifier, sourceCode: SourceCode): Scope.Variable | undefined {
  for (let scope: Scope.Scope | null = sourceCode.getScope(node); scope !== null; scope = scope.upper) {
    const variable = scope.set.get(node.name);
    if (variable !== undefined) return variable;
  }
  return undefined;
}

/** The expression that a variable was given where it was declared, and is never given another. */
export function initialValue(variable: Scope.Variable | undefined): Node | undefined {
  const definition = variable?.defs.length === 1 ? variable.defs[0] : undefined;
  if (definition?.type === "FunctionName") return definition.node as Node;
  if (definition?.type !== "Variable" || definition.node.id.type !== "Identifier") return undefined;
  const { init } = definition.node as ESTree.VariableDeclarator;
  return init === null || init === undefined ? undefined : bare(init);
}

/** The module that a name was imported from, and the name it has there (`*` for the whole, `default`). */
export function importOf(variable: Scope.Variable | undefined): { from: string; name: string } | undefined {
  const definition = variable?.defs[0];
  if (definition?.type !== "ImportBinding") return undefined;
  const from = String((definition.parent as ESTree.ImportDeclaration).source.value).replace(/^node:/, "");
  const specifier = definition.node as
    | ESTree.ImportSpecifier
    | ESTree.ImportDefaultSpecifier
    | ESTree.ImportNamespaceSpecifier;
  if (specifier.type === "ImportNamespaceSpecifier") return { from, name: "*" };
  if (specifier.type === "ImportDefaultSpecifier") return { from, name: "default" };
  const { imported } = specifier;
  return { from, name: imported.type === "Identifier" ? imported.name : String(imported.value) };
}

/** True for a name of the language or the platform that the file does not declare itself. */
export function isGlobal(node: ESTree.Identifier, sourceCode: SourceCode): boolean {
  return (variableOf(node, sourceCode)?.defs.length ?? 0) === 0;
}

/** `a.b.c` as `["a", "b", "c"]` when `a` is a name; a text in brackets counts as a member. */
export function pathOf(node: ESTree.Node): { root: ESTree.Identifier; path: readonly string[] } | undefined {
  const path: string[] = [];
  let current = bare(node) as ESTree.Node;
  while (current.type === "MemberExpression") {
    const name = memberName(current);
    if (name === undefined) return undefined;
    path.unshift(name);
    current = bare(current.object);
  }
  return current.type === "Identifier" ? { root: current, path: [current.name, ...path] } : undefined;
}

export function memberName({ computed, property }: ESTree.MemberExpression): string | undefined {
  if (!computed && property.type === "Identifier") return property.name;
  if (property.type === "PrivateIdentifier") return `#${property.name}`;
  return property.type === "Literal" ? String(property.value) : undefined;
}

/** The key of a property, a method or a field, when it is written out. */
export function nameOfKey({
  key,
  computed,
}: Pick<ESTree.Property | ESTree.PropertyDefinition, "key" | "computed">): string | undefined {
  if (!computed && key.type === "Identifier") return key.name;
  if (key.type === "PrivateIdentifier") return `#${key.name}`;
  return key.type === "Literal" ? String(key.value) : undefined;
}

/** The value of a property that an object is written with, or that a pattern takes out. */
export function propertyOf(node: ESTree.Node | undefined, name: string): ESTree.Node | undefined {
  if (node?.type !== "ObjectExpression" && node?.type !== "ObjectPattern") return undefined;
  for (const each of node.properties) {
    if (each.type === "Property" && nameOfKey(each) === name) return each.value;
  }
  return undefined;
}

/** The class whose objects `this` is at a node; `undefined` in functions that are called with one of their own. */
export function classOfThis(node: ESTree.Node): ClassNode | undefined {
  for (let current: Node | null = node as Node; current !== null; current = current.parent) {
    if (current.type === "ClassBody") return current.parent as ClassNode;
    const isMethod =
      current.parent?.type === "MethodDefinition" || current.parent?.type === "PropertyDefinition";
    if (isFunction(current) && current.type !== "ArrowFunctionExpression" && !isMethod) return undefined;
  }
  return undefined;
}

/** The class of this file that a name or an expression stands for. */
export function classIn(node: ESTree.Node, sourceCode: SourceCode): ClassNode | undefined {
  const value = bare(node);
  if (value.type === "ClassExpression") return value;
  if (value.type !== "Identifier") return undefined;
  const variable = variableOf(value, sourceCode);
  const definition = variable?.defs.length === 1 ? variable.defs[0] : undefined;
  if (definition?.type === "ClassName") return definition.node as ClassNode;
  const initial = initialValue(variable);
  return initial?.type === "ClassExpression" ? initial : undefined;
}

/** The class of this file that a class extends; never the class itself. */
export function superclassOf(owner: ClassNode, sourceCode: SourceCode): ClassNode | undefined {
  const { superClass } = owner;
  const found = superClass == null ? undefined : classIn(superClass, sourceCode);
  // A class that extends one which stands after it fails when the module loads: no circles.
  return found !== undefined && found.range !== undefined && found.range[0] < (owner.range?.[0] ?? 0)
    ? found
    : undefined;
}

/** The function around a node, if there is one. */
export function functionAround(node: ESTree.Node): FunctionNode | undefined {
  for (let current: Node | null = (node as Node).parent; current !== null; current = current.parent) {
    if (isFunction(current)) return current;
  }
  return undefined;
}
