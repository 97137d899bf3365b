/** Owns the rule that bodies ask for no operations. */

import type { Rule } from "eslint";
import type * as ESTree from "estree";
import { durableCodeOf } from "../durable-code.js";

export const noNestedDurableOperations: Rule.RuleModule = {
  meta: {
    type: "problem",
    docs: { description: "disallow durable operations inside the body of a step, a check or a submitter" },
    schema: [],
    messages: {
      nested:
        "{{call}} is called inside a body that runs once and is recorded as a whole; group operations with runInChildContext instead.",
      handed:
        "{{call}} is called inside a body that runs once and is recorded as a whole, and asks {{context}} for operations; group operations with runInChildContext instead.",
    },
  },
  create(context) {
    const { sourceCode } = context;
    const code = durableCodeOf(sourceCode);
    const check = (node: ESTree.SimpleCallExpression | ESTree.NewExpression): void => {
      const operation = code.operationOf(node);
      const [handed] = code.handedOnBy(node);
      if ((operation === undefined && handed === undefined) || code.around(node)?.kind !== "body") return;
      if (operation !== undefined) {
        context.report({ node, messageId: "nested", data: { call: operation.text } });
      } else if (handed !== undefined) {
        const call = sourceCode.getText(node.callee);
        context.report({
          node,
          messageId: "handed",
          data: { call, context: sourceCode.getText(handed.argument) },
        });
      }
    };
    return { CallExpression: check, NewExpression: check };
  },
};
