/** Owns the form of a kept history, and how one is recorded and read. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodeEntry, type ExecutionHead, encodeEntry, type LogEntry } from "@tidemark/protocol";
import { MemoryPayloadStore, MemoryStore, Payloads, wholeLog } from "@tidemark/store";
import { fewAtOnce } from "../kit/few-at-once";
import { createTestRuntime, type TestRuntime } from "../kit/test-runtime";
import { goldenHandlers, INLINE_LIMIT_BYTES, ITEMS_AT_ONCE } from "./handlers";

export interface GoldenHistory {
  /** Version of Tidemark that recorded it. */
  readonly release: string;
  /** Key in `goldenHandlers`. */
  readonly handler: string;
  readonly head: ExecutionHead;
  readonly entries: readonly LogEntry[];
  /** What the log points at. */
  readonly payloads: Payloads;
}

interface GoldenFile {
  readonly release: string;
  readonly handler: string;
  readonly head: ExecutionHead;
  /** As a store keeps them, from sequence 1. */
  readonly entries: readonly string[];
  /** The payload store, as base64 by key; absent where there was none. */
  readonly objects?: Readonly<Record<string, string>>;
}

const DIRECTORY = join(__dirname, "golden");

export function readGoldenHistories(): GoldenHistory[] {
  return readdirSync(DIRECTORY)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => readGolden(JSON.parse(readFileSync(join(DIRECTORY, file), "utf8")) as GoldenFile));
}

function readGolden({ release, handler, head, entries, objects = {} }: GoldenFile): GoldenHistory {
  const store = new MemoryPayloadStore({ nowMs: () => 0 });
  for (const [key, data] of Object.entries(objects)) void store.put(key, Buffer.from(data, "base64"));
  return {
    release,
    handler,
    head,
    entries: entries.map((text, index) => decodeEntry(text, index + 1)),
    payloads: new Payloads({ store }),
  };
}

/** Records the history of one handler on virtual time, callbacks answered by name. */
export async function recordGolden(release: string, handler: string): Promise<string> {
  const objects = new MemoryPayloadStore({ nowMs: () => 0 });
  const inlineLimitBytes = INLINE_LIMIT_BYTES[handler];
  const payloads =
    inlineLimitBytes === undefined ? undefined : new Payloads({ store: objects, inlineLimitBytes });
  const store = new MemoryStore(payloads === undefined ? {} : { payloads });
  const runtime = await createTestRuntime({ store });
  const make = goldenHandlers[handler];
  if (make === undefined) throw new Error(`there is no golden handler ${handler}`);
  const itemsAtOnce = ITEMS_AT_ONCE[handler];
  const made = make({ ran: 0 });
  runtime.register(handler, itemsAtOnce === undefined ? made : fewAtOnce(made, itemsAtOnce));
  runtime.register("echo", async (event: unknown) => event, { durable: false });
  const executionId = await runtime.start(handler, { id: "g-1" });
  await answerCallbacks(runtime, executionId);
  const outcome = await runtime.runToEnd(executionId);
  if (outcome.status !== "SUCCEEDED") throw new Error(`${handler} ended as ${JSON.stringify(outcome)}`);
  const head = await store.head(executionId);
  const entries = await wholeLog(store, executionId);
  await runtime.close();
  if (head === undefined) throw new Error("the execution has gone");
  const golden: GoldenFile = {
    release,
    handler,
    head,
    entries: entries.map(encodeEntry),
    ...(payloads === undefined ? {} : { objects: await contentOf(objects) }),
  };
  mkdirSync(DIRECTORY, { recursive: true });
  const path = join(DIRECTORY, `${release}-${handler}.json`);
  // Append-only: `wx` refuses to replace what a release has recorded.
  writeFileSync(path, `${JSON.stringify(golden, undefined, 1)}\n`, { flag: "wx" });
  return path;
}

async function contentOf(store: MemoryPayloadStore): Promise<Record<string, string>> {
  const objects: Record<string, string> = {};
  for await (const { key } of store.list("")) {
    objects[key] = Buffer.from((await store.get(key)) ?? []).toString("base64");
  }
  return objects;
}

/** Moves time until a callback without a timeout waits, and answers it. */
async function answerCallbacks(runtime: TestRuntime, executionId: string): Promise<void> {
  for (let round = 0; round < 10; round++) {
    await runtime.advance(31_000);
    const open = (await runtime.history(executionId)).filter(
      (event) => event.EventType === "CallbackStarted" && event.CallbackStartedDetails?.Timeout === undefined,
    );
    const callbackId = open.at(-1)?.CallbackStartedDetails?.CallbackId;
    if (typeof callbackId !== "string") continue;
    await runtime.client.sendCallbackSuccess(callbackId, '"an answer"').catch(() => {});
    return;
  }
}
