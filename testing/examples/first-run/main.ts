/**
 * The first run, `npm start`: a workflow over 258 real records in a worker process that is killed
 * in the middle. Another process goes on from the file, and the result is checked.
 */

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync } from "node:fs";
import { join, relative } from "node:path";
import type { HistoryEvent } from "@tidemark/protocol";
import { DurableClient } from "@tidemark/runtime";
import { SqliteStore } from "@tidemark/store-sqlite";
import { ATTEMPT_LOG_VARIABLE, readAttempts } from "./attempt-log";
import { follow } from "./follow";
import { invokedExecution, itemsDone, openCallback } from "./plan-progress";
import { ProgressLine } from "./progress-line";
import { report } from "./report";
import { type LaunchPlan, type PlanInput, territoryCodes } from "./territory-plan";
import { bodiesCutOff, type Run, takeOverRemark } from "./timeline";

const DIRECTORY = join(__dirname, "../../../.tidemark/first-run");
const DATABASE = join(DIRECTORY, "tidemark.db");
const ATTEMPTS = join(DIRECTORY, "attempts.jsonl");

const INPUT: PlanInput = { minimumReach: 80, fullPriceCents: 1200 };
const APPROVER = "the parent process";

/** The worker is killed when this many territories are recorded. */
const KILL_AT = 100;

async function main(): Promise<void> {
  rmSync(DIRECTORY, { recursive: true, force: true });
  mkdirSync(DIRECTORY, { recursive: true });
  console.log(
    `A launch plan for ${territoryCodes().length} territories (data: Unicode CLDR), as a workflow in one SQLite file,\n` +
      `${relative(process.cwd(), DATABASE)}. Its worker process is killed on the way.\n`,
  );
  const store = await SqliteStore.open({ path: DATABASE });
  const { run, result } = await runWithCrash(store);
  await store.close();
  if (!report({ run, result, input: INPUT, approver: APPROVER })) process.exitCode = 1;
}

/** Runs the workflow, kills its worker in the middle of the survey, and lets another one go on. */
async function runWithCrash(store: SqliteStore): Promise<{ run: Run; result: LaunchPlan }> {
  const client = new DurableClient({ store });
  const startedMs = Date.now();
  const line = new ProgressLine(process.stdout, startedMs);
  let worker = await startWorker();
  const { executionId } = await client.start("plan-launch", { input: INPUT });
  line.say(`worker 1 (process ${worker.pid}) runs execution ${executionId}`);

  let history: readonly HistoryEvent[] = [];
  let crash: { readonly ms: number; readonly itemsDone: number } | undefined;
  let isAnswered = false;
  for await (history of follow(store, client, executionId)) {
    line.show("survey", itemsDone(history), territoryCodes().length);
    if (crash === undefined && itemsDone(history) >= KILL_AT) {
      await end(worker, "SIGKILL");
      crash = { ms: Date.now(), itemsDone: itemsDone(await client.history(executionId)) };
      line.say(`kill -9 ${worker.pid}: worker 1 is gone, ${crash.itemsDone} territories are recorded`);
      worker = await startWorker();
      line.say(`worker 2 (process ${worker.pid}) waits for the lease of worker 1 to run out`);
    }
    const callbackId = openCallback(history);
    if (callbackId !== undefined && !isAnswered) {
      isAnswered = true;
      await client.sendCallbackSuccess(callbackId, APPROVER);
      line.say("the workflow asked for an approval; this process has sent it");
    }
  }
  await end(worker, "SIGTERM");
  if (crash === undefined) throw new Error("the execution ended before its worker could be killed");

  const result = await client.result<LaunchPlan>(executionId);
  line.say("the execution has succeeded\n");
  const childHistory = await client.history(invokedExecution(history));
  const facts = { history, childHistory, attempts: readAttempts(ATTEMPTS), startedMs };
  const killed = `worker 1 was killed: ${crash.itemsDone} territories done, ${bodiesCutOff(facts)} step bodies cut off`;
  const remarks = [{ ms: crash.ms, text: killed }, takeOverRemark(facts, "worker 2")];
  return { run: { ...facts, remarks }, result };
}

async function startWorker(): Promise<ChildProcess> {
  const env = { ...process.env, [ATTEMPT_LOG_VARIABLE]: ATTEMPTS };
  const worker = fork(join(__dirname, "worker.ts"), [DATABASE], { env });
  const [outcome] = await Promise.race([once(worker, "message"), once(worker, "exit")]);
  if (outcome !== "ready") throw new Error("the worker process did not start");
  return worker;
}

async function end(worker: ChildProcess, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
  const exited = once(worker, "exit");
  worker.kill(signal);
  await exited;
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
