/** Owns how each workload is measured. Each runs in a process of its own. */

import { awsAlone, awsLocalRunner, type SdkAlone } from "./aws";
import {
  collectAllGarbage,
  millisecondsOf,
  perSecond,
  type Samples,
  type Side,
  sampleInTurns,
} from "./sampling";
import { BareInserts, type Durability, rowBytes, serviceOnFile, temporaryDirectory } from "./sqlite";
import { type Service, serviceInMemory, tidemarkAlone } from "./tidemark";
import {
  branchesOfOneStep,
  contextsThenCallbacks,
  heldBranches,
  sequentialSteps,
  stepsThenCallback,
  type Workflow,
  waitingBranches,
} from "./workflows";

/** `endpoint`: of a local DynamoDB, for the measurements that need one. */
export type Measurement = (rounds: number, endpoint: string) => Promise<Samples>;

const WARM_UP_ROUNDS = 10;
const EXECUTIONS = 200;
const IN_FLIGHT = 32;
const STEPS_PER_EXECUTION = 5;
const STEPS_ON_FILE = 500;

/** All measurements, by the name that the launcher passes. */
export const MEASUREMENTS: Readonly<Record<string, Measurement>> = {
  "steps-100": (rounds) => executions(sequentialSteps(100), rounds, { repeats: 10 }),
  "steps-1000": (rounds) => executions(sequentialSteps(1_000), rounds),
  "steps-5000": (rounds) => executions(sequentialSteps(5_000), rounds, { warmUp: 2 }),
  "branches-1000": (rounds) => executions(branchesOfOneStep(1_000), rounds),
  "replay-1000": (rounds) => replays(1_000, rounds),
  "throughput-memory": throughputInMemory,
  "step-full": (rounds) => stepsOnFile("full", rounds),
  "step-normal": (rounds) => stepsOnFile("normal", rounds),
  "branches-1000-full": branchesOnFile,
  "throughput-full": throughputOnFile,
  "open-branches-idle-tidemark": () => peakMemory(idleService),
  "open-branches-idle-aws": () => peakMemory(idleAws),
  "open-branches-tidemark": () => peakMemory(() => openInService(1_000)),
  "open-branches-aws": () => peakMemory(() => openInAws(1_000)),
  "growth-branches": (rounds) => growth(branchesOfOneStep, rounds),
  "growth-replay": growthOfReplay,
  "long-history": (rounds) => resumesAfterContexts(2_000, rounds),
  "bytes-per-branch": () => bytesPerBranch(10_000),
  "step-dynamodb": async (rounds, endpoint) => (await import("./dynamodb")).stepsOnDynamoDb(rounds, endpoint),
  "throughput-dynamodb": async (rounds, endpoint) =>
    (await import("./dynamodb")).throughputOnDynamoDb(rounds, endpoint),
  "year-warm": async (rounds) => (await import("./testkit")).yearsWhenWarm(rounds),
  "ten-waits-first-run": async () => (await import("./testkit")).yearInNewProcess(10, 1),
  "ten-waits-second-run": async () => (await import("./testkit")).yearInNewProcess(10, 2),
  "thousand-waits-first-run": async () => (await import("./testkit")).yearInNewProcess(1_000, 1),
  "thousand-waits-second-run": async () => (await import("./testkit")).yearInNewProcess(1_000, 2),
  "small-tests": async (rounds) => (await import("./testkit")).smallTests(rounds),
};

/** Milliseconds per execution. Short ones are run several times for one sample. */
async function executions(
  workflow: Workflow,
  measured: number,
  { repeats = 1, warmUp = WARM_UP_ROUNDS } = {},
): Promise<Samples> {
  const service = await serviceInMemory(workflow);
  const alone = tidemarkAlone(workflow);
  const aws = await awsAlone(workflow);
  return sampleInTurns(
    {
      tidemark: () => millisecondsPer(repeats, () => service.execute()),
      tidemarkAlone: () => millisecondsPer(repeats, () => alone.execute()),
      aws: () => millisecondsPer(repeats, () => aws.execute()),
    },
    { warmUp, measured },
  );
}

/** How long one of `count` takes, one after the other. */
async function millisecondsPer(count: number, work: () => Promise<unknown>): Promise<number> {
  const tookMs = await millisecondsOf(async () => {
    for (let done = 0; done < count; done++) await work();
  });
  return tookMs / count;
}

async function inNewService<T>(workflow: Workflow, measure: (service: Service) => Promise<T>): Promise<T> {
  const service = await serviceInMemory(workflow);
  try {
    return await measure(service);
  } finally {
    await service.stop();
  }
}

async function replays(count: number, measured: number): Promise<Samples> {
  const replayTidemark = await replayInService(count);
  return sampleInTurns(
    {
      tidemark: replayTidemark,
      tidemarkAlone: await replayAlone(count, async (workflow) => tidemarkAlone(workflow)),
      aws: await replayAlone(count, awsAlone),
    },
    { warmUp: WARM_UP_ROUNDS, measured },
  );
}

/**
 * From the completion of the callback on: claim, load, fold and replay, up to the first new body.
 * The mean of `repeats` executions, all suspended before the first is woken.
 */
async function replayInService(count: number, repeats = 1): Promise<Side> {
  let firstNewMs = 0;
  let onCallback: (id: string) => void = () => {};
  const workflow = stepsThenCallback(
    count,
    (id) => onCallback(id),
    () => {
      firstNewMs = performance.now();
    },
  );
  const { client, worker } = await serviceInMemory(workflow);
  const suspended = async (): Promise<{ executionId: string; callbackId: string }> => {
    const callbackId = new Promise<string>((resolve) => {
      onCallback = resolve;
    });
    const { executionId } = await client.start("bench");
    return { executionId, callbackId: await callbackId };
  };
  return async () => {
    const executionsHere: Awaited<ReturnType<typeof suspended>>[] = [];
    for (let repeat = 0; repeat < repeats; repeat++) executionsHere.push(await suspended());
    await worker.whenIdle();
    let tookMs = 0;
    for (const { executionId, callbackId } of executionsHere) {
      const startedMs = performance.now();
      await client.sendCallbackSuccess(callbackId, "{}");
      await client.result(executionId);
      tookMs += firstNewMs - startedMs;
      await client.purge(executionId);
    }
    return tookMs / repeats;
  };
}

/** From the call of the handler on, with all operations in the event. */
async function replayAlone(count: number, sdkOf: (workflow: Workflow) => Promise<SdkAlone>): Promise<Side> {
  let firstNewMs = 0;
  const workflow = stepsThenCallback(
    count,
    () => {},
    () => {
      firstNewMs = performance.now();
    },
  );
  const sdk = await sdkOf(workflow);
  return async () => {
    const arn = sdk.newArn();
    await sdk.invoke(arn, "PENDING");
    sdk.api.completeCallbacks(arn);
    const startedMs = performance.now();
    await sdk.invoke(arn, "SUCCEEDED");
    sdk.api.forget(arn);
    return firstNewMs - startedMs;
  };
}

/** From the completion of a callback to the next one, after contexts that have ended: load, fold and replay. */
async function resumesAfterContexts(count: number, measured: number): Promise<Samples> {
  const closing: (() => Promise<void>)[] = [];
  const sideOf = async (options: { readonly snapshotAfterBytes?: number }): Promise<Side> => {
    const seen = new Set<string>();
    let onNext: (callbackId: string) => void = () => {};
    const workflow = contextsThenCallbacks(count, (callbackId) => {
      if (!seen.has(callbackId)) onNext(callbackId);
      seen.add(callbackId);
    });
    const next = () =>
      new Promise<string>((resolve) => {
        onNext = resolve;
      });
    const directory = temporaryDirectory();
    const service = await serviceOnFile(workflow, directory.path, "normal", options);
    closing.push(async () => {
      await service.stop();
      directory.remove();
    });
    const first = next();
    await service.client.start("bench");
    let callbackId = await first;
    return async () => {
      await service.worker.whenIdle();
      const following = next();
      const startedMs = performance.now();
      await service.client.sendCallbackSuccess(callbackId, "{}");
      callbackId = await following;
      return performance.now() - startedMs;
    };
  };
  const sides = {
    snapshots: await sideOf({}),
    wholeLog: await sideOf({ snapshotAfterBytes: Number.POSITIVE_INFINITY }),
  };
  const samples = await sampleInTurns(sides, { warmUp: 3, measured });
  for (const close of closing) await close();
  return samples;
}

async function throughputInMemory(measured: number): Promise<Samples> {
  const workflow = sequentialSteps(STEPS_PER_EXECUTION);
  const aws = await awsAlone(workflow);
  const service = await serviceInMemory(workflow);
  const localRunner = await awsLocalRunner(workflow);
  const run = (execute: () => Promise<unknown>) => perSecond(EXECUTIONS, IN_FLIGHT, execute);
  const samples = await sampleInTurns(
    {
      tidemark: () => run(() => service.execute()),
      aws: () => run(() => aws.execute()),
      awsLocalRunner: () => run(() => localRunner.execute()),
    },
    { warmUp: WARM_UP_ROUNDS, measured },
  );
  await localRunner.close();
  return samples;
}

/** Runs `measure` with a service on a new file, and removes the file. */
async function onFile<T>(
  workflow: Workflow,
  durability: Durability,
  measure: (service: Service, directory: string) => Promise<T>,
): Promise<T> {
  const directory = temporaryDirectory();
  const service = await serviceOnFile(workflow, directory.path, durability);
  try {
    return await measure(service, directory.path);
  } finally {
    await service.stop();
    directory.remove();
  }
}

/** Microseconds per step, seen from inside the workflow, and per insert of the same durability. */
function stepsOnFile(durability: Durability, measured: number): Promise<Samples> {
  return onFile(sequentialSteps(STEPS_ON_FILE), durability, async (service, directory) => {
    await service.execute();
    const bare = await BareInserts.open(directory, durability, await rowBytes(service));
    const each = (tookMs: number): number => (tookMs * 1000) / STEPS_ON_FILE;
    const samples = await sampleInTurns(
      {
        tidemark: async () => each(await service.execute<number>()),
        bareInsert: async () => each(await millisecondsOf(async () => bare.insert(STEPS_ON_FILE))),
      },
      { warmUp: WARM_UP_ROUNDS, measured },
    );
    bare.close();
    return samples;
  });
}

function branchesOnFile(measured: number): Promise<Samples> {
  return onFile(branchesOfOneStep(1_000), "full", (service) => {
    const tidemark: Side = () => millisecondsOf(() => service.execute());
    return sampleInTurns({ tidemark }, { warmUp: WARM_UP_ROUNDS, measured });
  });
}

function throughputOnFile(measured: number): Promise<Samples> {
  return onFile(sequentialSteps(STEPS_PER_EXECUTION), "full", (service) => {
    const tidemark: Side = () => perSecond(EXECUTIONS, IN_FLIGHT, () => service.execute());
    return sampleInTurns({ tidemark }, { warmUp: WARM_UP_ROUNDS, measured });
  });
}

/** The largest resident set of this process, in MB, once `work` is done. */
async function peakMemory(work: () => Promise<unknown>): Promise<Samples> {
  await work();
  const { maxRSS } = process.resourceUsage();
  return { peakMb: [maxRSS / 1024] };
}

async function idleService(): Promise<void> {
  await inNewService(sequentialSteps(1), async () => {});
}

async function idleAws(): Promise<void> {
  await awsAlone(sequentialSteps(1));
}

async function openInService(count: number): Promise<void> {
  await inNewService(waitingBranches(count), async ({ client, worker }) => {
    const { executionId } = await client.start("bench");
    await worker.whenIdle();
    const { status, dueAt } = await client.describe(executionId);
    if (dueAt === undefined || status !== "PENDING") throw new Error(`the execution is ${status}`);
  });
}

async function openInAws(count: number): Promise<void> {
  const sdk = await awsAlone(waitingBranches(count));
  await sdk.invoke(sdk.newArn(), "PENDING");
}

/** One thousand and ten thousand of the same, in turns. */
async function growth(workflowOf: (count: number) => Workflow, measured: number): Promise<Samples> {
  const small = await serviceInMemory(workflowOf(1_000));
  const large = await serviceInMemory(workflowOf(10_000));
  return sampleInTurns(
    {
      // As much work in one sample, so that both collect the garbage that they make.
      of1000: () => millisecondsPer(10, () => small.execute()),
      of10000: () => millisecondsOf(() => large.execute()),
    },
    { warmUp: WARM_UP_ROUNDS, measured },
  );
}

async function growthOfReplay(measured: number): Promise<Samples> {
  return sampleInTurns(
    { of1000: await replayInService(1_000, 10), of10000: await replayInService(10_000) },
    { warmUp: WARM_UP_ROUNDS, measured },
  );
}

/** What the heap holds for each branch while all of them wait in a running invocation. */
async function bytesPerBranch(count: number): Promise<Samples> {
  let bytes = 0;
  let before = 0;
  const workflow = heldBranches(count, async () => {
    // One second, so that what nobody waits for has been recorded too.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    collectAllGarbage();
    bytes = process.memoryUsage().heapUsed - before;
  });
  await inNewService(workflow, async (service) => {
    collectAllGarbage();
    before = process.memoryUsage().heapUsed;
    await service.execute();
  });
  return { bytesPerBranch: [bytes / count] };
}
