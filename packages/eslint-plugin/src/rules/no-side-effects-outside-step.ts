/** Owns the rule that what reaches outside of the process is a step. */

import type { Rule } from "eslint";
import { durableCodeOf } from "../durable-code.js";
import { inAStep } from "../step-suggestion.js";
import { isEnvironment, reachingCall } from "../unrepeatable.js";

export const noSideEffectsOutsideStep: Rule.RuleModule = {
  meta: {
    type: "problem",
    docs: { description: "disallow network, files, timers and process.env outside of steps" },
    hasSuggestions: true,
    schema: [],
    messages: {
      reaching: "{{what}} runs again on each replay; call it in a step, whose result is recorded.",
      timer:
        "{{what}} is lost when the invocation ends, and starts again on each replay; use {{context}}.wait.",
      environment:
        "process.env may be different when the execution goes on; read it in a step, or once at the start of the module if every value will do.",
      step: "Put it into a step.",
    },
  },
  create(context) {
    const { sourceCode } = context;
    const code = durableCodeOf(sourceCode);
    return {
      CallExpression(node) {
        const region = code.around(node);
        const what = region?.kind === "durable" ? reachingCall(node, sourceCode) : undefined;
        if (region === undefined || what === undefined) return;
        if (/^(globalThis\.)?set(Timeout|Interval|Immediate)\(/.test(what)) {
          const data = { what, context: region.contexts.at(-1)?.variable?.name ?? "context" };
          context.report({ node, messageId: "timer", data });
          return;
        }
        const suggest = inAStep(node, region, sourceCode);
        context.report({ node, messageId: "reaching", data: { what }, suggest });
      },
      MemberExpression(node) {
        const region = code.around(node);
        if (region?.kind !== "durable" || !isEnvironment(node, sourceCode)) return;
        context.report({ node, messageId: "environment" });
      },
    };
  },
};
