/** Owns the DynamoDB workloads: the service on a table, and bare puts through the same client to compare with. */

import {
  DynamoDBClient,
  PutItemCommand,
  type PutItemCommandInput,
  QueryCommand,
} from "@aws-sdk/client-dynamodb";
import { DynamoDbStore } from "@tidemark/store-dynamodb";
import { collectYoungGarbage, type Samples, sampleInTurns } from "./sampling";
import { Service } from "./tidemark";
import { oneStep, sequentialSteps, type Workflow } from "./workflows";

const TABLE = "bench";
const STEPS_IN_FLIGHT = 100;
const IN_FLIGHT = 64;
const WARM_UP_ROUNDS = 10;
/** The client's code runs on all three sides, ours on one: until V8 has optimised it takes 16,000 steps. */
const WARM_UP_EXECUTIONS = 30;

/** The sides take turns this often in one execution: as often as three sides have orders. */
const TURNS = 6;
/** Pieces of work between turns: about a twentieth of a second. */
const BATCH = 100;

/** What a bare put writes: the attributes of an entry as it is in the table, and its key's partition as long. */
interface Entry {
  readonly ttl: string;
  readonly text: string;
  readonly partitionLength: number;
}

type Condition = Pick<PutItemCommandInput, "ConditionExpression" | "ReturnValuesOnConditionCheckFailure">;

/** That of an append. */
const NEW_ENTRY: Condition = {
  ConditionExpression: "attribute_not_exists(pk)",
  ReturnValuesOnConditionCheckFailure: "ALL_OLD",
};

/** A table with a running service, and a client to put with. */
class Bench {
  readonly service: Service;
  readonly #client: DynamoDBClient;
  #puts = 0;

  private constructor(service: Service, client: DynamoDBClient) {
    this.service = service;
    this.#client = client;
  }

  static async open(endpoint: string, workflow: Workflow): Promise<Bench> {
    // The defaults of users: three attempts, 50 sockets, connections kept alive.
    const client = new DynamoDBClient({
      endpoint,
      region: "eu-west-1",
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
    });
    const store = await DynamoDbStore.open({ tableName: TABLE, client });
    await store.ensureTable();
    return new Bench(await new Service(workflow, store).start(), client);
  }

  /** An entry of the newest execution's log, from its middle. */
  async newestEntry(): Promise<Entry> {
    const { executions } = await this.service.client.list({ limit: 1 });
    const pk = `E#${executions[0]?.executionId}`;
    const { Items = [] } = await this.#client.send(
      new QueryCommand({
        TableName: TABLE,
        KeyConditionExpression: "pk = :pk AND begins_with(sk, :log)",
        ExpressionAttributeValues: { ":pk": { S: pk }, ":log": { S: "L#" } },
      }),
    );
    const middle = Items[Items.length >> 1];
    if (middle?.ttl?.N === undefined || middle.e?.S === undefined || Object.keys(middle).length !== 4)
      throw new Error("the log of the newest execution has no entry as bare puts write it");
    return { ttl: middle.ttl.N, text: middle.e.S, partitionLength: pk.length };
  }

  /** Entries of one log after another, as an execution writes them. */
  async put({ ttl, text, partitionLength }: Entry, condition?: Condition): Promise<void> {
    const put = this.#puts++;
    const Item = {
      pk: { S: `bare-${Math.floor(put / BATCH)}`.padEnd(partitionLength, "-") },
      sk: { S: `L#generate#${String(put % BATCH).padStart(10, "0")}` },
      ttl: { N: ttl },
      e: { S: text },
    };
    await this.#client.send(new PutItemCommand({ TableName: TABLE, Item, ...condition }));
  }

  async close(): Promise<void> {
    await this.service.stop();
    this.#client.destroy();
  }
}

/**
 * Microseconds of time and of processor per step, seen from inside the workflow, and per bare put. One sample is one
 * execution, in which batches of steps and of puts take turns.
 */
export async function stepsOnDynamoDb(measured: number, endpoint: string): Promise<Samples> {
  let entry: Entry | undefined;
  const bench = await Bench.open(endpoint, async (_event, context) => {
    const tidemark = () => oneStep(context);
    if (entry === undefined) return inTurns({ tidemark });
    const bare = entry;
    return inTurns({
      tidemark,
      barePut: () => bench.put(bare),
      conditionalPut: () => bench.put(bare, NEW_ENTRY),
    });
  });
  await bench.service.execute();
  entry = await bench.newestEntry();
  const samples: Samples = {};
  for (let round = -WARM_UP_EXECUTIONS; round < measured; round++) {
    collectYoungGarbage();
    const taken = await bench.service.execute<Record<string, number>>();
    if (round < 0) continue;
    for (const [series, sample] of Object.entries(taken))
      samples[series] = [...(samples[series] ?? []), sample];
  }
  await bench.close();
  return samples;
}

/** Runs batches of each side in turns; gives microseconds of time, and of processor as `<side>Cpu`, for one piece of work. */
async function inTurns(
  sides: Readonly<Record<string, () => PromiseLike<unknown>>>,
): Promise<Record<string, number>> {
  const names = Object.keys(sides);
  const took: Record<string, number> = {};
  const add = (series: string, us: number): void => {
    took[series] = (took[series] ?? 0) + us / (TURNS * BATCH);
  };
  for (let turn = 0; turn < TURNS; turn++) {
    const first = turn % names.length;
    const order = [...names.slice(first), ...names.slice(0, first)];
    for (const name of turn % 2 === 0 ? order : order.reverse()) {
      const work = sides[name] as () => PromiseLike<unknown>;
      const cpuBefore = process.cpuUsage();
      const startedMs = performance.now();
      for (let done = 0; done < BATCH; done++) await work();
      add(name, (performance.now() - startedMs) * 1000);
      const { user, system } = process.cpuUsage(cpuBefore);
      add(`${name}Cpu`, user + system);
    }
  }
  return took;
}

/** Steps a second of executions that run at once, their starts and ends included, and bare puts a second. */
export async function throughputOnDynamoDb(measured: number, endpoint: string): Promise<Samples> {
  const bench = await Bench.open(endpoint, sequentialSteps(STEPS_IN_FLIGHT));
  await bench.service.execute();
  const entry = await bench.newestEntry();
  const inEachLane = async (work: () => Promise<unknown>): Promise<number> => {
    const startedMs = performance.now();
    await Promise.all(Array.from({ length: IN_FLIGHT }, work));
    const perSecond = (IN_FLIGHT * STEPS_IN_FLIGHT * 1000) / (performance.now() - startedMs);
    // The worker looks for more when an execution has ended: that is not for the puts to wait for.
    await bench.service.worker.whenIdle();
    return perSecond;
  };
  const putMany = async (): Promise<void> => {
    for (let put = 0; put < STEPS_IN_FLIGHT; put++) await bench.put(entry);
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
