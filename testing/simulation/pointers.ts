/** Owns the search for pointers to payloads in what is recorded. */

import { isStandIn, parseStandIn } from "@tidemark/protocol";

/** Keys of the objects that a record points at. */
export function pointersIn(value: unknown): string[] {
  const keys: string[] = [];
  collect(value, keys);
  return keys;
}

function collect(value: unknown, keys: string[]): void {
  if (typeof value === "string") {
    if (!isStandIn(value)) return;
    const standIn = parseStandIn(value);
    if (standIn.kind === "pointer") keys.push(standIn.pointer.key);
  } else if (typeof value === "object" && value !== null) {
    for (const member of Object.values(value)) collect(member, keys);
  }
}
