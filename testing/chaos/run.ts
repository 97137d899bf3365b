/** Owns one chaos run: starts executions, disturbs the workers that run them, and checks what is left. */

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DurableClient } from "@tidemark/runtime";
import { seededRandom } from "@tidemark/testing";
import { startBackend } from "./backend";
import { CallbackAnswers } from "./callback-answers";
import { type Inspection, inspect } from "./inspection";
import { Load } from "./load";
import { type ChaosStoreName, openStore } from "./stores";
import { type Disturbance, WorkerPool } from "./worker-pool";

export interface ChaosOptions {
  readonly store: ChaosStoreName;
  readonly executions: number;
  readonly workers: number;
  readonly seed: number;
  /** Mean time between two disturbances. */
  readonly disturbEveryMs: number;
  readonly leaseMs: number;
  /** As in the workers' options. */
  readonly snapshotAfterBytes: number;
  /** Executions under way at a time. */
  readonly live: number;
  /** Give up when no execution has ended for this long. */
  readonly stallMs: number;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Progress {
  readonly started: number;
  readonly ended: number;
  readonly seconds: number;
  readonly disturbances: Readonly<Record<Disturbance, number>>;
}

export interface ChaosReport extends Inspection {
  readonly seconds: number;
  readonly disturbances: Readonly<Record<Disturbance, number>>;
  /** What workers wrote to their error output. */
  readonly errorLines: readonly string[];
  /** Where the database and the side files are; removed when nothing is wrong. */
  readonly directory: string;
}

/** For one execution in this many somebody waits, as a caller of its result would. */
const AWAITED_EVERY = 20;

/** Of ten disturbances, eight kill, one freezes and one asks to end. */
const DISTURBANCES: readonly Disturbance[] = [
  "kill",
  "kill",
  "kill",
  "kill",
  "freeze",
  "kill",
  "kill",
  "kill",
  "terminate",
  "kill",
];

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const directory = resolve(__dirname, "../../.tidemark", `chaos-${process.pid}-${options.seed}`);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const files = {
    bodies: join(directory, "bodies.jsonl"),
    callbacks: join(directory, "callbacks.jsonl"),
  };
  writeFileSync(files.bodies, "");
  const random = seededRandom(options.seed);
  const backend = await startBackend(options.store, directory);
  const { address } = backend;
  const { leaseMs, snapshotAfterBytes } = options;
  const pool = await WorkerPool.create({ directory, address, files, leaseMs, snapshotAfterBytes, random });
  const store = await openStore(address);
  const client = new DurableClient({ store });
  const answers = new CallbackAnswers(client, files.callbacks, random);
  const startedMs = performance.now();
  const seconds = () => (performance.now() - startedMs) / 1000;
  try {
    await pool.start(options.workers);
    const load = new Load(store, client, { ...options, awaitedEvery: AWAITED_EVERY });
    const disturbing = disturb(pool, options, random, load.hasEnded);
    await load.run((progress) => {
      options.onProgress?.({ ...progress, seconds: seconds(), disturbances: pool.counts });
    });
    await disturbing;
    const tookSeconds = seconds();
    const awaited = await load.awaitedProblems();
    await answers.close();
    const problems = [...awaited, ...backend.check()];
    const inspection = await inspect({ store, options, answers, pool, files, problems });
    if (inspection.violations.length === 0) rmSync(directory, { recursive: true, force: true });
    const { counts: disturbances, errorLines } = pool;
    return { ...inspection, seconds: tookSeconds, disturbances, errorLines, directory };
  } finally {
    // A run that fails must not go on for ever.
    await answers.close();
    await pool.stop();
    await store.close();
    await backend.close();
  }
}

/** Disturbs at random moments, with an exponential distribution, until everything has ended. */
async function disturb(
  pool: WorkerPool,
  options: ChaosOptions,
  random: () => number,
  hasEnded: () => boolean,
): Promise<void> {
  const underWay = new Set<Promise<void>>();
  for (let turn = 0; !hasEnded(); turn++) {
    await sleep(-Math.log(1 - random()) * options.disturbEveryMs);
    if (hasEnded()) break;
    const done = pool.disturb(DISTURBANCES[turn % DISTURBANCES.length] as Disturbance);
    underWay.add(done);
    done.finally(() => underWay.delete(done));
  }
  await Promise.all(underWay);
}
