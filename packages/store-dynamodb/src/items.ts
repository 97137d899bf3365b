/**
 * Owns how heads, entries and events are laid out as items. Pure.
 *
 * Names of attributes are short: they count in the size of every item, and a head of up to 1 KB costs one
 * write unit. docs/stores/dynamodb.md lists them.
 */

import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import type {
  ErrorObject,
  ExecutionHead,
  ExecutionStatus,
  InvocationEnd,
  OutsideEvent,
} from "@tidemark/protocol";
import { isTerminal } from "@tidemark/protocol";
import type { InboxEvent, NewExecution } from "@tidemark/store";
import {
  entrySortKey,
  executionIdOf,
  executionPartition,
  HEAD_SORT_KEY,
  incarnationOf,
  indexPartition,
  inputSortKey,
  listSortKey,
  shardOf,
  snapshotSortKey,
} from "./keys.js";
import { versionError } from "./store-errors.js";
import { type Item, numberOf, textAttribute, textOf } from "./text-attribute.js";

/** Raised with every change of the items that an older reader would misread. */
export const FORMAT_VERSION = 1;

/** A head with what only the store knows of it. */
export interface StoredHead {
  /** Without the input when that is an item of its own. */
  readonly head: ExecutionHead;
  /** Tells executions of the same id apart: its incarnation, or drawn by the store where there is none. */
  readonly generation: string;
  /** Drawn anew by every write of the head: a write is conditional on the one before it. */
  readonly nonce: string;
  /** Of the write before: our own write is recognised also when another one has followed. */
  readonly previousNonce: string | undefined;
  /** Of the write that took the newest lease. */
  readonly leaseNonce: string | undefined;
  readonly hasInputApart: boolean;
  /** All of its parts were there before this was written. */
  readonly snapshot: SnapshotPointer | undefined;
}

export interface SnapshotPointer {
  readonly sequence: number;
  readonly parts: number;
}

/** Names the table in errors. */
export interface ItemContext {
  readonly tableName: string;
  readonly shards: number;
}

export function headKey(executionId: string): Item {
  return { pk: { S: executionPartition(executionId) }, sk: { S: HEAD_SORT_KEY } };
}

export function itemKey(executionId: string, sortKey: string): Item {
  return { pk: { S: executionPartition(executionId) }, sk: { S: sortKey } };
}

/** When DynamoDB may delete the items of an execution, in seconds: its timeout and its retention have passed. */
export function ttlOf({ timeoutAtMs, retentionMs }: Pick<NewExecution, "timeoutAtMs" | "retentionMs">): {
  ttl: { N: string };
} {
  return { ttl: { N: String(Math.ceil((timeoutAtMs + retentionMs) / 1000)) } };
}

export async function headItem(stored: StoredHead, { shards }: ItemContext): Promise<Item> {
  const { head, generation, nonce, previousNonce, leaseNonce, hasInputApart, snapshot } = stored;
  const item: Item = {
    ...headKey(head.executionId),
    ...ttlOf(head),
    f: { N: String(FORMAT_VERSION) },
    g: { S: generation },
    n: { S: nonce },
    fn: { S: head.functionName },
    st: { N: String(head.startedAtMs) },
    to: { N: String(head.timeoutAtMs) },
    rt: { N: String(head.retentionMs) },
    s: { S: head.status },
    ep: { N: String(head.epoch) },
    ic: { N: String(head.inboxCount) },
    ...indexAttributes(head, shards),
  };
  const put = (name: string, value: string | undefined) => {
    if (value !== undefined) item[name] = { S: value };
  };
  const putNumber = (name: string, value: number | undefined) => {
    if (value !== undefined) item[name] = { N: String(value) };
  };
  const putText = async (name: string, value: string | undefined) => {
    if (value !== undefined) item[name] = await textAttribute(value, item);
  };
  put("m", previousNonce);
  put("l", leaseNonce);
  put("pe", head.parent?.executionId);
  put("po", head.parent?.operationId);
  put("li", json(head.lastInvocation));
  putNumber("ss", snapshot?.sequence);
  putNumber("sp", snapshot?.parts);
  putNumber("iv", head.invokedAtMs);
  putNumber("en", head.endedAtMs);
  if (hasInputApart) item.ip = { N: "1" };
  else await putText("in", head.input);
  await putText("nm", head.name);
  await putText("tn", head.tenantId);
  await putText("ow", head.owner);
  await putText("er", json(head.error));
  await putText("re", head.result);
  return item;
}

/** Absent attributes keep a head out of an index. The list index is written at the start and at the end only. */
function indexAttributes(head: ExecutionHead, shards: number): Item {
  const partition = { S: indexPartition(head.functionName, shardOf(head.executionId, shards)) };
  const item: Item = {
    listPk: partition,
    listSk: { S: listSortKey(head.startedAtMs, head.executionId) },
  };
  if (isTerminal(head.status)) item.es = { S: head.status };
  if (head.expiresAtMs !== undefined) item.xt = { N: String(head.expiresAtMs) };
  return { ...item, ...dueAttributes(head, shards) };
}

export function dueAttributes(head: ExecutionHead, shards: number): Item {
  if (head.dueAtMs === undefined) return {};
  return {
    duePk: { S: indexPartition(head.functionName, shardOf(head.executionId, shards)) },
    dueAt: { N: String(head.dueAtMs) },
  };
}

/** @throws TidemarkError `TIDEMARK_STORE_VERSION` when a newer version wrote it. */
export function storedHeadOf(item: Item, { tableName }: ItemContext): StoredHead {
  const executionId = executionIdOf(item.pk?.S as string);
  const format = numberOf(item.f);
  if (format !== FORMAT_VERSION) throw versionError(tableName, executionId, format, FORMAT_VERSION);
  const head: { -readonly [Key in keyof ExecutionHead]: ExecutionHead[Key] } = {
    executionId,
    functionName: item.fn?.S as string,
    startedAtMs: numberOf(item.st) as number,
    timeoutAtMs: numberOf(item.to) as number,
    retentionMs: numberOf(item.rt) as number,
    status: item.s?.S as ExecutionStatus,
    epoch: numberOf(item.ep) as number,
    inboxCount: numberOf(item.ic) as number,
  };
  const give = <Key extends keyof ExecutionHead>(key: Key, value: ExecutionHead[Key] | undefined) => {
    if (value !== undefined) head[key] = value;
  };
  const generation = item.g?.S as string;
  give("incarnation", incarnationOf(generation));
  give("input", textOf(item.in));
  give("name", textOf(item.nm));
  give("tenantId", textOf(item.tn));
  if (item.pe?.S !== undefined && item.po?.S !== undefined)
    head.parent = { executionId: item.pe.S, operationId: item.po.S };
  give("owner", textOf(item.ow));
  give("dueAtMs", numberOf(item.dueAt));
  give("invokedAtMs", numberOf(item.iv));
  give("lastInvocation", parsed<InvocationEnd>(item.li?.S));
  give("endedAtMs", numberOf(item.en));
  give("result", textOf(item.re));
  give("error", parsed<ErrorObject>(textOf(item.er)));
  give("expiresAtMs", numberOf(item.xt));
  return {
    head,
    generation,
    nonce: item.n?.S as string,
    previousNonce: item.m?.S,
    leaseNonce: item.l?.S,
    hasInputApart: item.ip !== undefined,
    snapshot: snapshotPointerOf(item),
  };
}

function snapshotPointerOf({ ss, sp }: Item): SnapshotPointer | undefined {
  const sequence = numberOf(ss);
  const parts = numberOf(sp);
  return sequence === undefined || parts === undefined ? undefined : { sequence, parts };
}

export async function snapshotItem(
  stored: StoredHead,
  sequence: number,
  part: number,
  text: string,
): Promise<Item> {
  const item = {
    ...itemKey(stored.head.executionId, snapshotSortKey(stored.generation, sequence, part)),
    ...ttlOf(stored.head),
  };
  return { ...item, e: await textAttribute(text, item) };
}

export async function inputItem(stored: StoredHead, input: string): Promise<Item> {
  const { executionId } = stored.head;
  const item = { ...itemKey(executionId, inputSortKey(stored.generation)), ...ttlOf(stored.head) };
  return { ...item, in: await textAttribute(input, item) };
}

export function entryItem(stored: StoredHead, sequence: number, text: string): Item | Promise<Item> {
  const item = itemKey(stored.head.executionId, entrySortKey(stored.generation, sequence));
  item.ttl = ttlOf(stored.head).ttl;
  const put = (entry: AttributeValue): Item => {
    item.e = entry;
    return item;
  };
  const attribute = textAttribute(text, item);
  return attribute instanceof Promise ? attribute.then(put) : put(attribute);
}

/** An event as it is read back. */
export interface StoredEvent extends InboxEvent {
  /** Orders events by arrival. */
  readonly arrival: number;
  /** Of the post that wrote it. */
  readonly nonce: string;
  /** How many posts with `wake` this item stands for. */
  readonly wakes: number;
}

export function storedEventOf(item: Item, prefix: string): StoredEvent {
  return {
    key: item.sk?.S?.slice(prefix.length) ?? "",
    event: JSON.parse(textOf(item.e) as string) as OutsideEvent,
    atMs: numberOf(item.t) as number,
    arrival: numberOf(item.a) as number,
    nonce: item.n?.S as string,
    wakes: numberOf(item.w) ?? 0,
  };
}

function json(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}

function parsed<T>(text: string | undefined): T | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as T);
}
