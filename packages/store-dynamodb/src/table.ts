/** Owns the table: its description, from which it is created here or by infrastructure code, and its check. */

import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type KeySchemaElement,
  type TableDescription,
  UpdateTimeToLiveCommand,
  type UpdateTimeToLiveCommandInput,
} from "@aws-sdk/client-dynamodb";
import { DUE_INDEX } from "./due-index.js";
import { LIST_INDEX } from "./listing.js";
import type { Requests } from "./requests.js";
import { indexError, tableError } from "./store-errors.js";
import { after, monotonicMs } from "./turn.js";

const TTL_ATTRIBUTE = "ttl";

/** What a Tidemark table is, as the inputs of the two requests that make one. */
export interface TableDefinition {
  /** Input of `CreateTable`, with on-demand billing. */
  readonly table: CreateTableCommandInput;
  /** Input of `UpdateTimeToLive`. */
  readonly timeToLive: UpdateTimeToLiveCommandInput;
}

/**
 * Describes the table that the store needs: keys, both indexes, TTL.
 *
 * Generate infrastructure code from it, so that both agree. Billing, encryption, backups and tags are yours to
 * add or to change; keys, indexes, projections and the TTL attribute are not.
 *
 * @example
 * ```ts
 * import { tableDefinition } from "@tidemark/store-dynamodb";
 *
 * const { table, timeToLive } = tableDefinition("executions");
 * console.log(JSON.stringify({ Type: "AWS::DynamoDB::Table", Properties: { ...table, timeToLive } }));
 * ```
 */
export function tableDefinition(tableName: string): TableDefinition {
  const index = (name: string, hash: string, range: string, projected?: string[]) => ({
    IndexName: name,
    KeySchema: keySchema(hash, range),
    Projection:
      projected === undefined
        ? { ProjectionType: "KEYS_ONLY" as const }
        : { ProjectionType: "INCLUDE" as const, NonKeyAttributes: projected },
  });
  return {
    table: {
      TableName: tableName,
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: [
        { AttributeName: "pk", AttributeType: "S" },
        { AttributeName: "sk", AttributeType: "S" },
        { AttributeName: "duePk", AttributeType: "S" },
        { AttributeName: "dueAt", AttributeType: "N" },
        { AttributeName: "listPk", AttributeType: "S" },
        { AttributeName: "listSk", AttributeType: "S" },
      ],
      KeySchema: keySchema("pk", "sk"),
      GlobalSecondaryIndexes: [
        index(DUE_INDEX, "duePk", "dueAt"),
        index(LIST_INDEX, "listPk", "listSk", ["es", "xt"]),
      ],
    },
    timeToLive: {
      TableName: tableName,
      TimeToLiveSpecification: { AttributeName: TTL_ATTRIBUTE, Enabled: true },
    },
  };
}

/** How long a new table may take to become active. Usually some ten seconds. */
const ACTIVE_TIMEOUT_MS = 5 * 60_000;
const FIRST_WAIT_MS = 20;
const MAX_WAIT_MS = 2_000;

export async function ensureTable(requests: Requests): Promise<void> {
  const { client, tableName } = requests;
  const { table, timeToLive } = tableDefinition(tableName);
  await requests.run("CreateTable", (options) =>
    client.send(new CreateTableCommand(table), options).catch((error: unknown) => {
      if ((error as Error).name !== "ResourceInUseException") throw error;
    }),
  );
  checkKeys(await activeTable(requests), tableName);
  if (await hasTimeToLive(requests)) return;
  try {
    await requests.run("UpdateTimeToLive", (options) =>
      client.send(new UpdateTimeToLiveCommand(timeToLive), options).catch((error: unknown) => {
        // A local engine without a TTL: what has expired stays until `purgeExpired`.
        if ((error as Error).name !== "UnknownOperationException") throw error;
      }),
    );
  } catch (error) {
    // Two processes at once: DynamoDB takes one change of the TTL in an hour.
    if (!(await hasTimeToLive(requests))) throw error;
  }
}

/** @throws TidemarkError `TIDEMARK_STORE_TABLE` when items are to be removed by another attribute. */
async function hasTimeToLive(requests: Requests): Promise<boolean> {
  const { client, tableName } = requests;
  const { TimeToLiveDescription } = await requests.run("DescribeTimeToLive", (options) =>
    client.send(new DescribeTimeToLiveCommand({ TableName: tableName }), options),
  );
  const { TimeToLiveStatus, AttributeName = TTL_ATTRIBUTE } = TimeToLiveDescription ?? {};
  if (TimeToLiveStatus?.startsWith("ENABL") !== true) return false;
  if (AttributeName !== TTL_ATTRIBUTE)
    throw tableError(tableName, `the table's TTL is on attribute ${AttributeName}, not ${TTL_ATTRIBUTE}`);
  return true;
}

async function activeTable(requests: Requests): Promise<TableDescription> {
  const { client, tableName } = requests;
  const startedMs = monotonicMs();
  for (let waitMs = FIRST_WAIT_MS; ; waitMs = Math.min(2 * waitMs, MAX_WAIT_MS)) {
    const { Table } = await requests.run("DescribeTable", (options) =>
      client.send(new DescribeTableCommand({ TableName: tableName }), options).catch((error: unknown) => {
        // Source: DescribeTable is eventually consistent, and may not know a table that has just been created.
        if ((error as Error).name !== "ResourceNotFoundException") throw error;
        return { Table: undefined };
      }),
    );
    const indexes = Table?.GlobalSecondaryIndexes ?? [];
    const isActive =
      Table?.TableStatus === "ACTIVE" && indexes.every((index) => index.IndexStatus === "ACTIVE");
    if (Table !== undefined && isActive) return Table;
    if (monotonicMs() - startedMs > ACTIVE_TIMEOUT_MS)
      throw tableError(tableName, `the table is ${Table?.TableStatus} after ${ACTIVE_TIMEOUT_MS} ms`);
    await new Promise<void>((resolve) => after(waitMs, resolve));
  }
}

/** @throws TidemarkError `TIDEMARK_STORE_TABLE`, `TIDEMARK_STORE_INDEX`. */
function checkKeys(actual: TableDescription, tableName: string): void {
  const { table } = tableDefinition(tableName);
  if (textOfKeys(actual.KeySchema) !== textOfKeys(table.KeySchema))
    throw tableError(tableName, `the table has the keys ${textOfKeys(actual.KeySchema)}, not pk and sk`);
  for (const { IndexName, KeySchema, Projection } of table.GlobalSecondaryIndexes ?? []) {
    const found = actual.GlobalSecondaryIndexes?.find((index) => index.IndexName === IndexName);
    if (found === undefined) throw indexError(tableName, `index ${IndexName} is missing`);
    if (textOfKeys(found.KeySchema) !== textOfKeys(KeySchema)) {
      throw indexError(
        tableName,
        `index ${IndexName} has the keys ${textOfKeys(found.KeySchema)}, not ${textOfKeys(KeySchema)}`,
      );
    }
    const projected = found.Projection?.NonKeyAttributes ?? [];
    const lacking = Projection?.NonKeyAttributes?.filter((name) => !projected.includes(name)) ?? [];
    if (lacking.length > 0 && found.Projection?.ProjectionType !== "ALL")
      throw indexError(tableName, `index ${IndexName} does not project ${lacking.join(" and ")}`);
  }
}

function keySchema(hash: string, range: string): KeySchemaElement[] {
  return [
    { AttributeName: hash, KeyType: "HASH" },
    { AttributeName: range, KeyType: "RANGE" },
  ];
}

function textOfKeys(schema: readonly KeySchemaElement[] | undefined): string {
  return (schema ?? []).map(({ AttributeName }) => AttributeName).join(" and ");
}
