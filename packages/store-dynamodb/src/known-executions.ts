/**
 * Owns what this process remembers of executions, so that a write needs no read before it.
 *
 * It is a guess, never the truth: a write that is made on it is conditional, and nothing is refused on it.
 * That an entry was there is certain for as long as its generation lives: entries are never changed.
 */

import { isMeant, parseExecutionId } from "@tidemark/protocol";
import type { StoredHead } from "./items.js";

interface Known {
  /** Its generation and times are right; whether the rest is, `isCurrent` says. */
  stored: StoredHead;
  /** False when the head has been written since. */
  isCurrent: boolean;
  lastSequence: number;
}

/** A head is about 1 KB, so this is some megabytes. */
const MAX_KNOWN = 5_000;
const MAX_PARENTS = 20_000;

export class KnownExecutions {
  readonly #known = new Map<string, Known>();
  readonly #parents = new Map<string, string>();

  /** The head as last seen, if this process has not changed it since without seeing the outcome. */
  head(executionId: string): StoredHead | undefined {
    const known = this.#meant(executionId);
    return known?.isCurrent === true ? known.stored : undefined;
  }

  /** What never changes of a head: its generation, its times. And the last entry that is known to be there. */
  log(executionId: string): { readonly stored: StoredHead; readonly lastSequence: number } | undefined {
    return this.#meant(executionId);
  }

  saw(stored: StoredHead): void {
    const { executionId, parent } = stored.head;
    const before = this.#known.get(executionId);
    const lastSequence = before?.stored.generation === stored.generation ? before.lastSequence : 0;
    this.#known.delete(executionId);
    // Results may be large, and what has ended is hardly written again: then it is read before.
    const { result: _result, ...head } = stored.head;
    const isCurrent = stored.head.result === undefined;
    this.#known.set(executionId, { stored: { ...stored, head }, isCurrent, lastSequence });
    dropOldest(this.#known, MAX_KNOWN);
    if (parent !== undefined) this.sawParent(executionId, parent.executionId);
  }

  sawEntry(executionId: string, generation: string, sequence: number): void {
    const known = this.#meant(executionId);
    if (known?.stored.generation === generation) known.lastSequence = Math.max(known.lastSequence, sequence);
  }

  /** The head has been written, and how it is now is not known. */
  changed(executionId: string): void {
    const known = this.#meant(executionId);
    if (known !== undefined) known.isCurrent = false;
  }

  gone(executionId: string): void {
    const known = this.#meant(executionId);
    if (known !== undefined) this.#known.delete(known.stored.head.executionId);
  }

  sawParent(executionId: string, parentId: string): void {
    this.#parents.delete(executionId);
    this.#parents.set(executionId, parentId);
    dropOldest(this.#parents, MAX_PARENTS);
  }

  parentOf(executionId: string): string | undefined {
    return this.#parents.get(executionId);
  }

  /** Another execution that has the id counts as not known. */
  #meant(id: string): Known | undefined {
    const known = this.#known.get(parseExecutionId(id).executionId);
    return known !== undefined && isMeant(id, known.stored.head) ? known : undefined;
  }
}

function dropOldest(map: Map<string, unknown>, limit: number): void {
  if (map.size <= limit) return;
  const [oldest] = map.keys();
  map.delete(oldest as string);
}
