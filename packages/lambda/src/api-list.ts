/** Owns the call `ListDurableExecutionsByFunction`: filters that stores do not have are applied here. */

import type { ExecutionStatus } from "@tidemark/protocol";
import type { DurableClient, ExecutionDescription, ListOptions } from "@tidemark/runtime";
import { encodeCursor } from "@tidemark/store";
import { invalid } from "./api-errors.js";
import { itemsOf } from "./api-pages.js";
import { wireExecution } from "./api-shapes.js";

const STATUSES = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED"];

/** Executions that are looked at together, at least, when the store cannot filter them. */
const LEAST_LOOKED_AT = 100;

/** Pages of the store that one answer is made of, at most: the next one goes on from there. */
const MAX_LOOKS = 10;

export async function listExecutions(
  client: DurableClient,
  functionName: string,
  query: URLSearchParams,
): Promise<object> {
  const items = itemsOf(query.get("MaxItems"));
  const name = query.get("DurableExecutionName");
  const statuses = statusesOf(query.getAll("Statuses"));
  const [status] = statuses?.size === 1 ? statuses : [];
  const isFiltered = name !== null || (statuses !== undefined && status === undefined);
  const matches = (execution: ExecutionDescription): boolean =>
    (name === null || (execution.name ?? execution.executionId) === name) &&
    (statuses === undefined || statuses.has(execution.status));
  const options: ListOptions = {
    functionName,
    limit: isFiltered ? Math.max(items, LEAST_LOOKED_AT) : items,
    oldestFirst: query.get("ReverseOrder") === "true",
    ...(status === undefined ? {} : { status }),
    ...timeIn(query, "StartedAfter", "startedAfter"),
    ...timeIn(query, "StartedBefore", "startedBefore"),
  };
  const found: ExecutionDescription[] = [];
  let cursor = query.get("Marker") ?? undefined;
  for (let looks = 0; looks < MAX_LOOKS; looks++) {
    const page = await client.list({ ...options, ...(cursor === undefined ? {} : { cursor }) });
    const fitting = page.executions.filter(matches);
    const room = items - found.length;
    found.push(...fitting.slice(0, room));
    // What there is no room for is looked at again.
    cursor = fitting.length > room ? cursorAfter(found.at(-1) as ExecutionDescription) : page.cursor;
    if (cursor === undefined || found.length === items) break;
  }
  return {
    DurableExecutions: found.map(wireExecution),
    ...(cursor === undefined ? {} : { NextMarker: cursor }),
  };
}

function cursorAfter({ startedAt, executionId }: ExecutionDescription): string {
  return encodeCursor({ startedAtMs: startedAt.getTime(), executionId });
}

/** What runs and what waits to run are one status of the API. */
function statusesOf(given: readonly string[]): ReadonlySet<ExecutionStatus> | undefined {
  if (given.length === 0) return undefined;
  const unknown = given.find((status) => !STATUSES.includes(status));
  if (unknown !== undefined) throw invalid(`Statuses has ${unknown}; ${STATUSES.join(", ")} are there`);
  const statuses = new Set(given as readonly ExecutionStatus[]);
  if (statuses.has("RUNNING")) statuses.add("PENDING");
  return statuses;
}

function timeIn<Name extends string>(
  query: URLSearchParams,
  parameter: string,
  option: Name,
): { readonly [name in Name]?: Date } {
  const text = query.get(parameter);
  if (text === null) return {};
  const time = new Date(/^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : text);
  if (Number.isNaN(time.getTime())) throw invalid(`${parameter} is ${text}; a time in ISO 8601 is needed`);
  return { [option]: time } as { readonly [name in Name]?: Date };
}
