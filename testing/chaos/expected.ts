/** Owns the results that executions must have, worked out without running anything. */

import { FAILING_ITEM, LARGE_RESULT_LENGTH, LARGE_STEP_LENGTH, MAP_ITEMS, planOf, workValue } from "./values";
import type { ChaosResult } from "./workflow";

export function expectedChild(seed: number, index: number): number {
  return workValue(seed, index, "child first") ^ workValue(seed, index, "child second");
}

export function expectedPlain(seed: number, index: number): number {
  return workValue(seed, index, "plain");
}

/** What is wrong with a result; `confirmed` is what was sent to its callback and accepted. */
export function wrongWith(
  result: ChaosResult,
  seed: number,
  index: number,
  confirmed: string | undefined,
): string[] {
  const value = (label: string) => workValue(seed, index, label);
  const plan = planOf(index);
  const wrong: string[] = [];
  const expect = (field: string, actual: unknown, expected: unknown): void => {
    const [actualText, expectedText] = [JSON.stringify(actual), JSON.stringify(expected)];
    if (actualText !== expectedText) wrong.push(`${field} is ${actualText}, expected ${expectedText}`);
  };
  expect("loaded", result.loaded, value("load"));
  expect("charged", result.charged, value("charge"));
  expect("branches", result.branches, [
    value("before wait") ^ value("after wait"),
    value("left") ^ value("right"),
  ]);
  const items = MAP_ITEMS.map((name) => (name === FAILING_ITEM ? "FAILED" : value(`item ${name}`)));
  expect("items", result.items, items.join());
  expect("child", result.child, expectedChild(seed, index));
  expect("plain", result.plain, expectedPlain(seed, index));
  expect("looks", result.looks, plan.hasCondition ? 3 : undefined);
  const largeLength = LARGE_RESULT_LENGTH + LARGE_STEP_LENGTH;
  expect("largeLength", result.largeLength, plan.hasLargeResult ? largeLength : undefined);
  // Which order and which winner is open; that the code saw on replay what it saw live is not.
  expect("order", result.order, result.notedOrder);
  expect("sorted order", result.order.split(",").sort().join(), "first,second,third");
  expect("race", result.race?.seen, result.race?.noted);
  expect("hasRace", result.race !== undefined, plan.hasRace);
  expect("answer", result.answer, confirmed ?? (plan.callback === "contest" ? "timed out" : "an answer"));
  return wrong;
}
