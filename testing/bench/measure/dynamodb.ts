/** Owns the DynamoDB workloads: the service on a table, and bare puts through the same client to compare with. */

import { type AttributeValue, DynamoDBClient, PutItemCommand, QueryCommand } from "@aws-sdk/client-dynamodb";
import { DynamoDbStore } from "@tidemark/store-dynamodb";
import { type Samples, type Side, sampleInTurns } from "./sampling";
import { Service } from "./tidemark";
import { sequentialSteps } from "./workflows";

type Item = Record<string, AttributeValue>;

const TABLE = "bench";
const STEPS = 500;
const STEPS_IN_FLIGHT = 100;
const IN_FLIGHT = 64;
const WARM_UP_ROUNDS = 10;

/** A table with a running service, and a client to put with. */
class Bench {
  readonly service: Service;
  readonly #client: DynamoDBClient;
  #puts = 0;

  private constructor(service: Service, client: DynamoDBClient) {
    this.service = service;
    this.#client = client;
  }

  static async open(endpoint: string, steps: number): Promise<Bench> {
    // The defaults of users: three attempts, 50 sockets, connections kept alive.
    const client = new DynamoDBClient({
      endpoint,
      region: "eu-west-1",
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    });
    const store = await DynamoDbStore.open({ tableName: TABLE, client });
    await store.ensureTable();
    return new Bench(await new Service(sequentialSteps(steps), store).start(), client);
  }

  /** An entry of the log as it is in the table: what bare puts write, under another key each. */
  async entryOfOneStep(): Promise<Item> {
    await this.service.execute();
    const { executions } = await this.service.client.list({ limit: 1 });
    const { Items = [] } = await this.#client.send(
      new QueryCommand({
        TableName: TABLE,
        KeyConditionExpression: "pk = :pk AND begins_with(sk, :log)",
        ExpressionAttributeValues: { ":pk": { S: `E#${executions[0]?.executionId}` }, ":log": { S: "L#" } },
      }),
    );
    const middle = Items[Items.length >> 1];
    if (middle === undefined) throw new Error("the log of the newest execution has no entry");
    return middle;
  }

  async put(item: Item): Promise<void> {
    const pk = `bare-${this.#puts++}`.padEnd(item.pk?.S?.length ?? 0, "-");
    await this.#client.send(new PutItemCommand({ TableName: TABLE, Item: { ...item, pk: { S: pk } } }));
  }

  async close(): Promise<void> {
    await this.service.stop();
    this.#client.destroy();
  }
}

/** Microseconds of time and of processor per step, seen from inside the workflow, and per bare put. */
export async function stepsOnDynamoDb(measured: number, endpoint: string): Promise<Samples> {
  const bench = await Bench.open(endpoint, STEPS);
  const item = await bench.entryOfOneStep();
  const cpu: Samples = { cpuOfStep: [], cpuOfPut: [] };
  let round = 0;
  const withCpu =
    (series: string, work: () => Promise<number>): Side =>
    async () => {
      const before = process.cpuUsage();
      const tookMs = await work();
      const { user, system } = process.cpuUsage(before);
      if (round++ >= 2 * WARM_UP_ROUNDS) cpu[series]?.push((user + system) / STEPS);
      return (tookMs * 1000) / STEPS;
    };
  const samples = await sampleInTurns(
    {
      tidemark: withCpu("cpuOfStep", () => bench.service.execute<number>()),
      barePut: withCpu("cpuOfPut", async () => {
        const startedMs = performance.now();
        for (let put = 0; put < STEPS; put++) await bench.put(item);
        return performance.now() - startedMs;
      }),
    },
    { warmUp: WARM_UP_ROUNDS, measured },
  );
  await bench.close();
  return { ...samples, ...cpu };
}

/** Steps a second of executions that run at once, their starts and ends included, and bare puts a second. */
export async function throughputOnDynamoDb(measured: number, endpoint: string): Promise<Samples> {
  const bench = await Bench.open(endpoint, STEPS_IN_FLIGHT);
  const item = await bench.entryOfOneStep();
  const inEachLane = async (work: () => Promise<unknown>): Promise<number> => {
    const startedMs = performance.now();
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
    return (IN_FLIGHT * STEPS_IN_FLIGHT * 1000) / (performance.now() - startedMs);
  };
  const putMany = async (): Promise<void> => {
    for (let put = 0; put < STEPS_IN_FLIGHT; put++) await bench.put(item);
  };
  const samples = await sampleInTurns(
    {
      tidemark: () => inEachLane(() => bench.service.execute()),
      barePut: () => inEachLane(putMany),
    },
    { warmUp: WARM_UP_ROUNDS, measured },
  );
  await bench.close();
  return samples;
}
