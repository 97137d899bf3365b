/** Owns what resuming an execution with a long history costs on DynamoDB, with snapshots and without. */

import { randomBytes } from "node:crypto";
import { DurableClient, Worker } from "@tidemark/runtime";
import { type DurableExecutionHandler, withDurableExecution } from "@tidemark/sdk";
import type { DynamoDbRig } from "../engines/dynamodb-rig";
import { atMost, type Cost, countedBy, figure } from "./cost-figures";
import type { Figure } from "./figures";
import { contextsOfFiveSteps, type Workflow } from "./measure/workflows";

export async function longHistoryFigures(rig: DynamoDbRig): Promise<Figure[]> {
  const fromSnapshot = await costOfLongHistory(rig, "fromSnapshot", undefined);
  const fromLog = await costOfLongHistory(rig, "fromLog", Number.POSITIVE_INFINITY);
  return [
    figure(
      "resume after 200 contexts of 5 steps of 1 KB: read units",
      "units",
      fromSnapshot.resume.readUnits,
      atMost(12),
      fromLog.resume.readUnits,
      "without snapshots",
    ),
    figure(
      "the same: write units of the snapshot, once",
      "units",
      fromSnapshot.history.writeUnits - fromLog.history.writeUnits,
      atMost(20),
      fromLog.history.writeUnits,
      "the execution until then",
    ),
  ];
}

/** Of 1 KB each, which do not compress; then a wait, and a step after it. */
function longHistory(onOver: () => void): Workflow {
  const contexts = contextsOfFiveSteps(200, () => randomBytes(765).toString("base64url"));
  return async (event, context) => {
    await contexts(event, context);
    onOver();
    await context.wait("wait", { seconds: 1 });
    await context.step("step", async () => "done");
  };
}

/** Until the execution has suspended, and from there to its end in another process. */
async function costOfLongHistory(
  rig: DynamoDbRig,
  name: string,
  snapshotAfterBytes: number | undefined,
): Promise<{ readonly history: Omit<Cost, "logBytes">; readonly resume: Omit<Cost, "logBytes"> }> {
  let onOver: () => void = () => {};
  const over = new Promise<void>((resolve) => {
    onOver = resolve;
  });
  const handler = withDurableExecution(longHistory(onOver) as unknown as DurableExecutionHandler);
  const functions = { [name]: handler };
  const options = {
    functions,
    drainOnSigterm: false,
    ...(snapshotAfterBytes === undefined ? {} : { snapshotAfterBytes }),
  };
  const first = await rig.open();
  const worker = new Worker({ store: first, ...options });
  await worker.start();
  const client = new DurableClient({ store: first });
  rig.proxy.reset();
  const { executionId } = await client.start(name);
  const counts = (body: unknown): boolean => JSON.stringify(body).includes(executionId);
  await over;
  await worker.stop();
  const history = countedBy(rig, counts);
  const second = await rig.open();
  const other = new Worker({ store: second, ...options });
  rig.proxy.reset();
  await other.start();
  await new DurableClient({ store: second }).result(executionId);
  await other.stop();
  return { history, resume: countedBy(rig, counts) };
}
