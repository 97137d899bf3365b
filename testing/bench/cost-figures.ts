/** Owns how requests that were counted become figures. */

import type { DynamoDbRig } from "../engines/dynamodb-rig";
import type { Bar, Figure } from "./figures";

const WRITES = ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"];

export interface Cost {
  readonly writes: number;
  readonly writeUnits: number;
  readonly reads: number;
  readonly queries: number;
  readonly readUnits: number;
  /** Bytes of the entries as text. */
  readonly logBytes: number;
}

export function countedBy(rig: DynamoDbRig, counts: (body: unknown) => boolean): Omit<Cost, "logBytes"> {
  const seen = rig.proxy.seen.filter(({ body }) => counts(body));
  const units = (requests: typeof seen): number =>
    requests.reduce((sum, request) => sum + (rig.proxy.capacity.get(request)?.units ?? 0), 0);
  const writes = seen.filter(({ action }) => WRITES.includes(action));
  const reads = seen.filter(({ action }) => !WRITES.includes(action));
  return {
    writes: writes.length,
    writeUnits: units(writes),
    reads: reads.length,
    queries: reads.filter(({ action }) => action === "Query").length,
    readUnits: units(reads),
  };
}

export function atMost(value: number): Bar {
  return { of: "figure", kind: "at most", value };
}

export function figure(
  title: string,
  unit: string,
  ours: number,
  bar?: Bar,
  peer?: number,
  peerTitle = "",
): Figure {
  return {
    title,
    unit,
    ours,
    ...(peer === undefined ? {} : { peer: { title: peerTitle, figure: peer, ratio: ours / peer } }),
    ...(bar === undefined ? {} : { bar, passed: ours <= bar.value }),
  };
}
