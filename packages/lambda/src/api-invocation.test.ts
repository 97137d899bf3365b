/** One invocation over HTTP: what it gets, its tokens, and the pages of its state. */

import { GetDurableExecutionStateCommand } from "@aws-sdk/client-lambda";
import {
  type ApiRig,
  apiError,
  checkpoint,
  invoke,
  startApi,
  step,
  wait,
} from "../../../testing/managed/api-rig";

const ARN = "arn:tidemark:durable:local:0:function:manual/durable-execution";

let rig: ApiRig;

beforeEach(async () => {
  rig = await startApi({ firstPage: { items: 2 } });
});

afterEach(() => rig.close());

describe("an invocation", () => {
  it("gets AWS's durable input: the EXECUTION first, as much as fits on a page, and what has changed", async () => {
    const { input, answer } = await rig.begin("one", { n: 1 });
    const startedAt = new Date(rig.clock.nowMs()).toISOString();
    const execution = {
      Id: "manual.one",
      Type: "EXECUTION",
      Status: "STARTED",
      StartTimestamp: startedAt,
      ExecutionDetails: { InputPayload: '{"n":1}' },
    };

    expect(input).toEqual({
      DurableExecutionArn: expect.stringMatching(/\/manual\.one\/manual\.one!\w+$/),
      CheckpointToken: expect.any(String),
      UpdatedOperationIds: [],
      InitialExecutionState: { Operations: [execution] },
    });
    await checkpoint(rig, input, input.CheckpointToken, [step("1", "SUCCEED", "1"), wait("2", 5)]);
    answer({ Status: "PENDING" });
    await rig.clock.advanceTo(rig.clock.nowMs() + 5000);
    const { input: second } = await rig.next();

    expect(second).toEqual({
      DurableExecutionArn: input.DurableExecutionArn,
      CheckpointToken: expect.not.stringMatching(input.CheckpointToken),
      UpdatedOperationIds: ["2"],
      InitialExecutionState: {
        Operations: [
          execution,
          {
            Id: "1",
            Type: "STEP",
            SubType: "Step",
            Status: "SUCCEEDED",
            StartTimestamp: startedAt,
            EndTimestamp: startedAt,
            StepDetails: { Attempt: 1, Result: "1" },
          },
        ],
        NextMarker: expect.any(String),
      },
    });
  });

  it("reads the rest of the state in pages", async () => {
    const { input, answer } = await rig.begin("one");
    const steps = Array.from({ length: 5 }, (_, index) => step(`${index + 1}`, "SUCCEED", "1"));
    await checkpoint(rig, input, input.CheckpointToken, [...steps, wait("6", 1)]);
    answer({ Status: "PENDING" });
    await rig.clock.advanceTo(rig.clock.nowMs() + 1000);
    const { input: again } = await rig.next();
    const { DurableExecutionArn, CheckpointToken, InitialExecutionState } = again;
    const pages = [InitialExecutionState.Operations.map(({ Id }) => Id)];
    for (let Marker = InitialExecutionState.NextMarker; Marker !== undefined; ) {
      const page = await rig.client.send(
        new GetDurableExecutionStateCommand({ DurableExecutionArn, CheckpointToken, Marker, MaxItems: 2 }),
      );
      pages.push((page.Operations ?? []).map(({ Id }) => Id));
      Marker = page.NextMarker;
    }

    expect(pages).toEqual([["manual.one", "1"], ["2", "3"], ["4", "5"], ["6"]]);
    const state = (changes: object) =>
      apiError(
        rig.client.send(
          new GetDurableExecutionStateCommand({ DurableExecutionArn, CheckpointToken, ...changes }),
        ),
      );
    expect(await state({ CheckpointToken: input.CheckpointToken })).toMatchObject({
      name: "InvalidParameterValueException",
      message: "Invalid checkpoint token",
    });
    expect(await state({ Marker: "forged" })).toMatchObject({ name: "InvalidParameterValueException" });
    expect(await state({ MaxItems: 1001 })).toMatchObject({ name: "InvalidParameterValueException" });
  });

  it("that suspends with nothing to wait for fails the execution", async () => {
    const { input, answer } = await rig.begin("one");
    await checkpoint(rig, input, input.CheckpointToken, [step("1", "SUCCEED", "1")]);
    answer({ Status: "PENDING" });

    expect(
      await invoke(rig, { FunctionName: "manual", Payload: "{}", DurableExecutionName: "one" }),
    ).toMatchObject({
      error: "Unhandled",
      payload: { errorMessage: "Cannot return PENDING status with no pending operations." },
    });
  });

  it("that crashes is followed by another one", async () => {
    const { fail } = await rig.begin("one");
    fail(new Error("Runtime exited"));
    await rig.clock.advanceTo(rig.clock.nowMs() + 1000);
    (await rig.next()).answer({ Status: "SUCCEEDED", Result: '"second"' });

    expect(
      await invoke(rig, { FunctionName: "manual", Payload: "{}", DurableExecutionName: "one" }),
    ).toMatchObject({
      payload: "second",
    });
    expect(rig.errors).toMatchObject([{ code: "TIDEMARK_INVOCATION_FAILED" }]);
  });
});

describe("a checkpoint token", () => {
  const STALE = {
    name: "InvalidParameterValueException",
    message: "Invalid checkpoint token",
    status: 400,
  };

  it("is good once", async () => {
    const { input } = await rig.begin("one");
    const first = await checkpoint(rig, input, input.CheckpointToken, [step("1", "START")], "a");

    expect(first.NewExecutionState?.Operations).toMatchObject([{ Id: "1", Status: "STARTED" }]);
    expect(await apiError(checkpoint(rig, input, input.CheckpointToken, [step("2", "START")], "b"))).toEqual(
      STALE,
    );
    expect(await apiError(checkpoint(rig, input, "forged", [step("2", "START")]))).toEqual(STALE);
    const second = await checkpoint(rig, input, first.CheckpointToken, [step("2", "START")]);
    expect(second.NewExecutionState?.Operations).toMatchObject([{ Id: "2" }]);
  });

  it("with the same client token gets the same answer again, also while the first is under way", async () => {
    const { input } = await rig.begin("one");
    const ask = () => checkpoint(rig, input, input.CheckpointToken, [step("1", "SUCCEED", "1")], "same");
    const [first, second] = await Promise.all([ask(), ask()]);
    const third = await ask();

    const state = ({ CheckpointToken, NewExecutionState }: typeof first) => ({
      CheckpointToken,
      NewExecutionState,
    });
    expect(state(second)).toEqual(state(first));
    expect(state(third)).toEqual(state(first));
    expect((await rig.store.load("manual.one"))?.entries).toHaveLength(1);
  });

  it("is of no use after the invocation", async () => {
    const { input, answer } = await rig.begin("one");
    answer({ Status: "SUCCEEDED" });
    await invoke(rig, { FunctionName: "manual", Payload: "{}", DurableExecutionName: "one" });

    expect(await apiError(checkpoint(rig, input, input.CheckpointToken))).toEqual(STALE);
    const other = { ...input, DurableExecutionArn: `${ARN}/manual.two/manual.two` };
    expect(await apiError(checkpoint(rig, other, input.CheckpointToken))).toEqual(STALE);
  });

  it("stays good when a checkpoint is refused", async () => {
    const { input } = await rig.begin("one");
    const refused = await apiError(
      checkpoint(rig, input, input.CheckpointToken, [step("1", "SUCCEED"), wait("1", 5)]),
    );

    expect(refused).toEqual({
      name: "InvalidParameterValueException",
      message: expect.stringMatching(/^execution manual\.one!\w+: operation 1 is a STEP, not a WAIT$/),
      status: 400,
    });
    expect((await rig.store.load("manual.one"))?.entries).toEqual([]);
    await checkpoint(rig, input, input.CheckpointToken, [step("1", "SUCCEED")]);
  });

  it.each([
    ["an id that is too long", [step("1".repeat(65), "START")], "Updates[0].Id must match"],
    ["an id of other characters", [step("a/b", "START")], "Updates[0].Id must match"],
    [
      "a name that is not ASCII",
      [{ ...step("1", "START"), Name: "Bestätigung" }],
      "operation 1: Name must match",
    ],
    [
      "no seconds to wait",
      [{ ...wait("1", 1), WaitOptions: undefined }],
      "wait 1: WaitOptions.WaitSeconds is missing",
    ],
    [
      "an EXECUTION that is not the last",
      [{ Id: "e", Type: "EXECUTION", Action: "SUCCEED" }, step("1", "START")] as never,
      "EXECUTION checkpoint must be the last update.",
    ],
  ])("with %s is refused", async (_name, updates, message) => {
    const { input } = await rig.begin("one");

    expect(await apiError(checkpoint(rig, input, input.CheckpointToken, updates))).toMatchObject({
      name: "InvalidParameterValueException",
      message: expect.stringContaining(message),
    });
  });

  it.each([
    [
      { Error: { StackTrace: "at charge" } },
      'Updates[0].Error.StackTrace is "at charge"; pass a list of texts',
    ],
    [{ Error: { ErrorMessage: 5 } }, "Updates[0].Error.ErrorMessage is 5; pass a text"],
    [{ Error: "broken" }, 'Updates[0].Error is "broken"; pass a record such as { ErrorMessage: text }'],
    [{ Payload: { ok: true } }, 'Updates[0].Payload is {"ok":true}; a string is needed'],
    [{ Name: 5 }, "Updates[0].Name is 5; a string is needed"],
    [
      { StepOptions: { NextAttemptDelaySeconds: "5" } },
      'Updates[0].StepOptions.NextAttemptDelaySeconds is "5"; a number is needed',
    ],
    [
      { ChainedInvokeOptions: { FunctionName: 7 } },
      "Updates[0].ChainedInvokeOptions.FunctionName is 7; a string is needed",
    ],
  ])("with a member of another type is refused, and nothing is recorded: %j", async (members, message) => {
    const { input } = await rig.begin("one");
    const Updates = [{ ...step("1", "SUCCEED"), ...members }];
    const path = `2025-12-01/durable-executions/${encodeURIComponent(input.DurableExecutionArn)}/checkpoint`;
    const body = JSON.stringify({ CheckpointToken: input.CheckpointToken, Updates });
    const response = await fetch(`${rig.url}/${path}`, { method: "POST", body });

    expect([response.status, response.headers.get("x-amzn-errortype"), await response.json()]).toEqual([
      400,
      "InvalidParameterValueException",
      expect.objectContaining({ message }),
    ]);
    expect((await rig.store.load("manual.one"))?.entries).toEqual([]);
  });

  it("with the end of the execution is the last: the answer has no other, and the end is recorded", async () => {
    const { input, answer } = await rig.begin("one");
    const end = { Id: "end", Type: "EXECUTION", Action: "SUCCEED", Payload: '"checkpointed"' } as const;
    const last = await checkpoint(rig, input, input.CheckpointToken, [step("1", "SUCCEED"), end], "a");

    expect(last.CheckpointToken).toBeUndefined();
    expect(await rig.store.head("manual.one")).toMatchObject({
      status: "SUCCEEDED",
      result: '"checkpointed"',
    });
    answer({ Status: "SUCCEEDED", Result: "" });
    expect(await apiError(checkpoint(rig, input, input.CheckpointToken))).toEqual(STALE);
  });

  it("with the failure of the execution ends it, too", async () => {
    const { input } = await rig.begin("one");
    const failure = { ErrorType: "Late", ErrorMessage: "too late" };
    await checkpoint(rig, input, input.CheckpointToken, [
      { Id: "e", Type: "EXECUTION", Action: "FAIL", Error: failure },
    ]);

    expect(await rig.store.head("manual.one")).toMatchObject({ status: "FAILED", error: failure });
  });
});
