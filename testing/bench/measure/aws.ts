/**
 * Owns the peer's side: AWS's SDK on its own, and its local test runner.
 *
 * The packages are installed beside the bundle by the launcher; they are no dependency of the
 * workspace, so what is used of them is declared here.
 */

import { DurableApi } from "./durable-api";
import type { Workflow } from "./workflows";

type Handler = (
  event: object,
  context: object,
) => Promise<{ readonly Status: string; readonly Error?: object }>;

interface AwsSdk {
  withDurableExecution(workflow: Workflow, config: { durableExecutionClient: object }): Handler;
}

interface LocalRunner {
  run(request: { payload: unknown }): Promise<{ getStatus(): string | undefined }>;
}

interface AwsTestingSdk {
  readonly LocalDurableTestRunner: {
    new (options: { handlerFunction: Handler }): LocalRunner;
    setupTestEnvironment(options: { skipTime: boolean }): Promise<void>;
    teardownTestEnvironment(): Promise<void>;
  };
}

// A variable, because the compiler cannot find packages that are installed on demand.
const SDK: string = "@aws/durable-execution-sdk-js";
const TESTING_SDK: string = "@aws/durable-execution-sdk-js-testing";

/** An SDK's handler over a backend that answers at once. */
export class SdkAlone {
  readonly api = new DurableApi();
  readonly #handler: Handler;
  #executions = 0;

  constructor(withDurableExecution: AwsSdk["withDurableExecution"], workflow: Workflow) {
    this.#handler = withDurableExecution(workflow, { durableExecutionClient: this.api });
  }

  /** Runs one execution to its end. */
  async execute(): Promise<void> {
    const arn = this.newArn();
    await this.invoke(arn, "SUCCEEDED");
    this.api.forget(arn);
  }

  /** Runs one invocation, which has to end like this. */
  async invoke(arn: string, expected: "SUCCEEDED" | "PENDING"): Promise<void> {
    const { Status, Error: error } = await this.#handler(this.api.event(arn), LAMBDA_CONTEXT);
    if (Status !== expected) throw new Error(`an invocation ended as ${Status}: ${JSON.stringify(error)}`);
  }

  /** Names a new execution. */
  newArn(): string {
    this.#executions += 1;
    const id = `e${this.#executions}`;
    return `arn:aws:lambda:us-east-1:123456789012:function:bench:1/durable-execution/${id}/${id}`;
  }
}

const LAMBDA_CONTEXT = {
  awsRequestId: "8f507cfc-example",
  functionName: "bench",
  getRemainingTimeInMillis: () => 900_000,
};

export async function loadAwsSdk(): Promise<AwsSdk> {
  // The package says what it exports; see the interface above.
  return (await import(SDK)) as AwsSdk;
}

export async function awsAlone(workflow: Workflow): Promise<SdkAlone> {
  return new SdkAlone((await loadAwsSdk()).withDurableExecution, workflow);
}

/** Gives the function that runs one execution in AWS's local test runner, and the one that ends it all. */
export async function awsLocalRunner(
  workflow: Workflow,
): Promise<{ execute: () => Promise<void>; close: () => Promise<void> }> {
  const { LocalDurableTestRunner } = (await import(TESTING_SDK)) as AwsTestingSdk;
  const { withDurableExecution } = await loadAwsSdk();
  await LocalDurableTestRunner.setupTestEnvironment({ skipTime: false });
  // The runner brings its own backend with the event.
  const handlerFunction = withDurableExecution(workflow, undefined as never);
  return {
    async execute() {
      const result = await new LocalDurableTestRunner({ handlerFunction }).run({ payload: {} });
      if (result.getStatus() !== "SUCCEEDED") throw new Error(`the execution ended as ${result.getStatus()}`);
    },
    close: () => LocalDurableTestRunner.teardownTestEnvironment(),
  };
}
