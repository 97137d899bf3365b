/** Owns what a host reports of a case, in a form in which two hosts can be compared. */

import { createHash } from "node:crypto";

export interface Observation {
  readonly status: string;
  /** As JSON has it; absent when there is none. */
  readonly result?: unknown;
  readonly error?: { readonly type?: string; readonly message?: string; readonly data?: string };
  /** One line per operation, by position. */
  readonly operations: readonly string[];
  /** Types and names of the history events, in order; only the test kit has them. */
  readonly events?: readonly string[];
  /** How often the handler was invoked; only the test kit says so. */
  readonly invocations?: number;
  readonly trace: readonly string[];
  /** Why the case did not come to an end. */
  readonly problem?: string;
}

export type Observations = Readonly<Record<string, Observation>>;

/** The members of an operation that are compared. */
export interface SeenOperation {
  readonly Id?: string | undefined;
  readonly ParentId?: string | undefined;
  readonly Name?: string | undefined;
  readonly Type?: string | undefined;
  readonly SubType?: string | undefined;
  readonly Status?: string | undefined;
}

/** Positions whose hashes are known: this many operations a context, by level. */
const SPAN_BY_LEVEL = [110, 10, 6, 4, 2];

/** `3-1 STEP/Step "name" SUCCEEDED under 3`, by position, whether ids are positions or their hashes. */
export function operationLines(operations: readonly SeenOperation[]): string[] {
  return operations
    .filter(({ Type }) => Type !== "EXECUTION")
    .map((operation) => {
      const { ParentId, Type, SubType, Name, Status } = operation;
      const name = Name === undefined ? "" : ` ${JSON.stringify(Name)}`;
      const parent = ParentId === undefined ? "" : ` under ${positionOf(ParentId)}`;
      const position = positionOf(operation.Id ?? "");
      return { position, line: `${position} ${Type}/${SubType}${name} ${Status}${parent}` };
    })
    .sort((a, b) => comparePositions(a.position, b.position))
    .map(({ line }) => line);
}

function comparePositions(a: string, b: string): number {
  const [left, right] = [a.split("-").map(Number), b.split("-").map(Number)];
  for (let level = 0; level < Math.max(left.length, right.length); level++) {
    const difference = (left[level] ?? 0) - (right[level] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

let positions: Map<string, string> | undefined;

/** The AWS SDK sends the first 16 digits of the MD5 hash of a position. */
function positionOf(id: string): string {
  positions ??= hashedPositions();
  return positions.get(id) ?? id;
}

function hashedPositions(): Map<string, string> {
  const hashed = new Map<string, string>();
  const add = (prefix: string, level: number): void => {
    const span = SPAN_BY_LEVEL[level] ?? 0;
    for (let count = 1; count <= span; count++) {
      const position = `${prefix}${count}`;
      hashed.set(createHash("md5").update(position).digest("hex").slice(0, 16), position);
      add(`${position}-`, level + 1);
    }
  };
  add("", 0);
  return hashed;
}
