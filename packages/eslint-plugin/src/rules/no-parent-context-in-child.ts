/** Owns the rule that code in a child context uses that context. */

import type { Rule, Scope, SourceCode } from "eslint";
import type * as ESTree from "estree";
import type { KnownContext } from "../context-names.js";
import { durableCodeOf } from "../durable-code.js";
import { bare } from "../syntax.js";

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
      handed: "{{method}} is given {{context}}, which belongs to the code around; give it {{own}}.",
      handedMissing:
        "{{method}} is given {{context}}, which belongs to the code around; take the context that this function is given as its first parameter.",
    },
  },
  create(context) {
    const { sourceCode } = context;
    const code = durableCodeOf(sourceCode);

    /** The context of the code around a node, if `used` is another one. `null`: it has none with a name. */
    const ownInsteadOf = (used: KnownContext, node: ESTree.Node): Scope.Variable | null | undefined => {
      const region = code.around(node);
      if (region?.kind !== "durable" || used.origin === "unknown" || region.contexts.includes(used))
        return undefined;
      const own = region.contexts.at(-1);
      // A function of this file that reads a context of the code around it, and is no callback; a method with a
      // parameter of its own may have put that into the field itself.
      if (!region.isOperation && (own === undefined || used.origin === "field")) return undefined;
      return own?.variable ?? null;
    };

    const report = (name: ESTree.Node, use: Use): void => {
      const { own, method, replacement } = use;
      const data = { method, context: use.context, own: own?.name ?? "" };
      if (own === null) {
        context.report({ node: name, messageId: use.isHanded ? "handedMissing" : "missing", data });
        return;
      }
      context.report({
        node: name,
        messageId: use.isHanded ? "handed" : "parent",
        data,
        fix: (fixer) =>
          isVisibleAt(name, own, sourceCode) ? fixer.replaceText(name, replacement(own.name)) : null,
      });
    };

    return {
      CallExpression(node) {
        const operation = code.operationOf(node);
        const own = operation && ownInsteadOf(operation.context, node);
        if (operation === undefined || own === undefined) return;
        const { method, name } = operation;
        // `step()`, where that was taken out of a context, is written as a method of the right one.
        const isMethod = name === bare(node.callee);
        report(name, {
          own,
          method,
          context: isMethod ? (operation.context.variable?.name ?? "a context") : sourceCode.getText(name),
          replacement: (text) => (isMethod ? `${text}.${method}` : text),
          isHanded: false,
        });
      },
      "CallExpression, NewExpression"(node: ESTree.SimpleCallExpression | ESTree.NewExpression) {
        for (const handed of code.handedOnBy(node)) {
          const own = ownInsteadOf(handed.context, node);
          if (own === undefined) continue;
          const { argument } = handed;
          const isShorthand = argument.parent?.type === "Property" && argument.parent.shorthand;
          const text = sourceCode.getText(argument);
          report(argument, {
            own,
            method: sourceCode.getText(node.callee),
            context: text,
            replacement: (name) => (isShorthand ? `${text}: ${name}` : name),
            isHanded: true,
          });
        }
      },
    };
  },
};

interface Use {
  readonly own: Scope.Variable | null;
  readonly method: string;
  readonly context: string;
  /** What is to stand there, with the name of the right context. */
  readonly replacement: (own: string) => string;
  readonly isHanded: boolean;
}

/** False where another variable has taken the name. */
function isVisibleAt(node: ESTree.Node, variable: Scope.Variable, sourceCode: SourceCode): boolean {
  for (let scope: Scope.Scope | null = sourceCode.getScope(node); scope !== null; scope = scope.upper) {
    const found = scope.set.get(variable.name);
    if (found !== undefined) return found === variable;
  }
  return false;
}
