/** Owns the rule that bodies ask for no operations. */

import type { Rule } from "eslint";
import { durableCodeOf } from "../durable-code.js";

export const noNestedDurableOperations: Rule.RuleModule = {
  meta: {
    type: "problem",
    docs: { description: "disallow durable operations inside the body of a step, a check or a submitter" },
    schema: [],
    messages: {
      nested:
        "{{context}}.{{method}} is called inside a body that runs once and is recorded as a whole; group operations with runInChildContext instead.",
    },
  },
  create(context) {
    const code = durableCodeOf(context.sourceCode);
    return {
      CallExpression(node) {
        const operation = code.operationOf(node);
        if (operation === undefined || code.around(node)?.kind !== "body") return;
        context.report({
          node,
          messageId: "nested",
          data: { context: operation.name.name, method: operation.method },
        });
      },
    };
  },
};
