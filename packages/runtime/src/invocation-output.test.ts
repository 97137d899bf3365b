/** What a function answers is checked before it is recorded. */

import { invocationOutputOf } from "./invocation-output";

it.each([
  [{ Status: "PENDING", Result: null, Error: null }, { Status: "PENDING" }],
  [{ Status: "SUCCEEDED", Result: null }, { Status: "SUCCEEDED" }],
  [
    { Status: "SUCCEEDED", Result: "1" },
    { Status: "SUCCEEDED", Result: "1" },
  ],
  [
    { Status: "FAILED", Result: null, Error: { ErrorMessage: "no", ErrorData: null } },
    { Status: "FAILED", Error: { ErrorMessage: "no" } },
  ],
  [{ Status: "FAILED" }, { Status: "FAILED", Error: {} }],
])("an output is taken as it is, without what other languages write for nothing: %j", (returned, output) => {
  expect(invocationOutputOf(returned, "main")).toEqual(output);
});

it.each([
  [undefined, "TIDEMARK_OUTPUT", /^function main returned no invocation output; wrap it/],
  [{ Status: "DONE" }, "TIDEMARK_OUTPUT", /^function main returned no invocation output; wrap it/],
  [
    { Status: "SUCCEEDED", Result: { ok: true } },
    "TIDEMARK_OUTPUT",
    'Result of the output of function main is {"ok":true}; it is a text, such as JSON.stringify(value)',
  ],
  [
    { Status: "FAILED", Error: "broken" },
    "TIDEMARK_ERROR_OBJECT",
    'Error of the output of function main is "broken"; pass a record such as { ErrorMessage: text }',
  ],
])("what nobody could read back is refused: %j", (returned, code, message) => {
  expect(() => invocationOutputOf(returned, "main")).toThrow(
    expect.objectContaining({
      code,
      message: typeof message === "string" ? message : expect.stringMatching(message),
    }),
  );
});
