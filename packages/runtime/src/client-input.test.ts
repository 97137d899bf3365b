/** Inputs as text: what is refused, and which are the same. */

import { inputText, isSameInput } from "./client-input";

it("JSON is taken as it is", () => {
  expect(inputText({ inputJson: ' {"id": 12345678901234567890}' })).toBe(' {"id": 12345678901234567890}');
});

it.each([
  [{ inputJson: "{" }, /^inputJson is no JSON \(/],
  [{ inputJson: 5 as never }, /^inputJson is 5; pass JSON as a text, or the value itself as input$/],
  [{ inputJson: { id: 1 } as never }, /^inputJson is {"id":1}; pass JSON as a text/],
  [{ inputJson: "1", input: 1 }, /^input cannot be written as JSON \(there is inputJson, too\); /],
])("%j is refused", (options, message) => {
  expect(() => inputText(options)).toThrow(
    expect.objectContaining({ code: "TIDEMARK_INPUT", message: expect.stringMatching(message) }),
  );
});

it.each([
  [undefined, undefined, true],
  [undefined, "{}", false],
  ['{"a":[1,2]}', ' { "a" : [ 1,\n2 ] } ', true],
  ['{"a":"x y"}', '{"a":"xy"}', false],
  ['{"a":"\\" b"}', '{"a": "\\" b"}', true],
  ["12345678901234567890", "12345678901234567891", false],
])("%s and %s are the same input: %s", (recorded, given, isSame) => {
  expect(isSameInput(recorded, given)).toBe(isSame);
});
