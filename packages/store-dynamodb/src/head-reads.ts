/**
 * Owns that heads which are asked for in one turn are read together: a process that waits for a hundred executions
 * looks at all of them with one request.
 */

import { headKey } from "./items.js";
import { executionIdOf } from "./keys.js";
import type { Requests } from "./requests.js";
import { isRefusal } from "./store-errors.js";
import type { Item } from "./text-attribute.js";
import { onNextTurn } from "./turn.js";

interface Asked {
  readonly executionId: string;
  readonly resolve: (item: Item | undefined) => void;
  readonly reject: (error: unknown) => void;
}

export class HeadReads {
  readonly #requests: Requests;
  #asked: Asked[] = [];

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  /** A strongly consistent read that begins after this call. */
  read(executionId: string): Promise<Item | undefined> {
    return new Promise((resolve, reject) => {
      this.#asked.push({ executionId, resolve, reject });
      if (this.#asked.length === 1) onNextTurn(() => this.#send());
    });
  }

  #send(): void {
    const asked = this.#asked;
    this.#asked = [];
    this.#answer(asked);
  }

  #answer(asked: readonly Asked[]): void {
    this.#items(new Set(asked.map(({ executionId }) => executionId))).then(
      (items) => {
        for (const { executionId, resolve } of asked) resolve(items.get(executionId));
      },
      (error: unknown) => {
        // One key that DynamoDB does not take has every other refused, and ids may come from anybody.
        if (asked.length > 1 && isRefusal(error)) for (const one of asked) this.#answer([one]);
        else for (const { reject } of asked) reject(error);
      },
    );
  }

  async #items(executionIds: ReadonlySet<string>): Promise<ReadonlyMap<string, Item>> {
    const ids = [...executionIds];
    const found =
      ids.length === 1
        ? [await this.#requests.get(headKey(ids[0] as string))]
        : await this.#requests.batchGet(ids.map(headKey), { isConsistent: true });
    const items = new Map<string, Item>();
    for (const item of found) if (item !== undefined) items.set(executionIdOf(item.pk?.S ?? ""), item);
    return items;
  }
}
