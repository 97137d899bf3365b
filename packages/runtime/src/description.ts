/** Owns how an execution is described to people and tools. */

import {
  type ErrorObject,
  type ExecutionHead,
  type ExecutionStatus,
  exactExecutionId,
  executionArn,
  isStandIn,
  parseExecutionId,
  parseStandIn,
} from "@tidemark/protocol";
import type { PayloadSummary } from "@tidemark/store";
import { wasHandedOver } from "./barren.js";

export interface ExecutionDescription {
  readonly executionId: string;
  readonly executionArn: string;
  readonly functionName: string;
  readonly name?: string;
  readonly status: ExecutionStatus;
  readonly startedAt: Date;
  readonly endedAt?: Date;
  /** When it is looked at again: the next timer, or the end of the lease. */
  readonly dueAt?: Date;
  /**
   * How often somebody has claimed it to invoke its function: the number of the newest invocation, and never fewer than
   * there were. A claim without an invocation counts, too: one that found nothing new, one that came too early after
   * failures that recorded nothing, one whose process died before it began. A list has it without reading any log.
   */
  readonly invocations: number;
  readonly parentExecutionId?: string;
  readonly input?: unknown;
  readonly result?: unknown;
  readonly error?: ErrorObject;
  /**
   * Why it is tried again at `dueAt`, while it is `PENDING`: how its last invocation failed, or that its log could not be
   * read.
   */
  readonly failing?: ErrorObject;
  /** In lists: payloads that are kept elsewhere or encoded, in place of `input` and `result`. */
  readonly large?: { readonly input?: LargePayload; readonly result?: LargePayload };
}

/** A payload that is not shown. */
export interface LargePayload {
  /** Size of what is stored. Absent when it is in the log, encoded. */
  readonly bytes?: number;
  readonly summary?: PayloadSummary;
}

/** Stand-ins that the head has are shown as `large`. */
export function describe(head: ExecutionHead): ExecutionDescription {
  return {
    executionId: head.executionId,
    executionArn: executionArn(head.functionName, exactExecutionId(head)),
    functionName: head.functionName,
    status: head.status,
    startedAt: new Date(head.startedAtMs),
    invocations: head.epoch,
    ...(head.name === undefined ? {} : { name: head.name }),
    ...(head.endedAtMs === undefined ? {} : { endedAt: new Date(head.endedAtMs) }),
    ...(head.dueAtMs === undefined ? {} : { dueAt: new Date(head.dueAtMs) }),
    ...(head.parent === undefined
      ? {}
      : { parentExecutionId: parseExecutionId(head.parent.executionId).executionId }),
    ...(head.error === undefined ? {} : { error: head.error }),
    ...failingOf(head),
    ...payloadsOf(head),
  };
}

function failingOf({ status, lastInvocation }: ExecutionHead): Pick<ExecutionDescription, "failing"> {
  if (status !== "PENDING" || lastInvocation === undefined) return {};
  const failing =
    lastInvocation.unread?.error ?? (wasHandedOver(lastInvocation) ? undefined : lastInvocation.error);
  return failing === undefined ? {} : { failing };
}

function payloadsOf({
  input,
  result,
}: ExecutionHead): Pick<ExecutionDescription, "input" | "result" | "large"> {
  const large = { ...largeOf("input", input), ...largeOf("result", result) };
  return {
    ...(input === undefined || isStandIn(input) ? {} : { input: readable(input) }),
    ...(result === undefined || isStandIn(result) ? {} : { result: readable(result) }),
    ...(Object.keys(large).length === 0 ? {} : { large }),
  };
}

function largeOf(member: "input" | "result", text: string | undefined): ExecutionDescription["large"] {
  return isStandIn(text) ? { [member]: largePayload(text) } : {};
}

/** What is known of a payload without reading it. */
export function largePayload(text: string): LargePayload {
  const standIn = parseStandIn(text);
  if (standIn.kind !== "pointer") return {};
  const { bytes, summary } = standIn.pointer;
  return { bytes, summary: summary as PayloadSummary };
}

/** A JSON value, or the text itself: a serdes of the user's may have written anything. */
export function readable(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
