import fc from "fast-check";
import { decodeCursor, encodeCursor } from "./cursor.js";

describe("cursor", () => {
  it("gives back where the page ended, for any head", () => {
    const ends = fc.record({ startedAtMs: fc.nat(), executionId: fc.string({ unit: "grapheme" }) });
    fc.assert(fc.property(ends, (end) => expect(decodeCursor(encodeCursor(end))).toEqual(end)));
  });

  it("begins at the beginning without a cursor", () => {
    expect(decodeCursor(undefined)).toBeUndefined();
  });

  it("refuses anything else, and says which", () => {
    const base64 = (text: string) => Buffer.from(text).toString("base64url");
    for (const cursor of ["", "nonsense", base64("null"), base64("[1]"), base64('["1","e"]'), base64("{}")]) {
      expect(() => decodeCursor(cursor)).toThrow(
        expect.objectContaining({ code: "TIDEMARK_CURSOR", message: expect.stringContaining(`"${cursor}"`) }),
      );
    }
  });
});
