import { uniqueId } from "./unique-id.js";

describe("uniqueId", () => {
  it("is a ULID of the given time", () => {
    expect(uniqueId(Date.UTC(2030, 0, 1))).toMatch(/^01Q3DCBD00[0-9A-HJKMNP-TV-Z]{16}$/);
  });

  it("is one of the time 0, too", () => {
    expect(uniqueId(0)).toMatch(/^0000000000/);
  });

  it("sorts by time", () => {
    const ids = [1, 31, 32, 1_000_000, Date.UTC(2030, 0, 1)].map(uniqueId);

    expect([...ids].sort()).toEqual(ids);
  });

  it("is another one each time, over many portions of random bytes", () => {
    expect(new Set(Array.from({ length: 2000 }, () => uniqueId(1000))).size).toBe(2000);
  });

  it("uses every letter at every random place", () => {
    const places = Array.from({ length: 16 }, () => new Set<string>());
    for (let count = 0; count < 2000; count++) {
      for (const [index, letter] of [...uniqueId(1000).slice(10)].entries()) places[index]?.add(letter);
    }

    expect(places.map(({ size }) => size)).toEqual(places.map(() => 32));
  });
});
