/** Choices that decide safety or completion: one that is not among those that there are is an error at the call. */

import type { DurableContext } from "@tidemark/sdk";
import { createRig } from "./rig";

const wrong = (value: unknown): never => value as never;
const none = async (): Promise<void> => {};

const CALLS: [string, (context: DurableContext) => unknown, string, string][] = [
  [
    "parallel with an unknown threshold",
    (c) => c.parallel([none], { completionConfig: wrong({ minSucessful: 1 }) }),
    "TIDEMARK_BATCH_CONFIG",
    "completionConfig.minSucessful is not an option; did you mean minSuccessful? Options: minSuccessful, ",
  ],
  [
    "map with a concurrency that is no number",
    (c) => c.map("m", [1], none, { maxConcurrency: Number.NaN }),
    "TIDEMARK_BATCH_CONFIG",
    'context.map "m": maxConcurrency is NaN; pass a whole number of at least 1',
  ],
  [
    "map with a large object in place of an array: no more of it is shown than helps",
    (c) => c.map("m", wrong({ orders: "x".repeat(1000) }), none),
    "TIDEMARK_ARGUMENT",
    `context.map "m": items is {"orders":"${"x".repeat(289)}…; pass an array`,
  ],
  [
    "map with a text that is no nesting",
    (c) => c.map([1], none, { nesting: wrong("flat") }),
    "TIDEMARK_ARGUMENT",
    'nesting is "flat"; use NESTED or FLAT',
  ],
  [
    "map with an item serdes that cannot read",
    (c) => c.map([1], none, { itemSerdes: wrong({ serialize: none }) }),
    "TIDEMARK_ARGUMENT",
    "itemSerdes is {}; pass an object with serialize and deserialize functions",
  ],
  [
    "step with a text that is no semantics",
    (c) => c.step(none, { semantics: wrong("once") }),
    "TIDEMARK_ARGUMENT",
    'semantics is "once"; use AT_MOST_ONCE_PER_RETRY or AT_LEAST_ONCE_PER_RETRY',
  ],
  [
    "step with a text for a serdes",
    (c) => c.step(none, { serdes: wrong("json") }),
    "TIDEMARK_ARGUMENT",
    'serdes is "json"; pass an object with serialize and deserialize functions',
  ],
];

it.each(CALLS)("%s", async (_name, call, code, message) => {
  const rig = await createRig();
  const ending = await rig.run(async (_event, context) => {
    await call(context);
  });

  expect(ending).toMatchObject({
    status: "FAILED",
    error: { ErrorType: code, ErrorMessage: expect.stringContaining(message) },
  });
});

it("a configuration of null is none, as in the AWS SDK", async () => {
  const rig = await createRig();
  const ending = await rig.run(async (_event, context) => {
    const config = wrong(null);
    const results = [
      await context.step("step", async () => 1, config),
      await context.runInChildContext("child", async () => 2, config),
      (await context.map("map", [3], async (_branch, item) => item, config)).getResults(),
      (await context.parallel("parallel", [async () => 4], config)).getResults(),
    ];
    // Nobody answers it.
    void context.waitForCallback("callback", async () => {}, config);
    return results;
  });

  expect(ending).toEqual({ status: "SUCCEEDED", result: [1, 2, [3], [4]] });
});
