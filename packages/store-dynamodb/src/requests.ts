/**
 * Owns how requests are sent: aborted at close, tried again while that helps, failures told as errors of Tidemark.
 *
 * 1. Every request may be sent again after an answer was lost: the caller finds its own write by nonce
 *    (invariant 4), and a transaction carries its ClientRequestToken.
 * 2. Failed conditions pass to the caller as they are.
 */

import {
  type AttributeValue,
  BatchGetItemCommand,
  BatchWriteItemCommand,
  DeleteItemCommand,
  type DeleteItemCommandInput,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  type PutItemCommandInput,
  QueryCommand,
  type QueryCommandInput,
  type QueryCommandOutput,
  type TransactWriteItem,
  TransactWriteItemsCommand,
  type WriteRequest,
} from "@aws-sdk/client-dynamodb";
import { Attempts } from "./attempts.js";
import { closedError, isConditionFailure, isPassing, storeError } from "./store-errors.js";
import type { Item } from "./text-attribute.js";
import { after, monotonicMs, random, uniqueToken } from "./turn.js";

interface RequestsOptions {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  readonly retryTimeoutMs: number;
}

type WithoutTable<T> = Omit<T, "TableName">;

/** A condition failed, and this is what is there. */
interface Refused {
  readonly found: Item | undefined;
}

/** One item's part in a transaction that failed. */
export interface FailedPart {
  readonly hasFailed: boolean;
  /** What is there; `undefined` when there is nothing. */
  readonly item: Item | undefined;
}

/** The first attempt without an answer for so long is given up. Below half of the default for `retryTimeoutMs`. */
const ATTEMPT_TIMEOUT_MS = 4_000;
const FIRST_DELAY_MS = 20;
const MAX_DELAY_MS = 1_000;

/** Source: DynamoDB limits. */
const MAX_BATCH_WRITES = 25;
const MAX_BATCH_KEYS = 100;

export class Requests {
  readonly client: DynamoDBClient;
  readonly tableName: string;
  readonly #retryTimeoutMs: number;
  readonly #attempts = new Attempts();
  readonly #wakeUps = new Set<() => void>();
  #isAborted = false;

  constructor({ client, tableName, retryTimeoutMs }: RequestsOptions) {
    this.client = client;
    this.tableName = tableName;
    this.#retryTimeoutMs = retryTimeoutMs;
  }

  /** Ends what is under way with `TIDEMARK_STORE_CLOSED`, and all that follows. */
  abort(): void {
    this.#isAborted = true;
    this.#attempts.abortAll();
    for (const wakeUp of this.#wakeUps) wakeUp();
  }

  async get(key: Item): Promise<Item | undefined> {
    const command = new GetItemCommand({ TableName: this.tableName, Key: key, ConsistentRead: true });
    return (await this.run("GetItem", (options) => this.client.send(command, options))).Item;
  }

  /** `undefined`: written. Else the condition failed, and this is what is there. */
  put(input: WithoutTable<PutItemCommandInput>): Promise<Refused | undefined> {
    const command = new PutItemCommand({
      ...input,
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
      TableName: this.tableName,
    });
    return this.run("PutItem", (options) => this.client.send(command, options)).then(written, foundOf);
  }

  /** As {@link put}. */
  delete(input: WithoutTable<DeleteItemCommandInput>): Promise<Refused | undefined> {
    const command = new DeleteItemCommand({
      ...input,
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
      TableName: this.tableName,
    });
    return this.run("DeleteItem", (options) => this.client.send(command, options)).then(written, foundOf);
  }

  /** `undefined`: written. Else what was found, part by part. */
  async transact(parts: readonly TransactWriteItem[]): Promise<FailedPart[] | undefined> {
    const command = new TransactWriteItemsCommand({
      TransactItems: [...parts],
      ClientRequestToken: uniqueToken(),
    });
    try {
      await this.run("TransactWriteItems", (options) => this.client.send(command, options));
      return undefined;
    } catch (error) {
      if (!isConditionFailure(error)) throw error;
      const { CancellationReasons = [] } = error as {
        CancellationReasons?: { Code?: string; Item?: Item }[];
      };
      return parts.map((_, index) => ({
        hasFailed: CancellationReasons[index]?.Code === "ConditionalCheckFailed",
        item: CancellationReasons[index]?.Item,
      }));
    }
  }

  query(input: WithoutTable<QueryCommandInput>): Promise<QueryCommandOutput> {
    const command = new QueryCommand({ ...input, TableName: this.tableName });
    return this.run("Query", (options) => this.client.send(command, options), input.IndexName);
  }

  /** Pages of at most 1 MB until there are no more. */
  async *pages(input: WithoutTable<QueryCommandInput>): AsyncGenerator<Item[]> {
    let start: Record<string, AttributeValue> | undefined;
    do {
      const page = await this.query(start === undefined ? input : { ...input, ExclusiveStartKey: start });
      yield page.Items ?? [];
      start = page.LastEvaluatedKey;
    } while (start !== undefined);
  }

  /** What is there of these keys, in any order. */
  async batchGet(
    keys: readonly Item[],
    { isConsistent, projection }: { readonly isConsistent: boolean; readonly projection?: string },
  ): Promise<Item[]> {
    const items: Item[] = [];
    const options = { ConsistentRead: isConsistent, ...(projection && { ProjectionExpression: projection }) };
    for (const chunk of chunks(keys, MAX_BATCH_KEYS)) {
      await this.#untilAll("BatchGetItem", chunk, async (Keys) => {
        const command = new BatchGetItemCommand({ RequestItems: { [this.tableName]: { Keys, ...options } } });
        const answer = await this.run("BatchGetItem", (signal) => this.client.send(command, signal));
        items.push(...Object.values(answer.Responses ?? {}).flat());
        return Object.values(answer.UnprocessedKeys ?? {})[0]?.Keys;
      });
    }
    return items;
  }

  /** Writes without conditions, in any order. */
  async batchWrite(writes: readonly WriteRequest[]): Promise<void> {
    for (const chunk of chunks(writes, MAX_BATCH_WRITES)) {
      await this.#untilAll("BatchWriteItem", chunk, async (left) => {
        const command = new BatchWriteItemCommand({ RequestItems: { [this.tableName]: left } });
        const answer = await this.run("BatchWriteItem", (signal) => this.client.send(command, signal));
        return Object.values(answer.UnprocessedItems ?? {})[0];
      });
    }
  }

  /** Sends until there is an answer, or trying again does not help or has taken `retryTimeoutMs`. */
  async run<T>(
    action: string,
    send: (options: { abortSignal: AbortSignal }) => Promise<T>,
    indexName?: string,
  ): Promise<T> {
    const startedMs = monotonicMs();
    let nowMs = startedMs;
    for (let attempt = 0; ; attempt++) {
      if (this.#isAborted) throw closedError(this.tableName);
      // Twice as long each time: what is slow, here or there, must not be asked ever more and never waited for.
      const controller = this.#attempts.begin(nowMs, ATTEMPT_TIMEOUT_MS * 2 ** attempt);
      let failure: unknown;
      try {
        return await send({ abortSignal: controller.signal });
      } catch (error) {
        failure = error;
      } finally {
        this.#attempts.end(controller);
      }
      if (this.#isAborted) throw closedError(this.tableName);
      if (isConditionFailure(failure)) throw failure;
      const delayMs = delayOf(attempt);
      const isInTime = monotonicMs() + delayMs - startedMs <= this.#retryTimeoutMs;
      if (!isInTime || !isPassing(failure))
        throw storeError(failure, { action, tableName: this.tableName, indexName });
      await this.#pause(delayMs);
      nowMs = monotonicMs();
    }
  }

  /** DynamoDB leaves out of a batch what it has no capacity for; `send` gives what it left out. */
  async #untilAll<T>(action: string, all: T[], send: (left: T[]) => Promise<T[] | undefined>): Promise<void> {
    const startedMs = monotonicMs();
    let left = all;
    for (let attempt = 0; ; attempt++) {
      left = (await send(left)) ?? [];
      if (left.length === 0) return;
      if (this.#isAborted) throw closedError(this.tableName);
      if (monotonicMs() - startedMs >= this.#retryTimeoutMs) {
        const error = { name: "ThrottlingException", message: "a part of the batch was not processed" };
        throw storeError(error, { action, tableName: this.tableName });
      }
      await this.#pause(delayOf(attempt));
    }
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wakeUp = () => {
        cancel();
        this.#wakeUps.delete(wakeUp);
        resolve();
      };
      const cancel = after(delayMs, wakeUp);
      this.#wakeUps.add(wakeUp);
    });
  }
}

/** Half of the delay is random, so that processes which collide once do not collide again. */
function delayOf(attempt: number): number {
  return Math.round(Math.min(FIRST_DELAY_MS * 2 ** attempt, MAX_DELAY_MS) * (0.5 + random() / 2));
}

function written(): undefined {}

function foundOf(error: unknown): Refused {
  if (!isConditionFailure(error)) throw error;
  return { found: (error as { Item?: Item }).Item };
}

function chunks<T>(all: readonly T[], size: number): T[][] {
  const parts: T[][] = [];
  for (let index = 0; index < all.length; index += size) parts.push(all.slice(index, index + size));
  return parts;
}
