/** Owns the rule that somebody awaits every operation. */

import type { Rule } from "eslint";
import type * as ESTree from "estree";
import { durableCodeOf } from "../durable-code.js";
import { isDurablePromise, typeOf } from "../durable-type.js";
import { bare, functionAround, type Node } from "../syntax.js";

export const noFloatingDurableOperations: Rule.RuleModule = {
  meta: {
    type: "problem",
    docs: { description: "require that the outcome of every durable operation is awaited or handed on" },
    hasSuggestions: true,
    schema: [],
    messages: {
      floating:
        "Nobody awaits this operation: its failure is lost, and the handler may end before it does. Await it, or hand its promise on.",
      unused:
        "Nobody awaits {{name}}: the failure of its operation is lost, and the handler may end before it does.",
      await: "Await it.",
    },
  },
  create(context) {
    const { sourceCode } = context;
    const code = durableCodeOf(sourceCode);
    const isOperation = (node: Node): boolean =>
      node.type === "CallExpression" &&
      (code.operationOf(node) !== undefined ||
        (code.around(node)?.kind === "durable" && isDurablePromise(typeOf(node, sourceCode))));
    return {
      ExpressionStatement(node) {
        const floating = operationIn(node.expression, isOperation);
        if (floating === undefined) return;
        const canAwait = functionAround(node)?.async === true;
        context.report({
          node: floating,
          messageId: "floating",
          suggest: canAwait
            ? [{ messageId: "await", fix: (fixer) => fixer.insertTextBefore(floating, "await ") }]
            : [],
        });
      },
      VariableDeclarator(node) {
        if (node.id.type !== "Identifier" || node.init == null || !isOperation(bare(node.init))) return;
        const [variable] = sourceCode.getDeclaredVariables(node);
        if (variable === undefined || variable.references.some((reference) => reference.isRead())) return;
        context.report({ node, messageId: "unused", data: { name: node.id.name } });
      },
    };
  },
};

/** The operation of `context.step(…)`, `context.step(…).then(…)` and either side of `a && context.step(…)`. */
function operationIn(expression: ESTree.Node, isOperation: (node: Node) => boolean): Node | undefined {
  const node = bare(expression);
  if (isOperation(node)) return node;
  switch (node.type) {
    case "CallExpression":
      return node.callee.type === "MemberExpression" && isChain(node.callee)
        ? operationIn(node.callee.object, isOperation)
        : undefined;
    case "LogicalExpression":
      return operationIn(node.right, isOperation);
    case "ConditionalExpression":
      return operationIn(node.consequent, isOperation) ?? operationIn(node.alternate, isOperation);
    default:
      return undefined;
  }
}

function isChain({ property }: ESTree.MemberExpression): boolean {
  return property.type === "Identifier" && ["then", "finally"].includes(property.name);
}
