/**
 * Owns one campaign: executions on DynamoDB and S3 behind bad networks, and the same inspection as after a chaos run.
 */

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { DurableClient } from "@tidemark/runtime";
import { seededRandom } from "@tidemark/testing";
import { startBackend } from "../chaos/backend";
import { CallbackAnswers } from "../chaos/callback-answers";
import { type Inspection, inspect } from "../chaos/inspection";
import { Load } from "../chaos/load";
import { openStore, type StoreAddress } from "../chaos/stores";
import { WorkerPool } from "../chaos/worker-pool";
import { type Network, startNetwork } from "../engines/network";
import { RequestCounts } from "./request-counts";
import { type Service, Weather } from "./weather";

export interface CampaignOptions {
  readonly executions: number;
  readonly workers: number;
  readonly seed: number;
  /** The share of requests that have a fault. */
  readonly rate: number;
  /** Attempts that the AWS clients make by themselves: 1 turns their retries off. */
  readonly maxAttempts: number;
  /** Executions under way at a time. */
  readonly live: number;
  readonly leaseMs: number;
  readonly stallMs: number;
  readonly onProgress?: (progress: { started: number; ended: number; seconds: number }) => void;
}

export interface CampaignReport extends Inspection {
  readonly seconds: number;
  readonly faults: Readonly<Record<string, number>>;
  /** What workers wrote to their error output. */
  readonly errorLines: readonly string[];
  readonly requests: RequestCounts;
  /** Callbacks of which somebody was told that the answer is accepted. */
  readonly answeredCallbacks: number;
  /** Where the side files are; removed when nothing is wrong. */
  readonly directory: string;
}

/** So small that inputs and most results go to S3. */
const INLINE_LIMIT_BYTES = 16;

interface Networks {
  readonly address: StoreAddress;
  readonly counts: RequestCounts;
  readonly faults: () => Record<string, number>;
  /** Faults end, and what is late has come. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

export async function runCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const { executions, workers, seed, leaseMs } = options;
  const directory = resolve(__dirname, "../../.tidemark", `faults-${process.pid}-${seed}`);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const files = { bodies: join(directory, "bodies.jsonl"), callbacks: join(directory, "callbacks.jsonl") };
  for (const file of Object.values(files)) writeFileSync(file, "");
  const random = seededRandom(seed);
  const backend = await startBackend("dynamodb", directory);
  const networks = await startNetworks(backend.address, options);
  const { address } = networks;
  // A snapshot at every suspension, so that faults meet those, too.
  const snapshotAfterBytes = 0;
  const pool = await WorkerPool.create({ directory, address, files, leaseMs, snapshotAfterBytes, random });
  const store = await openStore(address);
  const inspected = await openStore({ ...address, ...backend.address });
  const client = new DurableClient({ store });
  const answers = new CallbackAnswers(client, files.callbacks, random);
  const startedMs = performance.now();
  const seconds = () => (performance.now() - startedMs) / 1000;
  try {
    await pool.start(workers);
    // Who waits from the start on asks as often as time passes; here it is asked once, at the end.
    const load = new Load(inspected, client, { ...options, awaitedEvery: Number.POSITIVE_INFINITY });
    await load.run((progress) => options.onProgress?.({ ...progress, seconds: seconds() }));
    const tookSeconds = seconds();
    const problems = await resultProblems(client, load.endedIds);
    await answers.close();
    await networks.clear();
    const inspection = await inspect({
      store: inspected,
      options: { executions, seed },
      answers,
      pool,
      files,
      problems,
    });
    if (inspection.violations.length === 0) rmSync(directory, { recursive: true, force: true });
    return {
      ...inspection,
      seconds: tookSeconds,
      faults: networks.faults(),
      errorLines: pool.errorLines,
      requests: networks.counts,
      answeredCallbacks: answers.confirmed.size,
      directory,
    };
  } finally {
    // A run that fails must not go on for ever.
    await answers.close();
    await pool.stop();
    await store.close();
    await inspected.close();
    await networks.stop();
    await backend.close();
  }
}

const RESULTS_AT_A_TIME = 32;

/** Everybody gets the result, with the faults that there are. */
async function resultProblems(client: DurableClient, executionIds: readonly string[]): Promise<string[]> {
  const problems: string[] = [];
  const left = [...executionIds];
  const lane = async (): Promise<void> => {
    for (let id = left.pop(); id !== undefined; id = left.pop()) {
      await client.result(id, { timeoutMs: 1 }).catch((error: unknown) => {
        problems.push(`${id}: its result could not be had: ${String(error)}`);
      });
    }
  };
  await Promise.all(Array.from({ length: RESULTS_AT_A_TIME }, lane));
  return problems;
}

/** One network for each engine, and an address behind them. */
async function startNetworks(address: StoreAddress, options: CampaignOptions): Promise<Networks> {
  if (address.kind !== "dynamodb") throw new Error("networks are for DynamoDB and S3");
  const counts = new RequestCounts();
  const weathers: Weather[] = [];
  const open = async (target: string, service: Service): Promise<Network> => {
    const weather = new Weather({ service, seed: options.seed, rate: options.rate });
    weathers.push(weather);
    const network = await startNetwork(target);
    network.decide = (request) => {
      counts.count(request);
      return weather.decide(request);
    };
    return network;
  };
  const dynamoDb = await open(address.dynamoDb, "dynamodb");
  const s3 = await open(address.s3, "s3");
  const { maxAttempts } = options;
  return {
    address: {
      kind: "dynamodb",
      dynamoDb: dynamoDb.endpoint,
      s3: s3.endpoint,
      maxAttempts,
      inlineLimitBytes: INLINE_LIMIT_BYTES,
    },
    counts,
    faults: () => totals(weathers),
    async clear() {
      for (const network of [dynamoDb, s3]) network.decide = () => undefined;
      await Promise.all([dynamoDb.quiet(), s3.quiet()]);
    },
    async stop() {
      await dynamoDb.stop();
      await s3.stop();
    },
  };
}

function totals(weathers: readonly Weather[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { counts } of weathers)
    for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}
