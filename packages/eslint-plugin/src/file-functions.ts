/** Owns which function of the same file an expression stands for, or a call runs. */

import type { SourceCode } from "eslint";
import type * as ESTree from "estree";
import {
  bare,
  type ClassNode,
  classIn,
  classOfThis,
  type FunctionNode,
  functionAround,
  initialValue,
  isFunction,
  memberName,
  type Node,
  nameOfKey,
  nodesOf,
  propertyOf,
  superclassOf,
  variableOf,
} from "./syntax.js";

/** The expression, or what the name that it is was given. */
export function writtenValue(node: ESTree.Node, sourceCode: SourceCode): Node | undefined {
  const value = bare(node);
  return value.type === "Identifier" ? initialValue(variableOf(value, sourceCode)) : value;
}

/** A function, or the one that a name of this file stands for. */
export function functionIn(
  node: ESTree.Node | null | undefined,
  sourceCode: SourceCode,
): FunctionNode | undefined {
  const value = node == null ? undefined : writtenValue(node, sourceCode);
  return isFunction(value) ? value : undefined;
}

/** What a call runs: `charge()`, `this.charge()`, `flows.charge()`, `super()`, `new Flow()`. */
export function functionCalledBy(
  call: ESTree.SimpleCallExpression | ESTree.NewExpression,
  sourceCode: SourceCode,
): FunctionNode | undefined {
  const callee = bare(call.callee);
  if (call.type === "NewExpression") return constructorOf(callee, sourceCode);
  if ((callee.type as string) === "Super") {
    const owner = classOfThis(callee);
    return owner?.superClass == null ? undefined : constructorOf(owner.superClass, sourceCode);
  }
  return callee.type === "MemberExpression"
    ? methodNamedBy(callee, sourceCode)
    : functionIn(callee, sourceCode);
}

/** The function that `parallel` runs for a branch: `fn`, or `{ name, func: fn }`. */
function branchIn(node: ESTree.Node, sourceCode: SourceCode): FunctionNode[] {
  const value = writtenValue(node, sourceCode);
  const found = isFunction(value) ? value : functionIn(propertyOf(value, "func"), sourceCode);
  return found === undefined ? [] : [found];
}

/** `[fn, { name, func }]`, and `items.map((item) => fn)`. */
export function branchesIn(node: ESTree.Node, sourceCode: SourceCode): FunctionNode[] {
  const value = writtenValue(node, sourceCode);
  if (value?.type === "ArrayExpression") {
    return value.elements.flatMap((element) => (element === null ? [] : branchIn(element, sourceCode)));
  }
  if (value?.type !== "CallExpression" || value.callee.type !== "MemberExpression") return [];
  const maker = memberName(value.callee) === "map" ? functionIn(value.arguments[0], sourceCode) : undefined;
  return maker === undefined
    ? []
    : returnedBy(maker, sourceCode).flatMap((each) => branchIn(each, sourceCode));
}

function methodNamedBy(callee: ESTree.MemberExpression, sourceCode: SourceCode): FunctionNode | undefined {
  const name = memberName(callee);
  const object = bare(callee.object);
  if (name === undefined) return undefined;
  const owner = object.type === "ThisExpression" ? classOfThis(object) : classIn(object, sourceCode);
  if (owner !== undefined) return memberIn(owner, name, sourceCode);
  return functionIn(propertyOf(writtenValue(object, sourceCode), name), sourceCode);
}

function constructorOf(callee: ESTree.Node, sourceCode: SourceCode): FunctionNode | undefined {
  const owner = classIn(callee, sourceCode);
  return owner === undefined ? undefined : memberIn(owner, "constructor", sourceCode);
}

function memberIn(owner: ClassNode, name: string, sourceCode: SourceCode): FunctionNode | undefined {
  for (const member of owner.body.body) {
    if (member.type !== "StaticBlock" && nameOfKey(member) === name)
      return functionIn(member.value, sourceCode);
  }
  const parent = superclassOf(owner, sourceCode);
  return parent === undefined ? undefined : memberIn(parent, name, sourceCode);
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
