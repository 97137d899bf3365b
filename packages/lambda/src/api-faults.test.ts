/** What a network, a store and a crash do to the calls of an invocation. */

import { GetDurableExecutionCommand, InvokeCommand } from "@aws-sdk/client-lambda";
import { DurableClient } from "@tidemark/runtime";
import { MemoryStore } from "@tidemark/store";
import { storeWith, VirtualClock } from "@tidemark/testing";
import { apiError, checkpoint, invoke, startApi, step, wait } from "../../../testing/managed/api-rig";
import type { DurableApi } from "./index";

/** Loses the answers to the first requests whose path ends so, after they have been served. */
function losing(count: number, end: string): (api: DurableApi) => Pick<DurableApi, "fetch"> {
  let left = count;
  return (api) => ({
    async fetch(request) {
      const answer = await api.fetch(request);
      if (!new URL(request.url).pathname.endsWith(end) || left === 0) return answer;
      left -= 1;
      throw new Error("the connection breaks");
    },
  });
}

it("a checkpoint whose answer is lost is made once: the client asks again with the same client token", async () => {
  const rig = await startApi({ around: losing(2, "/checkpoint"), clientConfig: { maxAttempts: 3 } });
  const { input } = await rig.begin("one");
  const answer = await checkpoint(rig, input, input.CheckpointToken, [step("1", "SUCCEED", "1")]);
  const next = await checkpoint(rig, input, answer.CheckpointToken, [step("2", "SUCCEED", "2")]);
  const loaded = await rig.store.load("manual.one");
  await rig.close();

  expect(answer.$metadata.attempts).toBe(3);
  expect(answer.NewExecutionState?.Operations).toMatchObject([{ Id: "1", Status: "SUCCEEDED" }]);
  expect(next.NewExecutionState?.Operations).toMatchObject([{ Id: "2", Status: "SUCCEEDED" }]);
  expect(loaded?.entries.map(({ records }) => records.map(({ update }) => update?.Id))).toEqual([
    ["1"],
    ["2"],
  ]);
});

it("an end whose answer is lost is the end: asked again, it is answered again", async () => {
  const rig = await startApi({ around: losing(1, "/checkpoint"), clientConfig: { maxAttempts: 3 } });
  const { input } = await rig.begin("one");
  const end = { Id: "end", Type: "EXECUTION", Action: "SUCCEED", Payload: "1" } as const;
  const { CheckpointToken, $metadata } = await checkpoint(rig, input, input.CheckpointToken, [end]);
  const head = await rig.store.head("manual.one");
  await rig.close();

  expect([CheckpointToken, $metadata.attempts, head?.status, head?.result]).toEqual([
    undefined,
    2,
    "SUCCEEDED",
    "1",
  ]);
});

it("a start whose answer is lost starts one execution, if it has a name", async () => {
  const rig = await startApi({ around: losing(1, "/invocations"), clientConfig: { maxAttempts: 3 } });
  const { input } = await rig.begin("one");
  const { executions } = await new DurableClient({ store: rig.store }).list();
  await rig.close();

  expect(executions.map(({ executionArn }) => executionArn)).toEqual([input.DurableExecutionArn]);
});

it.each([
  ["fails", undefined, "ServiceException", 500],
  ["is throttled", "TIDEMARK_STORE_THROTTLED", "TooManyRequestsException", 429],
])(
  "a checkpoint while the store %s is refused, and good when it is asked for again",
  async (_name, code, name, status) => {
    const memory = new MemoryStore();
    let faults = 1;
    const store = storeWith(memory, {
      async append(executionId, entry) {
        if (faults-- > 0) throw Object.assign(new Error("not now"), { code });
        return memory.append(executionId, entry);
      },
    });
    const rig = await startApi({ store });
    const { input } = await rig.begin("one");
    const ask = () => checkpoint(rig, input, input.CheckpointToken, [step("1", "SUCCEED", "1")], "same");
    const refused = await apiError(ask());
    const { NewExecutionState } = await ask();
    await rig.close();

    expect(refused).toEqual({
      name,
      message:
        status === 500
          ? expect.stringMatching(/^internal error ServiceException; the log of the server has it under \S+$/)
          : "not now",
      status,
    });
    expect(NewExecutionState?.Operations).toMatchObject([{ Id: "1", Status: "SUCCEEDED" }]);
    expect(rig.errors).toHaveLength(status === 500 ? 1 : 0);
  },
);

it("the text of an internal error stays in the log of the server, under the id that the caller is told", async () => {
  const secret = Object.assign(new Error("table orders-prod of account 123456789012 is not there"), {
    code: "TIDEMARK_STORE_TABLE",
  });
  const store = storeWith(new MemoryStore(), { head: () => Promise.reject(secret) });
  const rig = await startApi({ store });
  const response = await fetch(`${rig.url}/2025-12-01/durable-executions/manual.one`);
  const id = response.headers.get("x-amzn-requestid");
  const body = await response.json();
  await rig.close();

  const Message = `internal error TIDEMARK_STORE_TABLE; the log of the server has it under ${id}`;
  expect([response.status, response.headers.get("x-amzn-errortype"), body]).toEqual([
    500,
    "ServiceException",
    { Type: "Service", Message, message: Message },
  ]);
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  expect(rig.errors).toEqual([expect.objectContaining({ code: "TIDEMARK_API_REQUEST", cause: secret })]);
  expect((rig.errors[0] as Error).message).toBe(
    `request ${id} (GET /2025-12-01/durable-executions/manual.one) could not be answered: ${secret.message}; the caller was told this id and may ask again`,
  );
});

it("nothing waits for an end whose caller has gone, and the execution goes on", async () => {
  const memory = new MemoryStore();
  const watched = { count: 0, none: () => {} };
  const store = storeWith(memory, {
    onChange(listener) {
      watched.count += 1;
      const unsubscribe = memory.onChange(listener);
      return () => {
        unsubscribe();
        watched.count -= 1;
        watched.none();
      };
    },
  });
  const rig = await startApi({ store });
  const idle = watched.count;
  const caller = new AbortController();
  const call = fetch(`${rig.url}/2015-03-31/functions/manual/invocations`, {
    method: "POST",
    body: "{}",
    signal: caller.signal,
  }).catch((error: Error) => error.name);
  const invocation = await rig.next();
  const whileWaiting = watched.count;
  const left = new Promise<void>((resolve) => {
    watched.none = () => watched.count === idle && resolve();
  });
  caller.abort();
  await left;
  invocation.answer({ Status: "SUCCEEDED", Result: "1" });
  const { DurableExecutionArn } = invocation.input;
  const result = await new DurableClient({ store: memory }).result(DurableExecutionArn);
  const aborted = await call;
  await rig.close();

  expect([idle < whileWaiting, aborted, result, rig.errors]).toEqual([true, "AbortError", 1, []]);
});

it("an invocation that another process has taken over records nothing more, and its answer does not count", async () => {
  const store = new MemoryStore();
  const first = await startApi({ store });
  const stale = await first.begin("one");
  const { CheckpointToken } = await checkpoint(first, stale.input, stale.input.CheckpointToken, [
    step("1", "SUCCEED", "1"),
    step("2", "START"),
  ]);
  // The first process is frozen past its lease.
  const clock = new VirtualClock({ startMs: first.clock.nowMs() + 31_000 });
  const second = await startApi({ store, clock });
  const newer = await second.next();
  const refused = await apiError(
    checkpoint(first, stale.input, CheckpointToken, [step("2", "SUCCEED", "2")]),
  );
  stale.answer({ Status: "SUCCEEDED", Result: '"stale"' });
  // Its token is nothing to the other process.
  const elsewhere = await apiError(checkpoint(second, stale.input, CheckpointToken, [wait("3", 1)]));
  newer.answer({ Status: "SUCCEEDED", Result: '"newer"' });
  const { payload } = await invoke(second, {
    FunctionName: "manual",
    DurableExecutionName: "one",
    Payload: "{}",
  });
  await second.close();
  await first.close();

  const STALE = { name: "InvalidParameterValueException", message: "Invalid checkpoint token", status: 400 };
  expect([refused, elsewhere]).toEqual([STALE, STALE]);
  expect(payload).toBe("newer");
  expect(newer.input.InitialExecutionState.Operations).toMatchObject([
    { Type: "EXECUTION" },
    { Id: "1", Status: "SUCCEEDED" },
    { Id: "2", Status: "STARTED" },
  ]);
});

it("a process without functions starts, tells and completes; another one runs", async () => {
  const store = new MemoryStore();
  const runner = await startApi({ store });
  const front = await startApi({ store, clock: runner.clock, functions: undefined });
  const FunctionName = "manual";
  const { DurableExecutionArn } = await front.client.send(
    new InvokeCommand({ FunctionName, InvocationType: "Event", Payload: "{}" }),
  );
  (await runner.next()).answer({ Status: "SUCCEEDED", Result: "1" });
  await new DurableClient({ store }).result(DurableExecutionArn as string);
  const { Status } = await front.client.send(new GetDurableExecutionCommand({ DurableExecutionArn }));
  await front.close();
  await runner.close();

  expect(Status).toBe("SUCCEEDED");
});
