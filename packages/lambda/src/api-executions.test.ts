/** What the API tells of executions, and what reaches them from outside, over HTTP. */

import {
  GetDurableExecutionCommand,
  GetDurableExecutionHistoryCommand,
  ListDurableExecutionsByFunctionCommand,
  SendDurableExecutionCallbackFailureCommand,
  SendDurableExecutionCallbackHeartbeatCommand,
  SendDurableExecutionCallbackSuccessCommand,
  StopDurableExecutionCommand,
} from "@aws-sdk/client-lambda";
import { DurableClient } from "@tidemark/runtime";
import { MemoryPayloadStore, MemoryStore, Payloads } from "@tidemark/store";
import { type ApiRig, apiError, checkpoint, invoke, startApi, step } from "../../../testing/managed/api-rig";

const ARN = "arn:tidemark:durable:local:0:function:manual/durable-execution";

let rig: ApiRig;

beforeEach(async () => {
  rig = await startApi({ firstPage: { items: 2 } });
});

afterEach(() => rig.close());

describe("what is known of executions", () => {
  async function ended(
    name: string,
    output: object = { Status: "SUCCEEDED", Result: '{"done":true}' },
  ): Promise<string> {
    const { input, answer } = await rig.begin(name, { name });
    await checkpoint(rig, input, input.CheckpointToken, [step("1", "SUCCEED", '"secret"')]);
    answer(output);
    await invoke(rig, {
      FunctionName: "manual",
      Payload: JSON.stringify({ name }),
      DurableExecutionName: name,
    });
    return input.DurableExecutionArn;
  }

  it("is described, with and without its data", async () => {
    const DurableExecutionArn = await ended("one");
    const describe = async (IncludeExecutionData: boolean) => {
      const answer = await rig.client.send(
        new GetDurableExecutionCommand({ DurableExecutionArn, IncludeExecutionData }),
      );
      return { ...answer, $metadata: undefined };
    };
    const described = {
      DurableExecutionArn,
      DurableExecutionName: "one",
      FunctionArn: "arn:tidemark:durable:local:0:function:manual",
      StartTimestamp: new Date(rig.clock.nowMs()),
      EndTimestamp: new Date(rig.clock.nowMs()),
      Status: "SUCCEEDED",
      Version: "$LATEST",
    };

    expect(await describe(true)).toEqual({
      ...described,
      InputPayload: '{"name":"one"}',
      Result: '{"done":true}',
      ExecutionDataIncluded: true,
    });
    expect(await describe(false)).toEqual({ ...described, ExecutionDataIncluded: false });
    expect(
      await apiError(rig.client.send(new GetDurableExecutionCommand({ DurableExecutionArn: `${ARN}/x/x` }))),
    ).toMatchObject({ name: "ResourceNotFoundException", status: 404 });
  });

  it("is told as events, in pages and in both directions", async () => {
    const DurableExecutionArn = await ended("one");
    const read = async (options: object) => {
      const seen: string[] = [];
      let Marker: string | undefined;
      do {
        const page = await rig.client.send(
          new GetDurableExecutionHistoryCommand({ DurableExecutionArn, ...options, Marker, MaxItems: 2 }),
        );
        seen.push((page.Events ?? []).map(({ EventId, EventType }) => `${EventId} ${EventType}`).join(", "));
        Marker = page.NextMarker;
      } while (Marker !== undefined);
      return seen;
    };

    const forward = await read({});
    expect(forward[0]).toMatch(/^1 ExecutionStarted, 2 Step/);
    expect(forward.at(-1)).toMatch(/ExecutionSucceeded$/);
    const all = forward.join(", ").split(", ");
    expect((await read({ ReverseOrder: true })).join(", ").split(", ")).toEqual([...all].reverse());
    const { Events = [] } = await rig.client.send(
      new GetDurableExecutionHistoryCommand({ DurableExecutionArn }),
    );
    expect(Events[0]).toMatchObject({
      Id: "manual.one",
      Name: "one",
      EventTimestamp: new Date(rig.clock.nowMs()),
      ExecutionStartedDetails: { Input: { Payload: '{"name":"one"}' }, ExecutionTimeout: 366 * 24 * 60 * 60 },
    });
    const without = await rig.client.send(
      new GetDurableExecutionHistoryCommand({ DurableExecutionArn, IncludeExecutionData: false }),
    );
    expect(without.Events?.length).toBe(Events.length);
    expect(JSON.stringify(without.Events)).not.toMatch(/secret|"one\\"|done/);
    expect(
      await apiError(
        rig.client.send(new GetDurableExecutionHistoryCommand({ DurableExecutionArn, Marker: "forged" })),
      ),
    ).toMatchObject({ name: "InvalidParameterValueException" });
  });

  it("is told with the payloads of a page only read for that page", async () => {
    let reads = 0;
    class CountingStore extends MemoryPayloadStore {
      override get(key: string): Promise<Uint8Array | undefined> {
        reads += 1;
        return super.get(key);
      }
    }
    const objects = new CountingStore({ nowMs: () => 0 });
    const own = await startApi({
      store: new MemoryStore({ payloads: new Payloads({ store: objects, inlineLimitBytes: 10 }) }),
    });
    const { input, answer } = await own.begin("one");
    const steps = Array.from({ length: 20 }, (_, n) =>
      step(String(n + 1), "SUCCEED", `"a long result ${n}"`),
    );
    await checkpoint(own, input, input.CheckpointToken, steps);
    answer({ Status: "SUCCEEDED" });
    await new DurableClient({ store: own.store }).result(input.DurableExecutionArn);
    reads = 0;
    const { Events = [], NextMarker } = await own.client.send(
      new GetDurableExecutionHistoryCommand({
        DurableExecutionArn: input.DurableExecutionArn,
        MaxItems: 5,
        ReverseOrder: true,
      }),
    );
    await own.close();

    expect(Events.map(({ StepSucceededDetails }) => StepSucceededDetails?.Result?.Payload)).toContain(
      '"a long result 19"',
    );
    expect([Events.length, NextMarker === undefined, reads <= 6]).toEqual([5, false, true]);
  });

  it("is listed by function, status, name and time, in pages", async () => {
    await ended("one");
    await rig.clock.advanceTo(rig.clock.nowMs() + 1000);
    await ended("two", { Status: "FAILED", Error: { ErrorType: "E" } });
    await rig.clock.advanceTo(rig.clock.nowMs() + 1000);
    await rig.begin("three");
    const list = async (options: object = {}) => {
      const names: (string | undefined)[][] = [];
      let Marker: string | undefined;
      do {
        const page = await rig.client.send(
          new ListDurableExecutionsByFunctionCommand({ FunctionName: "manual", ...options, Marker }),
        );
        names.push((page.DurableExecutions ?? []).map(({ DurableExecutionName }) => DurableExecutionName));
        Marker = page.NextMarker;
      } while (Marker !== undefined);
      return names;
    };

    expect(await list()).toEqual([["three", "two", "one"]]);
    expect(await list({ ReverseOrder: true })).toEqual([["one", "two", "three"]]);
    expect((await list({ MaxItems: 2 })).flat()).toEqual(["three", "two", "one"]);
    expect(await list({ Statuses: ["RUNNING"] })).toEqual([["three"]]);
    expect(await list({ Statuses: ["SUCCEEDED", "FAILED"] })).toEqual([["two", "one"]]);
    expect(await list({ DurableExecutionName: "two" })).toEqual([["two"]]);
    expect(await list({ StartedAfter: new Date(rig.clock.nowMs() - 500) })).toEqual([["three"]]);
    expect(await list({ FunctionName: "double" })).toEqual([[]]);
    expect(await apiError(list({ Statuses: ["DONE"] }))).toMatchObject({
      name: "InvalidParameterValueException",
    });
  });

  it("ends when it is stopped, once", async () => {
    const { input } = await rig.begin("one");
    const { DurableExecutionArn } = input;
    const failure = { ErrorType: "Operator", ErrorMessage: "enough" };
    const stop = () =>
      rig.client.send(new StopDurableExecutionCommand({ DurableExecutionArn, Error: failure }));
    const { StopTimestamp } = await stop();
    await rig.clock.advanceTo(rig.clock.nowMs() + 1000);

    expect(StopTimestamp).toEqual(new Date(rig.clock.nowMs() - 1000));
    expect((await stop()).StopTimestamp).toEqual(StopTimestamp);
    expect(await rig.store.head("manual.one")).toMatchObject({ status: "STOPPED", error: failure });
    expect(await apiError(checkpoint(rig, input, input.CheckpointToken, [step("1", "START")]))).toMatchObject(
      {
        message: "Invalid checkpoint token",
      },
    );
  });
});

describe("a callback", () => {
  async function open(options: object = {}): Promise<string> {
    const { input, answer } = await rig.begin("one");
    const update = {
      Id: "1",
      Type: "CALLBACK",
      SubType: "Callback",
      Action: "START",
      CallbackOptions: options,
    } as const;
    const { NewExecutionState } = await checkpoint(rig, input, input.CheckpointToken, [update]);
    answer({ Status: "PENDING" });
    return NewExecutionState?.Operations?.[0]?.CallbackDetails?.CallbackId as string;
  }

  const settled = async () => (await rig.next()).input.InitialExecutionState.Operations[1];

  it("is completed with the bytes of its result, once", async () => {
    const CallbackId = await open();
    const succeed = () =>
      rig.client.send(
        new SendDurableExecutionCallbackSuccessCommand({ CallbackId, Result: Buffer.from("Grüße") }),
      );
    await succeed();

    expect(await settled()).toMatchObject({
      Status: "SUCCEEDED",
      CallbackDetails: { CallbackId, Result: "Grüße" },
    });
    expect(await apiError(succeed())).toMatchObject({ name: "CallbackTimeoutException", status: 400 });
  });

  it("fails with an error", async () => {
    const CallbackId = await open();
    const failure = { ErrorType: "Refused", ErrorMessage: "no", ErrorData: "{}" };
    await rig.client.send(new SendDurableExecutionCallbackFailureCommand({ CallbackId, Error: failure }));

    expect(await settled()).toMatchObject({ Status: "FAILED", CallbackDetails: { Error: failure } });
  });

  it("does not fail with an error that nobody could read back", async () => {
    const CallbackId = await open();
    const path = `2025-12-01/durable-execution-callbacks/${encodeURIComponent(CallbackId)}/fail`;
    const response = await fetch(`${rig.url}/${path}`, {
      method: "POST",
      body: '{"StackTrace":"at charge"}',
    });

    expect([response.status, await response.json()]).toEqual([
      400,
      expect.objectContaining({ message: 'error.StackTrace is "at charge"; pass a list of texts' }),
    ]);
    await rig.client.send(new SendDurableExecutionCallbackSuccessCommand({ CallbackId }));
    expect(await settled()).toMatchObject({ Status: "SUCCEEDED" });
  });

  it("lives as long as there are heartbeats", async () => {
    const CallbackId = await open({ HeartbeatTimeoutSeconds: 10 });
    await rig.clock.advanceTo(rig.clock.nowMs() + 9000);
    await rig.client.send(new SendDurableExecutionCallbackHeartbeatCommand({ CallbackId }));
    await rig.clock.advanceTo(rig.clock.nowMs() + 9000);
    await rig.client.send(new SendDurableExecutionCallbackSuccessCommand({ CallbackId }));

    expect(await settled()).toMatchObject({ Status: "SUCCEEDED" });
  });

  it("that nobody opened is refused", async () => {
    const send = (CallbackId: string) =>
      apiError(rig.client.send(new SendDurableExecutionCallbackSuccessCommand({ CallbackId })));

    expect(await send("manual.one:1:abc")).toMatchObject({ name: "ResourceNotFoundException", status: 404 });
    expect(await send("forged")).toMatchObject({ name: "InvalidParameterValueException", status: 400 });
  });
});
