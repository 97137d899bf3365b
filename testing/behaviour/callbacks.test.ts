/** Callbacks from outside: exactly one outcome, whoever sends it and when (invariant 7). */

import { type ExecutionStore, MemoryStore } from "@tidemark/store";
import { createRig, defer, type Rig } from "./rig";

const code = (expected: string, message: string | RegExp = "") =>
  expect.objectContaining({
    code: expected,
    message: typeof message === "string" ? expect.stringContaining(message) : expect.stringMatching(message),
  });

/** A rig with a function `main` that waits for a callback, and the ids it hands out. */
async function withCallbacks(): Promise<{ rig: Rig; id: string; callbackId: string }> {
  const rig = await createRig();
  const ids: string[] = [];
  const id = await rig.begin(async (_event, context) => {
    const answer = await context.waitForCallback("ask", async (callbackId) => void ids.push(callbackId));
    await context.wait({ seconds: 10 });
    return answer;
  });
  return { rig, id, callbackId: ids[0] as string };
}

/** An execution whose callback needs a heartbeat every 10 s; `beat` sends one after 8 s. */
async function withHeartbeats() {
  const rig = await createRig({ store: withLimit(new MemoryStore(), 50) });
  const ids: string[] = [];
  const startMs = rig.runtime.clock.nowMs();
  const id = await rig.begin(async (_event, context) => {
    const [outcome, callbackId] = await context.createCallback({ heartbeatTimeout: { seconds: 10 } });
    ids.push(callbackId);
    return outcome.catch((error: Error) => [error.message, rig.runtime.clock.nowMs() - startMs]);
  });
  // Its worker may wait for a lease for ever.
  rig.leaveOpen();
  const callbackId = () => ids[0] as string;
  const beat = async () => {
    await rig.runtime.advance(8000);
    await rig.runtime.client.sendCallbackHeartbeat(callbackId());
  };
  return { rig, id, beat, callbackId };
}

/** A store that gives so many leases and no more, so that a worker which goes round in circles does not hang the test. */
function withLimit(store: MemoryStore, leases: number): ExecutionStore {
  let left = leases;
  return new Proxy(store, {
    get(target, property) {
      const member = Reflect.get(target, property, target);
      if (property === "acquire" && left-- <= 0) return () => new Promise(() => {});
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

describe("a callback's completion", () => {
  it("counts once: the second, the failure and the heartbeat after it are refused", async () => {
    const { rig, id, callbackId } = await withCallbacks();
    const { client } = rig.runtime;
    await client.sendCallbackSuccess(callbackId, "first");
    const refused = code("TIDEMARK_CALLBACK_SETTLED", "it has an outcome already (callback_succeeded)");

    await expect(client.sendCallbackSuccess(callbackId, "second")).rejects.toEqual(refused);
    await expect(client.sendCallbackFailure(callbackId, { ErrorMessage: "third" })).rejects.toEqual(refused);
    await expect(client.sendCallbackHeartbeat(callbackId)).rejects.toEqual(refused);
    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "first" });
    await expect(client.sendCallbackSuccess(callbackId, "late")).rejects.toEqual(
      code("TIDEMARK_CALLBACK_SETTLED"),
    );
  });

  it("counts once, also when many race", async () => {
    const { rig, id, callbackId } = await withCallbacks();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, n) => rig.runtime.client.sendCallbackSuccess(callbackId, `${n}`)),
    );
    const accepted = outcomes.findIndex(({ status }) => status === "fulfilled");

    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: String(accepted) });
  });

  it("while its execution is stopped is kept for when it is resumed", async () => {
    const { rig, id, callbackId } = await withCallbacks();
    await rig.runtime.client.stop(id);

    await rig.runtime.client.sendCallbackSuccess(callbackId, '"early"');
    await rig.runtime.client.resume(id);

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: '"early"' });
  });

  it.each([
    ["a text", () => "not-an-id", "TIDEMARK_CALLBACK_ID"],
    ["nothing", () => undefined, "TIDEMARK_CALLBACK_ID"],
    ["an object", () => ({}), "TIDEMARK_CALLBACK_ID"],
    ["one that was cut off", (id: string) => id.slice(0, -1), "TIDEMARK_CALLBACK_NOT_FOUND"],
    ["one of another operation", (id: string) => id.replace(":1-1:", ":1-7:"), "TIDEMARK_CALLBACK_NOT_FOUND"],
    ["one of an unknown execution", (id: string) => `x${id}`, "TIDEMARK_CALLBACK_NOT_FOUND"],
  ])("refuses an id that is %s, and changes nothing", async (_name, change, expected) => {
    const { rig, id, callbackId } = await withCallbacks();
    const garbled = change(callbackId) as string;
    const { client } = rig.runtime;

    await expect(client.sendCallbackSuccess(garbled, "x")).rejects.toEqual(code(expected));
    await expect(client.sendCallbackFailure(garbled)).rejects.toEqual(code(expected));
    await expect(client.sendCallbackHeartbeat(garbled)).rejects.toEqual(code(expected));
    expect(await rig.ending(id)).toEqual({ status: "PENDING" });
  });

  it("refuses a payload that is no text, and the callback stays open", async () => {
    const { rig, id, callbackId } = await withCallbacks();

    await expect(rig.runtime.client.sendCallbackSuccess(callbackId, { a: 1 } as never)).rejects.toEqual(
      code("TIDEMARK_CALLBACK_PAYLOAD", "pass a text, such as JSON.stringify(value)"),
    );
    await rig.runtime.client.sendCallbackSuccess(callbackId, "fine");
    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "fine" });
  });

  it("without a payload gives undefined", async () => {
    const { rig, id, callbackId } = await withCallbacks();
    await rig.runtime.client.sendCallbackSuccess(callbackId);

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED" });
  });

  it("at the very moment of the timeout has exactly one outcome, which both sides agree on", async () => {
    const rig = await createRig();
    const ids: string[] = [];
    const id = await rig.begin(async (_event, context) => {
      const [outcome, callbackId] = await context.createCallback({ timeout: { seconds: 5 } });
      ids.push(callbackId);
      return outcome.catch((error: Error) => error.name);
    });
    let accepted: boolean | undefined;
    rig.runtime.clock.setTimer(() => {
      rig.runtime.client.sendCallbackSuccess(ids[0] as string, "in time").then(
        () => {
          accepted = true;
        },
        () => {
          accepted = false;
        },
      );
    }, 5000);

    const { result } = await rig.end(id);

    expect(result).toBe(accepted ? "in time" : "CallbackTimeoutError");
  });

  it("is not timed out while heartbeats come in time", async () => {
    const { rig, id, beat, callbackId } = await withHeartbeats();
    for (let count = 0; count < 5; count++) await beat();
    await rig.runtime.advance(9000);
    await rig.runtime.client.sendCallbackSuccess(callbackId(), "called");

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "called" });
  });

  // session.ts `#claimTimeout` gives way to any heartbeat in the inbox, also to one whose own deadline has passed, and
  // `open` calls that nothing new: the lease is taken and given back in the same millisecond for ever.
  it("is timed out when its heartbeats stop", async () => {
    const { rig, id, beat } = await withHeartbeats();
    for (let count = 0; count < 5; count++) await beat();
    await rig.runtime.advance(20_000);

    expect(await rig.ending(id)).toEqual({
      status: "SUCCEEDED",
      result: ["Callback timed out on heartbeat", 50_000],
    });
  });
});

describe("a heartbeat that comes in time", () => {
  it.each([
    ["after", true],
    ["before", false],
  ])(
    "keeps the callback alive, although a wait that began %s it is due at the same time",
    async (_when, waitsFirst) => {
      const rig = await createRig();
      const gate = defer<string>();
      const ids: string[] = [];
      const id = await rig.begin(async (_event, context) => {
        const wait = () => context.wait("ten", { seconds: 10 });
        const call = async () => {
          const [outcome, callbackId] = await context.createCallback<string>("callback", {
            heartbeatTimeout: { seconds: 10 },
          });
          ids.push(callbackId);
          return outcome.catch((error: Error) => error.name);
        };
        // It keeps the invocation alive.
        const body = context.step("body", () => gate.promise);
        return Promise.all(waitsFirst ? [wait(), call(), body] : [call(), wait(), body]);
      });
      await rig.runtime.advance(8_000);
      await rig.runtime.client.sendCallbackHeartbeat(ids[0] as string);
      await rig.runtime.advance(4_000);
      await rig.runtime.client.sendCallbackSuccess(ids[0] as string, "yes");
      gate.resolve("body");

      expect((await rig.end(id)).result).toEqual(waitsFirst ? [null, "yes", "body"] : ["yes", null, "body"]);
    },
  );
});

it("may be failed with an error itself", async () => {
  const rig = await createRig();
  const ids: string[] = [];
  const id = await rig.begin(async (_event, context) => {
    const [outcome, callbackId] = await context.createCallback<string>("callback");
    ids.push(callbackId);
    return outcome;
  });
  await rig.runtime.client.sendCallbackFailure(ids[0] as string, new RangeError("denied by Bob"));

  expect((await rig.end(id)).error).toMatchObject({
    ErrorMessage: "denied by Bob",
    Cause: { ErrorType: "RangeError" },
  });
});
