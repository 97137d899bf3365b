/** Owns the rule that what changes from run to run is recorded. */

import type { Rule } from "eslint";
import { durableCodeOf } from "../durable-code.js";
import { inAStep } from "../step-suggestion.js";
import type { Node } from "../syntax.js";
import { changingValue } from "../unrepeatable.js";

export const noNonDeterministicOutsideStep: Rule.RuleModule = {
  meta: {
    type: "problem",
    docs: { description: "disallow values that change from run to run, outside of steps" },
    hasSuggestions: true,
    schema: [],
    messages: {
      changing: "{{what}} gives something else on each replay; take it in a step, which records it.",
      step: "Put it into a step.",
    },
  },
  create(context) {
    const { sourceCode } = context;
    const code = durableCodeOf(sourceCode);
    const check = (node: Node): void => {
      const region = code.around(node);
      const what = region?.kind === "durable" ? changingValue(node, sourceCode) : undefined;
      if (region === undefined || what === undefined) return;
      context.report({
        node,
        messageId: "changing",
        data: { what },
        suggest: inAStep(node, region, sourceCode),
      });
    };
    return { CallExpression: check, NewExpression: check };
  },
};
