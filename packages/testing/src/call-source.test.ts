import { callSource } from "./call-source.js";

const stackOf = (...frames: string[]): string =>
  ["Error: here", ...frames.map((frame) => `    at ${frame}`)].join("\n");

const SDK = "/app/node_modules/@tidemark/sdk/dist/index.js";

it.each([
  [
    "the frame behind the context's method",
    stackOf(
      "currentStack (/app/node_modules/@tidemark/testing/dist/index.js:1:1)",
      `LiveOperation.start (${SDK}:10:5)`,
      `perform (${SDK}:20:5)`,
      `OperationContext.step (${SDK}:30:5)`,
      "async handler (/app/src/orders.ts:12:20)",
    ),
    "/app/src/orders.ts:12:20",
  ],
  [
    "code that is bundled with the SDK",
    stackOf(
      "LiveOperation.start (/srv/bundle.js:10:5)",
      "OperationContext.step (/srv/bundle.js:30:5)",
      "/srv/bundle.js:900:7",
    ),
    "/srv/bundle.js:900:7",
  ],
  [
    "modules and anonymous functions",
    stackOf(
      `LiveOperation.start (file://${SDK}:10:5)`,
      `OperationContext.step (file://${SDK}:30:5)`,
      "node:internal/process/task_queues:105:5",
      "file:///app/src/orders.mjs:3:4",
    ),
    "/app/src/orders.mjs:3:4",
  ],
  [
    "a method whose name has been shortened",
    stackOf(`LiveOperation.start (${SDK}:10:5)`, `a.b (${SDK}:30:5)`, "async c (/app/src/orders.js:1:2)"),
    "/app/src/orders.js:1:2",
  ],
  ["nothing where the stack ends in the SDK", stackOf(`LiveOperation.start (${SDK}:10:5)`), undefined],
  ["nothing without a stack", "", undefined],
])("finds %s", (_what, stack, source) => {
  expect(callSource(stack)).toBe(source);
});
