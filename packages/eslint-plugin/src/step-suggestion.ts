/** Owns the suggestion to put an expression into a step. */

import type { Rule, SourceCode } from "eslint";
import type { Region } from "./durable-code.js";
import { bare, functionAround, type Node } from "./syntax.js";

/** Suggests `await context.step(async () => expression)`, where an `await` may stand and the context has a name. */
export function inAStep(
  expression: Node,
  region: Region,
  sourceCode: SourceCode,
): Rule.SuggestionReportDescriptor[] {
  const name = region.context?.name;
  if (name === undefined || functionAround(expression)?.async !== true) return [];
  const { parent } = expression;
  // `await fetch()` is replaced as a whole.
  const isAwaited = parent?.type === "AwaitExpression" && bare(parent.argument) === expression;
  const replaced = isAwaited ? parent : expression;
  const text = sourceCode.getText(expression);
  const step = `await ${name}.step(async () => ${text})`;
  const around = (replaced as Node).parent?.type ?? "";
  const needsBrackets = ["MemberExpression", "BinaryExpression", "CallExpression"].includes(around);
  return [
    {
      messageId: "step",
      fix: (fixer) => fixer.replaceText(replaced, needsBrackets ? `(${step})` : step),
    },
  ];
}
