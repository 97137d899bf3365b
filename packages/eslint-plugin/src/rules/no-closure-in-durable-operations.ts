/** Owns the rule that what runs once changes nothing outside of itself. */

import type { Rule, Scope } from "eslint";
import type * as ESTree from "estree";
import { durableCodeOf, type Region } from "../durable-code.js";
import { bare, initialValue, memberName, type Node, pathOf, variableOf } from "../syntax.js";

/** Methods that change what they are called on, by what makes it. */
const CHANGING: Readonly<Record<string, readonly string[]>> = {
  Array: ["push", "pop", "shift", "unshift", "splice", "sort", "reverse", "fill", "copyWithin"],
  Map: ["set", "delete", "clear"],
  Set: ["add", "delete", "clear"],
};

export const noClosureInDurableOperations: Rule.RuleModule = {
  meta: {
    type: "problem",
    docs: { description: "disallow changes of variables from outside of a durable operation" },
    schema: [],
    messages: {
      closure:
        "{{name}} belongs to the code around this operation: once the operation has ended, a replay does not run this again and {{name}} stays as it was. Return the value instead.",
      module:
        "{{name}} belongs to the module: every replay changes it again, and other executions of this process share it. Keep it in the handler.",
    },
  },
  create(context) {
    const { sourceCode } = context;
    const code = durableCodeOf(sourceCode);

    const check = (target: ESTree.Node, node: Node): void => {
      const root = pathOf(target)?.root ?? rootOf(target);
      const variable = root === undefined ? undefined : variableOf(root, sourceCode);
      const region = code.around(node);
      if (root === undefined || variable === undefined || region === undefined) return;
      if (variable.defs.length === 0 || isInside(variable, region)) return;
      const messageId = region.isOperation ? "closure" : isOfModule(variable) ? "module" : undefined;
      if (messageId !== undefined) context.report({ node, messageId, data: { name: root.name } });
    };

    return {
      AssignmentExpression(node) {
        for (const target of targetsOf(node.left)) check(target, node);
      },
      UpdateExpression(node) {
        check(node.argument, node);
      },
      UnaryExpression(node) {
        if (node.operator === "delete") check(node.argument, node);
      },
      CallExpression(node) {
        const { callee } = node;
        if (callee.type !== "MemberExpression") return;
        const object = bare(callee.object);
        const made = object.type === "Identifier" ? madeBy(variableOf(object, sourceCode)) : undefined;
        if (made !== undefined && CHANGING[made]?.includes(memberName(callee) ?? "")) check(object, node);
      },
    };
  },
};

/** The names and members that an assignment writes. */
function targetsOf(pattern: ESTree.Node): ESTree.Node[] {
  switch (pattern.type) {
    case "ArrayPattern":
      return pattern.elements.flatMap((element) => (element === null ? [] : targetsOf(element)));
    case "ObjectPattern":
      return pattern.properties.flatMap((property) =>
        targetsOf(property.type === "Property" ? property.value : property.argument),
      );
    case "AssignmentPattern":
      return targetsOf(pattern.left);
    case "RestElement":
      return targetsOf(pattern.argument);
    default:
      return [pattern];
  }
}

/** The name at the root of `a[i].b`. */
function rootOf(target: ESTree.Node): ESTree.Identifier | undefined {
  let node = bare(target) as ESTree.Node;
  while (node.type === "MemberExpression") node = bare(node.object);
  return node.type === "Identifier" ? node : undefined;
}

function isInside({ scope }: Scope.Variable, { node }: Region): boolean {
  for (let block: Node | null = scope.block as Node; block !== null; block = block.parent) {
    if (block === node) return true;
  }
  return false;
}

function isOfModule({ scope }: Scope.Variable): boolean {
  return scope.type === "module" || scope.type === "global";
}

/** `Array` for `[]`, `Map` for `new Map()`, and what is declared as one. */
function madeBy(variable: Scope.Variable | undefined): string | undefined {
  const value = initialValue(variable);
  if (value?.type === "ArrayExpression") return "Array";
  if (value?.type === "NewExpression" && value.callee.type === "Identifier")
    return value.callee.name.replace(/^Weak/, "");
  const name = variable?.defs[0]?.name as { typeAnnotation?: { typeAnnotation?: TypeNode } } | undefined;
  const type = name?.typeAnnotation?.typeAnnotation;
  return type?.type === "TSArrayType" ? "Array" : type?.typeName?.name;
}

interface TypeNode {
  readonly type: string;
  readonly typeName?: { readonly name?: string };
}
