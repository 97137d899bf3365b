/**
 * Owns the list of differences from the AWS SDK under its own test kit that are meant, each with its
 * reason (design section 10). An entry that no case needs fails the run, so the list stays short.
 */

import type { Field } from "./compare";

export interface AllowedDifference {
  /** Which cases, by name. */
  readonly cases: RegExp;
  readonly hosts: readonly string[];
  readonly fields: readonly Field[];
  /** The values must be the same without these members, at any depth. */
  readonly apartFrom?: readonly string[];
  readonly reason: string;
}

const KIT = "tidemark, test kit";
/** The test kit's runner is a host of the memory store. */
const OURS_ON_STORES = ["tidemark, our runner", "tidemark, memory", "tidemark, sqlite"];
/** The API has no place for what only our log keeps, such as the causes of an error. */
const OURS_OVER_HTTP = "tidemark, http";
const AWS_ON_STORES = ["aws, our runner", "aws, memory", "aws, sqlite", "aws, http"];
const OURS = [KIT, ...OURS_ON_STORES, OURS_OVER_HTTP];
const STORES = [...OURS_ON_STORES, OURS_OVER_HTTP, ...AWS_ON_STORES];

export const DIFFERENCES: readonly AllowedDifference[] = [
  {
    cases:
      /^(wait: not awaited|createCallback: success|map: two at a time|parallel: (named and unnamed branches, NESTED|a branch fails|the first success ends it)|promise\.(all: one fails|allSettled|race)|native: Promise\.race, replayed)$/,
    hosts: ["tidemark, our runner", "aws, our runner"],
    fields: ["events"],
    reason:
      "our runner moves time only when the invocation has ended, so waits end later in the history, and what ends at the same instant may stand in another order",
  },
  {
    cases:
      /^(map: .*(fails?|failures?|tolerated.*|never reached|succeeds), (NESTED|FLAT)|parallel: a branch fails)$/,
    hosts: OURS,
    fields: ["result"],
    apartFrom: ["cause"],
    reason:
      "the error that a batch item threw keeps its type below the StepError; AWS repeats StepError instead",
  },
  {
    cases: /^(waitForCallback: |child: a step in it fails|promise\.(all|race): .*fails)/,
    hosts: OURS_ON_STORES,
    fields: ["result"],
    apartFrom: ["cause"],
    reason:
      "the log keeps the causes of an error, so its original type survives a context; AWS records one level",
  },
  {
    cases: /^invoke: a (durable|plain) function fails$/,
    hosts: OURS,
    fields: ["result"],
    apartFrom: ["cause"],
    reason: "the cause of an InvokeError has the type of the error in the invoked function; AWS loses it",
  },
  {
    cases: /^createCallback: timeout$/,
    hosts: STORES,
    fields: ["result"],
    apartFrom: ["cause"],
    reason: "our backend records why a callback timed out as Callback.Timeout; the test kit records no type",
  },
  {
    cases: /^step: throws what is not an error$/,
    hosts: OURS_ON_STORES,
    fields: ["result"],
    apartFrom: ["cause"],
    reason: "what was thrown and was not an error is kept as the innermost cause; AWS loses it",
  },
  {
    cases: /^failure: not an error$/,
    hosts: OURS,
    fields: ["error"],
    apartFrom: ["type"],
    reason: "an execution that failed always has an error type",
  },
  {
    cases: /^map: throwIfError of a failed predicate$/,
    hosts: OURS,
    fields: ["result"],
    apartFrom: ["message"],
    reason: "the message of a BatchCompletionError tells how many items succeeded",
  },
  {
    cases:
      /^(map: (predicate and thresholds together|maxConcurrency of 0)|failure: the (code|name) .*changes.*)$/,
    hosts: OURS,
    fields: ["error"],
    reason: "validation and replay errors say what was recorded, what was asked for and what to do",
  },
  {
    cases: /^child: the parent's context is used in it$/,
    hosts: OURS,
    fields: ["error", "operations", "events"],
    reason:
      "a context that is used in the wrong place fails the execution at the call, before anything is recorded",
  },
  {
    cases: /^condition: too many attempts$/,
    hosts: [KIT, ...STORES],
    fields: ["status", "result", "operations", "events", "problem"],
    reason:
      "createWaitStrategy throws after the last attempt; the AWS SDK then breaks off under its own test kit",
  },
  {
    cases: /^(wait: not awaited|parallel: the first success ends it|promise\.race)$/,
    hosts: STORES,
    fields: ["operations"],
    reason: "the test kit completes a wait of 10 minutes at once when it skips time; our runtime keeps time",
  },
  {
    cases: /^logger: modeAware false$/,
    hosts: [KIT, ...STORES],
    fields: ["trace"],
    reason:
      "the AWS SDK does not suspend for waits while the kit skips time, so its code runs once and logs once",
  },
  {
    cases: /^logger: in a child that waits$/,
    hosts: AWS_ON_STORES,
    fields: ["trace"],
    reason: "the AWS SDK repeats the lines of a child context that was in flight; ours does not",
  },
  {
    cases: /^map: two at a time$/,
    hosts: [KIT],
    fields: ["events"],
    reason: "outcomes are delivered one a turn, so two items that follow two others begin in different turns",
  },
  {
    cases: /^(parallel: a branch fails|promise\.(all: one fails|allSettled))$/,
    hosts: [KIT],
    fields: ["events"],
    reason:
      "of a step that fails and one that succeeds in one turn, AWS records the failure first; ours the older step",
  },
  {
    cases: /^promise\.race$/,
    hosts: [KIT],
    fields: ["events"],
    reason:
      "operations that are asked for together are recorded before the code of a context among them runs",
  },
];
