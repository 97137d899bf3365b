/** Owns the rule that code in a child context uses that context. */

import type { Rule, Scope, SourceCode } from "eslint";
import type * as ESTree from "estree";
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
    const { sourceCode } = context;
    const code = durableCodeOf(sourceCode);
    return {
      CallExpression(node) {
        const operation = code.operationOf(node);
        const region = code.around(node);
        if (operation === undefined || region?.kind !== "durable" || region.context === operation.context)
          return;
        const { method, name } = operation;
        const own = region.context?.name;
        const isVisible = isVisibleAt(node, region.context, sourceCode);
        if (own === undefined) {
          // A function of this file that reads a context of the code around it, and is no callback.
          if (!region.isOperation) return;
          context.report({ node: name, messageId: "missing", data: { method, context: name.name } });
        } else {
          context.report({
            node: name,
            messageId: "parent",
            data: { method, context: name.name, own },
            fix: (fixer) => (isVisible ? fixer.replaceText(name, own) : null),
          });
        }
      },
    };
  },
};

/** False where another variable has taken the name. */
function isVisibleAt(
  node: ESTree.Node,
  variable: Scope.Variable | undefined,
  sourceCode: SourceCode,
): boolean {
  for (let scope: Scope.Scope | null = sourceCode.getScope(node); scope !== null; scope = scope.upper) {
    const found = scope.set.get(variable?.name ?? "");
    if (found !== undefined) return found === variable;
  }
  return false;
}
