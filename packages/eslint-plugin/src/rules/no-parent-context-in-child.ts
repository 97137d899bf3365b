/** Owns the rule that code in a child context uses that context. */

import type { Rule } from "eslint";
import { durableCodeOf } from "../durable-code.js";

export const noParentContextInChild: Rule.RuleModule = {
  meta: {
    type: "problem",
    docs: {
      description: "disallow operations on a context from outside of the child context that the code runs in",
    },
    fixable: "code",
    schema: [],
    messages: {
      parent: "{{method}} is called on {{context}}, which belongs to the code around; use {{own}}.",
      missing:
        "{{method}} is called on {{context}}, which belongs to the code around; take the context that this function is given as its first parameter.",
    },
  },
  create(context) {
    const code = durableCodeOf(context.sourceCode);
    return {
      CallExpression(node) {
        const operation = code.operationOf(node);
        const region = code.around(node);
        if (operation === undefined || region?.kind !== "durable" || region.context === operation.context)
          return;
        const { method, name } = operation;
        const own = region.context?.name;
        if (own === undefined) {
          // A function of this file that reads a context of the code around it, and is no callback.
          if (!region.isOperation) return;
          context.report({ node: name, messageId: "missing", data: { method, context: name.name } });
        } else {
          context.report({
            node: name,
            messageId: "parent",
            data: { method, context: name.name, own },
            fix: (fixer) => fixer.replaceText(name, own),
          });
        }
      },
    };
  },
};
