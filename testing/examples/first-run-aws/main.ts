/**
 * The first run on AWS, all of it on this machine: `npm run start:aws [-- --dynamodb http://localhost:8000]`.
 *
 * The workflow of `npm start` runs in Lambda functions, with its log in a DynamoDB table and large payloads in an S3
 * bucket. The functions are processes that are killed at their time limit; one of them hangs on the way. The result
 * is checked.
 */

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { wakingStore } from "@tidemark/lambda";
import { namedExecutionId } from "@tidemark/protocol";
import { DurableClient } from "@tidemark/runtime";
import type { ExecutionStore } from "@tidemark/store";
import { ATTEMPT_LOG_VARIABLE, readAttempts } from "../first-run/attempt-log";
import { follow } from "../first-run/follow";
import { invokedExecution, itemsDone, openCallback } from "../first-run/plan-progress";
import { ProgressLine } from "../first-run/progress-line";
import { report } from "../first-run/report";
import { type LaunchPlan, type PlanInput, territoryCodes } from "../first-run/territory-plan";
import { bodiesCutOff, type Run, takeOverRemark } from "../first-run/timeline";
import { type Cloud, startCloud, TIME_LIMIT_MS } from "./cloud";
import { openStore, type PlanEvent } from "./functions";
import { invocationRemarks, invocationTotals } from "./invocation-remarks";

const DIRECTORY = join(__dirname, "../../../.tidemark/first-run-aws");
const ATTEMPTS = join(DIRECTORY, "attempts.jsonl");

const INPUT: PlanInput = { minimumReach: 80, fullPriceCents: 1200 };
const APPROVER = "the parent process";
const EVENT: PlanEvent = { id: "first-run", ...INPUT };

/** A sandbox hangs when this many territories are recorded. */
const HANG_AT = 200;

/** An invocation that finds nothing to do ends sooner. */
const LOOK_MS = 300;

const SECOND_MS = 1000;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { dynamodb: { type: "string" } } });
  rmSync(DIRECTORY, { recursive: true, force: true });
  mkdirSync(DIRECTORY, { recursive: true });
  console.log(
    `A launch plan for ${territoryCodes().length} territories (data: Unicode CLDR), as a workflow in Lambda functions with a time limit of\n` +
      `${TIME_LIMIT_MS / SECOND_MS} s, on a DynamoDB table and an S3 bucket, all on this machine. One function hangs on the way.\n`,
  );
  const startedMs = Date.now();
  const line = new ProgressLine(process.stdout, startedMs);
  const cloud = await startCloud({
    directory: DIRECTORY,
    dynamoDbEndpoint: values.dynamodb,
    env: { [ATTEMPT_LOG_VARIABLE]: ATTEMPTS },
  });
  line.say(`table, bucket and functions are there (${(cloud.bundleBytes / 1e6).toFixed(1)} MB of code)`);
  try {
    await runPlan(cloud, line, startedMs);
  } finally {
    await cloud.stop();
  }
}

/** Sends the event, lets a sandbox hang, answers the callback, and tells how it went. */
async function runPlan(cloud: Cloud, line: ProgressLine, startedMs: number): Promise<void> {
  const store = await openStore();
  // What this client does wakes the Lambda function at once.
  const client = new DurableClient({ store: wakingStore(store) });
  const executionId = namedExecutionId("plan-launch", EVENT.id);
  await cloud.send("plan-launch", EVENT);
  await started(store, executionId);
  line.say(`the event is accepted, and execution ${executionId} runs`);

  let history: Run["history"] = [];
  let hanging: number | undefined;
  let isAnswered = false;
  for await (history of follow(store, client, executionId)) {
    line.show("survey", itemsDone(history), territoryCodes().length);
    if (hanging === undefined && itemsDone(history) >= HANG_AT) {
      hanging = hangSandbox(cloud);
      if (hanging !== undefined)
        line.say(`process ${hanging} hangs from now on; Lambda will kill it at its time limit`);
    }
    const callbackId = openCallback(history);
    if (callbackId !== undefined && !isAnswered) {
      isAnswered = true;
      await client.sendCallbackSuccess(callbackId, APPROVER);
      line.say("the workflow asked for an approval; this process has sent it, and woken the function");
    }
  }
  const result = await client.result<LaunchPlan>(executionId);
  const childHistory = await client.history(invokedExecution(history));
  line.say("the execution has succeeded\n");
  await store.close();
  await tell(cloud, result, { history, childHistory, attempts: readAttempts(ATTEMPTS), startedMs });
}

/** The function of an event that was sent does not say when it has begun. */
async function started(store: ExecutionStore, executionId: string): Promise<void> {
  for (let triesLeft = 200; (await store.head(executionId)) === undefined; triesLeft--) {
    if (triesLeft === 0) throw new Error(`the event has not started execution ${executionId}`);
    await sleep(50);
  }
}

/** Stops the process that runs the workflow, as an endless loop or a thrashing machine would. Others only look and leave. */
function hangSandbox({ lambda }: Cloud): number | undefined {
  const running = lambda.records.find(
    ({ functionName, end, startedMs }) =>
      functionName === "plan-launch" && end === undefined && Date.now() - startedMs > LOOK_MS,
  );
  if (running !== undefined) process.kill(running.pid, "SIGSTOP");
  return running?.pid;
}

async function tell(cloud: Cloud, result: LaunchPlan, facts: Omit<Run, "remarks">): Promise<void> {
  const { records } = cloud.lambda;
  const killed = records.find(({ end }) => end === "time limit");
  if (killed?.endedMs === undefined) throw new Error("the execution ended before a sandbox could hang");
  const invocations = invocationRemarks(records, [facts.history, facts.childHistory]);
  const { sandbox } = killed;
  const remarks = [
    ...invocations,
    {
      ms: killed.endedMs,
      text: `sandbox ${sandbox} was killed at its time limit; ${bodiesCutOff(facts)} step bodies were cut off in all`,
    },
    takeOverRemark(facts, "woken by the waker once the lease was over, another sandbox"),
  ];
  const totals = invocationTotals(records, invocations);
  const more = [
    `  Lambda invocations         ${String(totals.invocations).padStart(5)}   ${totals.coldStarts} cold, ${totals.idle} found nothing to do; the waker ran ${totals.wakerRuns} times`,
    `  objects in the bucket      ${String(await cloud.objectsInBucket()).padStart(5)}   payloads over 2 KB`,
  ];
  const isRight = report({ run: { ...facts, remarks }, result, input: INPUT, approver: APPROVER, more });
  if (!isRight) process.exitCode = 1;
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
