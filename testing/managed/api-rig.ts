/**
 * Owns the Lambda API on our runtime over real HTTP, on virtual time, with the AWS SDK's client in front of it and a
 * function behind it that a test plays by hand.
 */

import {
  CheckpointDurableExecutionCommand,
  type CheckpointDurableExecutionCommandOutput,
  InvokeCommand,
  type InvokeCommandInput,
  LambdaClient,
  type LambdaClientConfig,
  type OperationUpdate,
} from "@aws-sdk/client-lambda";
import {
  type DurableApi,
  type DurableApiOptions,
  durableApi,
  type ServeOptions,
  serveApi,
} from "@tidemark/lambda";
import type { DurableExecutionInvocationInput, DurableExecutionInvocationOutput } from "@tidemark/protocol";
import { MemoryStore } from "@tidemark/store";
import { VirtualClock } from "@tidemark/testing";

/** An invocation of the function `manual`, until the test answers it. */
export interface ManualInvocation {
  readonly input: DurableExecutionInvocationInput;
  answer(output: object): void;
  fail(error: Error): void;
}

export interface ApiRigOptions extends Partial<DurableApiOptions> {
  readonly serve?: ServeOptions;
  /** Stands between HTTP and the API: loses answers, for example. */
  readonly around?: (api: DurableApi) => Pick<DurableApi, "fetch">;
  readonly clientConfig?: LambdaClientConfig;
}

export type ApiRig = Awaited<ReturnType<typeof startApi>>;

export async function startApi(options: ApiRigOptions = {}) {
  const { serve, around, clientConfig, ...apiOptions } = options;
  const store = options.store ?? new MemoryStore();
  const clock = (options.clock ?? new VirtualClock()) as VirtualClock;
  const errors: unknown[] = [];
  const invocations = new Mailbox<ManualInvocation>();
  const manual = (input: DurableExecutionInvocationInput) =>
    new Promise<DurableExecutionInvocationOutput>((resolve, reject) => {
      invocations.post({ input, answer: (output) => resolve(output as never), fail: reject });
    });
  const api = durableApi({
    clock,
    onError: (error) => errors.push(error),
    ...apiOptions,
    store,
    ...("functions" in options && options.functions === undefined
      ? {}
      : { functions: { manual, ...options.functions } }),
  });
  await api.start();
  const served = await serveApi(around?.(api) ?? api, serve);
  const client = new LambdaClient({
    endpoint: served.url,
    region: "eu-west-1",
    credentials: { accessKeyId: "id", secretAccessKey: "key" },
    maxAttempts: 1,
    ...clientConfig,
  });
  return {
    store,
    clock,
    api,
    url: served.url,
    client,
    errors,
    next: () => invocations.take(),
    /** Starts an execution of `manual` and gives its first invocation. */
    async begin(name: string, payload: unknown = {}): Promise<ManualInvocation> {
      const Payload = JSON.stringify(payload);
      const DurableExecutionName = name;
      await client.send(
        new InvokeCommand({ FunctionName: "manual", InvocationType: "Event", DurableExecutionName, Payload }),
      );
      return invocations.take();
    },
    async close(): Promise<void> {
      client.destroy();
      await served.close();
      const stopped = api.stop();
      // Invocations that the test has left alone are not waited for.
      await clock.advanceTo(clock.nowMs() + 10_000);
      await stopped;
      await store.close();
    },
  };
}

/** The answer of a function, with its payload read. */
export async function invoke({ client }: Pick<ApiRig, "client">, input: InvokeCommandInput) {
  const answer = await client.send(new InvokeCommand(input));
  const text = Buffer.from(answer.Payload ?? "").toString();
  return {
    status: answer.StatusCode,
    payload: text === "" ? undefined : JSON.parse(text),
    error: answer.FunctionError,
    arn: answer.DurableExecutionArn,
    version: answer.ExecutedVersion,
  };
}

/** A checkpoint of these updates, with the given token. */
export function checkpoint(
  { client }: Pick<ApiRig, "client">,
  { DurableExecutionArn }: DurableExecutionInvocationInput,
  CheckpointToken: string | undefined,
  Updates: OperationUpdate[] = [],
  ClientToken?: string,
): Promise<CheckpointDurableExecutionCommandOutput> {
  return client.send(
    new CheckpointDurableExecutionCommand({ DurableExecutionArn, CheckpointToken, Updates, ClientToken }),
  );
}

/** The error of the API that a call is answered with. */
export async function apiError(call: Promise<unknown>): Promise<object> {
  const error = await call.then(
    (answer) => {
      throw new Error(`answered with ${JSON.stringify(answer)}`);
    },
    (thrown: unknown) => thrown,
  );
  const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
  return { name, message, status: $metadata?.httpStatusCode };
}

export const step = (Id: string, Action: "START" | "SUCCEED", Payload?: string): OperationUpdate => ({
  Id,
  Type: "STEP",
  SubType: "Step",
  Action,
  ...(Payload === undefined ? {} : { Payload }),
});

export const wait = (Id: string, WaitSeconds: number): OperationUpdate => ({
  Id,
  Type: "WAIT",
  SubType: "Wait",
  Action: "START",
  WaitOptions: { WaitSeconds },
});

class Mailbox<T> {
  readonly #posted: T[] = [];
  readonly #takers: ((value: T) => void)[] = [];

  post(value: T): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#posted.push(value);
    else taker(value);
  }

  take(): Promise<T> {
    const value = this.#posted.shift();
    if (value !== undefined) return Promise.resolve(value);
    return new Promise((resolve) => this.#takers.push(resolve));
  }
}
