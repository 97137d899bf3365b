/**
 * Owns which functions there are: those that workers have registered, and those that executions were started
 * of without. The latter only matter for looking over all functions.
 */

import { FUNCTIONS_PARTITION } from "./keys.js";
import type { Requests } from "./requests.js";
import type { Item } from "./text-attribute.js";

export class Functions {
  readonly #requests: Requests;
  /** Functions are never taken back, so what was once there is there. */
  readonly #registered = new Set<string>();
  readonly #seen = new Set<string>();
  /** Requests that are under way: those that start many at once share them. */
  readonly #seeing = new Map<string, Promise<void>>();

  constructor(requests: Requests) {
    this.#requests = requests;
  }

  async register(names: readonly string[]): Promise<void> {
    const unknown = [...new Set(names)].filter((name) => !this.#registered.has(name));
    if (unknown.length === 0) return;
    await this.#requests.batchWrite(
      unknown.map((name) => ({ PutRequest: { Item: { ...functionKey(name), r: { N: "1" } } } })),
    );
    for (const name of unknown) this.#registered.add(name);
  }

  async isRegistered(name: string): Promise<boolean> {
    if (this.#registered.has(name)) return true;
    const item = await this.#requests.get(functionKey(name));
    if (item?.r === undefined) return false;
    this.#registered.add(name);
    return true;
  }

  /** An execution of this function is about to be started. One request for each function of a process, at most. */
  async see(name: string): Promise<void> {
    if (this.#registered.has(name) || this.#seen.has(name)) return;
    const underWay = this.#seeing.get(name);
    if (underWay !== undefined) return underWay;
    const seen = this.#put(name).finally(() => this.#seeing.delete(name));
    this.#seeing.set(name, seen);
    return seen;
  }

  async #put(name: string): Promise<void> {
    await this.#requests.put({ Item: functionKey(name), ConditionExpression: "attribute_not_exists(pk)" });
    this.#seen.add(name);
  }

  async all(): Promise<string[]> {
    const names: string[] = [];
    const pages = this.#requests.pages({
      KeyConditionExpression: "pk = :pk",
      ExpressionAttributeValues: { ":pk": { S: FUNCTIONS_PARTITION } },
      ConsistentRead: true,
    });
    for await (const items of pages) for (const { sk } of items) names.push(sk?.S as string);
    return names;
  }
}

function functionKey(name: string): Item {
  return { pk: { S: FUNCTIONS_PARTITION }, sk: { S: name } };
}
