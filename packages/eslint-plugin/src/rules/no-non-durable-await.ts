/** Owns the rule that durable code awaits durable operations only. */

import type { Rule, Scope } from "eslint";
import type * as ESTree from "estree";
import { durableCodeOf } from "../durable-code.js";
import { isDurablePromise, isThenable, typeOf } from "../durable-type.js";
import { bare, initialValue, memberName, type Node, nodesOf, variableOf } from "../syntax.js";
import { reachingCall } from "../unrepeatable.js";

export const noNonDurableAwait: Rule.RuleModule = {
  meta: {
    type: "suggestion",
    docs: { description: "disallow await of what is no durable operation, outside of steps" },
    schema: [],
    messages: {
      await:
        "This awaits something that is not recorded: it runs again on each replay, and the execution cannot suspend meanwhile. Await it in a step.",
    },
  },
  create(context) {
    const { sourceCode } = context;
    const code = durableCodeOf(sourceCode);

    /** True for what does durable work, is the promise of an operation, or is made of such. */
    const isDurable = (node: ESTree.Node): boolean => {
      for (const each of nodesOf(node, sourceCode)) {
        if (code.namesContext(each)) return true;
        if (each.type !== "Identifier") continue;
        const variable = variableOf(each, sourceCode);
        const values = [initialValue(variable), ...(variable?.references ?? []).map(given)];
        // What was awaited is a value, whatever it came from.
        if (
          values.some(
            (value) => value != null && value.type !== "AwaitExpression" && code.mentionsContext(value),
          )
        )
          return true;
      }
      return false;
    };

    return {
      AwaitExpression(node) {
        if (code.around(node)?.kind !== "durable") return;
        const awaited = bare(node.argument);
        const type = typeOf(awaited, sourceCode);
        if (type !== undefined && (isDurablePromise(type) || !isThenable(type))) return;
        // Without types a name may be anything.
        if (type === undefined && awaited.type !== "CallExpression" && awaited.type !== "NewExpression")
          return;
        // That one has a rule of its own.
        if (reachingCall(awaited, sourceCode) !== undefined || isDurable(awaited)) return;
        context.report({ node, messageId: "await" });
      },
    };
  },
};

/** What an assignment gives to a variable, or a `push` to the array that it is. */
function given({ identifier, writeExpr }: Scope.Reference): ESTree.Node | null | undefined {
  const { parent } = identifier as Node;
  if (writeExpr != null) return writeExpr;
  if (parent?.type !== "MemberExpression" || memberName(parent) !== "push") return undefined;
  return parent.parent.type === "CallExpression" ? parent.parent : undefined;
}
