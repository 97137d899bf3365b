/**
 * Owns how snapshots are kept: as items of their own, and the head points at the newest.
 *
 * 1. The head points at a snapshot only after all its parts are there (invariant 8), and never at an older one than
 *    before.
 * 2. Parts have the snapshot's sequence number in their key, and whoever writes it writes the same parts: writers do
 *    not disturb each other.
 * 3. What the head points at no more is emptied and left to the TTL: who runs workflows needs no permission to delete,
 *    and a delete costs as much. What a crash leaves behind goes with the execution.
 */

import { decodeEntry } from "@tidemark/protocol";
import type { SnapshotRequest } from "@tidemark/store";
import { mapConcurrently } from "./concurrent.js";
import { type Heads, takesSnapshot } from "./heads.js";
import { itemKey, type SnapshotPointer, type StoredHead, snapshotItem } from "./items.js";
import { entrySortKey, snapshotSortKey } from "./keys.js";
import type { Requests } from "./requests.js";
import { textOf } from "./text-attribute.js";
import { wallClockMs } from "./turn.js";

/** A code unit takes at most 3 bytes of UTF-8, so a part has at most 384 KB if it cannot be compressed. */
const PART_CODE_UNITS = 128 * 1024;

export class Snapshots {
  readonly #requests: Requests;
  readonly #heads: Heads;

  constructor(requests: Requests, heads: Heads) {
    this.#requests = requests;
    this.#heads = heads;
  }

  async save({ executionId, sequence, nonce, text }: SnapshotRequest): Promise<boolean> {
    const stored = await this.#heads.read(executionId);
    if (!takesSnapshot(stored, sequence)) return false;
    if ((await this.#nonceOf(stored, sequence)) !== nonce) return false;
    const parts = partsOf(text);
    await mapConcurrently([...parts.entries()], async ([index, part]) => {
      await this.#requests.put({ Item: await snapshotItem(stored, sequence, index, part) });
    });
    const before = await this.#heads.pointAt(stored, { sequence, parts: parts.length });
    if (before === undefined) return false;
    if (before.snapshot !== undefined) await this.#empty(before, before.snapshot);
    return true;
  }

  async #nonceOf({ head, generation }: StoredHead, sequence: number): Promise<string | undefined> {
    const item = await this.#requests.get(itemKey(head.executionId, entrySortKey(generation, sequence)));
    return item === undefined ? undefined : decodeEntry(textOf(item.e) ?? "", sequence).nonce;
  }

  async #empty({ head, generation }: StoredHead, { sequence, parts }: SnapshotPointer): Promise<void> {
    const ttl = { N: String(Math.floor(wallClockMs() / 1000)) };
    await mapConcurrently([...Array(parts).keys()], async (part) => {
      const key = itemKey(head.executionId, snapshotSortKey(generation, sequence, part));
      await this.#requests.put({ Item: { ...key, ttl } });
    });
  }
}

/** Cut between characters: halves of a surrogate pair would be kept uncompressed. */
function partsOf(text: string): string[] {
  const parts: string[] = [];
  for (let start = 0; start < text.length; ) {
    let end = start + PART_CODE_UNITS;
    if (end < text.length && isLowSurrogate(text.charCodeAt(end))) end -= 1;
    parts.push(text.slice(start, end));
    start = end;
  }
  return parts;
}

function isLowSurrogate(codeUnit: number): boolean {
  return codeUnit >= 0xdc00 && codeUnit <= 0xdfff;
}
