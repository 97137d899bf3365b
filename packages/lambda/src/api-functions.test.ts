/** What a request names, on a store that does not take everything as a key. */

import type { ExecutionStore } from "@tidemark/store";
import { type StoreSource, storeSource } from "../../../testing/engines/stores";
import { type ApiRig, startApi } from "../../../testing/managed/api-rig";

let source: StoreSource;
let store: ExecutionStore;
let rig: ApiRig;

beforeAll(async () => {
  source = await storeSource("dynamodb");
  store = await source.open();
  rig = await startApi({
    store,
    functions: { greet: { durable: false, handler: async () => "hello" } },
  });
}, 60_000);

afterAll(async () => {
  await rig.close();
  await source.close();
}, 60_000);

async function answerTo(method: string, path: string): Promise<readonly unknown[]> {
  const response = await fetch(`${rig.url}/${path}`, {
    method,
    ...(method === "POST" ? { body: "{}" } : {}),
  });
  return [
    response.status,
    response.headers.get("x-amzn-errortype"),
    ((await response.json()) as { message?: string }).message,
  ];
}

const LONG = "x".repeat(3000);

it.each([
  ["POST", `2015-03-31/functions/${LONG}/invocations`],
  ["POST", `2015-03-31/functions/${encodeURIComponent("grüße")}/invocations`],
  ["GET", `2025-12-01/functions/${LONG}/durable-executions`],
])("what cannot be a function is not found: %s %.40s", async (method, path) => {
  const name = decodeURIComponent(path.split("/")[2] as string);

  expect(await answerTo(method, path)).toEqual([
    404,
    "ResourceNotFoundException",
    `Function not found: ${name}`,
  ]);
});

it.each(["%0d%0aSet-Cookie:a", "x".repeat(129), "ü"])(
  "a qualifier that is none starts nothing: %.20s",
  async (qualifier) => {
    expect(await answerTo("POST", `2015-03-31/functions/greet/invocations?Qualifier=${qualifier}`)).toEqual([
      400,
      "InvalidParameterValueException",
      expect.stringMatching(
        /^Qualifier is ".*"; 1 to 128 of the characters A-Z, a-z, 0-9, \$, _ and - are needed$/,
      ),
    ]);
    expect((await store.list({ limit: 10 })).heads).toEqual([]);
  },
);
