import { isOverBytes, MAX_INLINE_PAYLOAD_BYTES } from "./limits.js";

describe("isOverBytes, at 256 KB", () => {
  it.each([
    ["ASCII at the limit", "x".repeat(256 * 1024), false],
    ["ASCII over it", "x".repeat(256 * 1024 + 1), true],
    ["wide characters at the limit", "€".repeat(87_381), false],
    ["wide characters over it", "€".repeat(87_382), true],
    ["surrogate pairs at the limit", "😀".repeat(64 * 1024), false],
    ["surrogate pairs over it", `${"😀".repeat(64 * 1024)}x`, true],
    ["nothing", "", false],
  ])("%s", (_name, payload, expected) => {
    expect(isOverBytes(payload, MAX_INLINE_PAYLOAD_BYTES)).toBe(expected);
  });
});
