/** Values of options that would wait for ever, or give something else than was asked for. */

import { MemoryStore } from "@tidemark/store";
import { DurableClient } from "./client";

const client = new DurableClient({ store: new MemoryStore() });

/** What a caller without types may pass. */
const loose = (value: unknown): never => value as never;

it.each<[string, () => Promise<unknown>, string]>([
  [
    "a patience that is no number",
    () => client.result("e", { timeoutMs: Number.NaN }),
    "result: timeoutMs is NaN; pass a number of milliseconds, or leave it out to wait for the end",
  ],
  [
    "a patience as a text",
    () => client.result("e", { timeoutMs: loose("5000") }),
    'result: timeoutMs is "5000"; pass a number of milliseconds, or leave it out to wait for the end',
  ],
  [
    "a limit of events below 0",
    () => client.history("e", { limit: -1 }),
    "history: limit is -1; pass a whole number of at least 0",
  ],
  [
    "a limit of events that is no number",
    () => client.history("e", { limit: Number.NaN }),
    "history: limit is NaN; pass a whole number of at least 0",
  ],
  [
    "an event as a text",
    () => client.history("e", { afterEventId: loose("2") }),
    'history: afterEventId is "2"; pass a whole number of at least 0',
  ],
  [
    "a function that is no name",
    () => client.list({ functionName: loose(5) }),
    "list: functionName is 5; pass the name of a function",
  ],
])("%s is refused", async (_what, call, message) => {
  await expect(call()).rejects.toMatchObject({ code: "TIDEMARK_CLIENT_CONFIG", message });
});
