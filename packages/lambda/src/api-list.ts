/** Owns the call `ListDurableExecutionsByFunction`: filters that stores do not have are applied here. */

import type { ExecutionStatus } from "@tidemark/protocol";
import type { DurableClient, ExecutionDescription, ListOptions } from "@tidemark/runtime";
import { invalid } from "./api-errors.js";
import { itemsOf } from "./api-pages.js";
import { wireExecution } from "./api-shapes.js";

const STATUSES = ["RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED"];

export async function listExecutions(
  client: DurableClient,
  functionName: string,
  query: URLSearchParams,
): Promise<object> {
  const items = itemsOf(query.get("MaxItems"));
  const name = query.get("DurableExecutionName");
  const statuses = statusesOf(query.getAll("Statuses"));
  const matches = (execution: ExecutionDescription): boolean =>
    (name === null || (execution.name ?? execution.executionId) === name) &&
    (statuses === undefined || statuses.has(execution.status));
  const options: ListOptions = {
    functionName,
    oldestFirst: query.get("ReverseOrder") === "true",
    ...timeIn(query, "StartedAfter", "startedAfter"),
    ...timeIn(query, "StartedBefore", "startedBefore"),
  };
  const found: ExecutionDescription[] = [];
  let cursor = query.get("Marker") ?? undefined;
  do {
    // Never more than there is room for: the cursor goes on after all that have been looked at.
    const limit = items - found.length;
    const page = await client.list({ ...options, limit, ...(cursor === undefined ? {} : { cursor }) });
    found.push(...page.executions.filter(matches));
    cursor = page.cursor;
  } while (cursor !== undefined && found.length < items);
  return {
    DurableExecutions: found.map(wireExecution),
    ...(cursor === undefined ? {} : { NextMarker: cursor }),
  };
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
