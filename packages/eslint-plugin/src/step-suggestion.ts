/** Owns the suggestion to put an expression into a step. */

import type { Rule, SourceCode } from "eslint";
import { durableCodeOf, type Region } from "./durable-code.js";
import { bare, functionAround, type Node } from "./syntax.js";

/** Around an `await` these would take only a part of it. */
const BINDS_TIGHTER: ReadonlySet<string> = new Set([
  "MemberExpression",
  "BinaryExpression",
  "CallExpression",
  "TSNonNullExpression",
]);

/** Suggests `await context.step(async () => expression)`, where an `await` may stand and the context has a name. */
export function inAStep(
  expression: Node,
  region: Region,
  sourceCode: SourceCode,
): Rule.SuggestionReportDescriptor[] {
  const name = region.contexts.at(-1)?.variable?.name;
  if (name === undefined || functionAround(expression)?.async !== true) return [];
  // Operations have no place in the body of a step.
  if (durableCodeOf(sourceCode).mentionsContext(expression)) return [];
  const { parent } = expression;
  // `await fetch()` is replaced as a whole.
  const isAwaited = parent?.type === "AwaitExpression" && bare(parent.argument) === expression;
  const replaced = isAwaited ? parent : expression;
  const text = sourceCode.getText(expression);
  const step = `await ${name}.step(async () => ${text})`;
  const around = (replaced as Node).parent?.type ?? "";
  const needsBrackets = BINDS_TIGHTER.has(around);
  return [
    {
      messageId: "step",
      fix: (fixer) => fixer.replaceText(replaced, needsBrackets ? `(${step})` : step),
    },
  ];
}
