/** Owns what tests of the DynamoDB store share: an engine, a proxy in front of it, and tables with stores on them. */

import {
  CreateTableCommand,
  type CreateTableCommandInput,
  type DynamoDBClient,
  type DynamoDBClientConfig,
  QueryCommand,
} from "@aws-sdk/client-dynamodb";
import { DynamoDbStore, type DynamoDbStoreOptions } from "@tidemark/store-dynamodb";
import { clientOf, type DynamoDbEngine, startDynamoDb } from "./dynamodb-engine";
import { type FaultyProxy, startProxy } from "./faulty-proxy";

export type RigOptions = Partial<DynamoDbStoreOptions> & { readonly clientConfig?: DynamoDBClientConfig };

export interface DynamoDbRig {
  readonly engine: DynamoDbEngine;
  readonly proxy: FaultyProxy;
  /** The table of the current test. */
  readonly tableName: string;
  /** A client of the engine, past the proxy. */
  readonly direct: DynamoDBClient;
  /** A table of its own for the next test. */
  newTable(): Promise<void>;
  /** Makes this the current table, which need not exist. */
  tableNameForNext(tableName: string): void;
  /** Creates another table. */
  create(table: CreateTableCommandInput): Promise<void>;
  /** A store on the current table, behind the proxy, with one shard and a client that does not retry. */
  open(options?: RigOptions): Promise<DynamoDbStore>;
  /** The items of a partition, past the proxy. */
  items(partition: string): Promise<Record<string, unknown>[]>;
  /** Closes the stores of the current test. */
  closeStores(): Promise<void>;
  stop(): Promise<void>;
}

export async function startRig(): Promise<DynamoDbRig> {
  const engine = await startDynamoDb();
  const proxy = await startProxy(engine.endpoint);
  const direct = engine.client();
  const stores: DynamoDbStore[] = [];
  const clients: DynamoDBClient[] = [];
  let tables = 0;
  const rig = {
    engine,
    proxy,
    direct,
    tableName: "",
    async newTable() {
      rig.tableName = `table-${++tables}`;
      const store = await DynamoDbStore.open({ tableName: rig.tableName, client: direct });
      await store.ensureTable();
      await store.close();
      proxy.reset();
    },
    tableNameForNext(tableName: string) {
      rig.tableName = tableName;
    },
    async create(table: CreateTableCommandInput) {
      await direct.send(new CreateTableCommand(table));
    },
    async open({ clientConfig, ...options }: RigOptions = {}) {
      const client = clientOf(proxy.endpoint, clientConfig);
      const store = await DynamoDbStore.open({ tableName: rig.tableName, client, shards: 1, ...options });
      clients.push(client);
      stores.push(store);
      return store;
    },
    async items(partition: string) {
      const { Items = [] } = await direct.send(
        new QueryCommand({
          TableName: rig.tableName,
          KeyConditionExpression: "pk = :pk",
          ExpressionAttributeValues: { ":pk": { S: partition } },
        }),
      );
      return Items;
    },
    async closeStores() {
      proxy.fault = () => undefined;
      await Promise.all(stores.splice(0).map((store) => store.close()));
      for (const client of clients.splice(0)) client.destroy();
    },
    async stop() {
      await proxy.stop();
      await engine.stop();
    },
  };
  return rig;
}
