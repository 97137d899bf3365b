import { DatabaseSync } from "@photostructure/sqlite";
import fc from "fast-check";
import { storedText, storedTextOrNull, textOf } from "./text.js";

describe("stored text", () => {
  it("gives back any string, and finds it by the same string", () => {
    const database = new DatabaseSync(":memory:");
    database.exec("CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT UNIQUE)");
    const insert = database.prepare("INSERT INTO texts (text) VALUES (?) ON CONFLICT DO NOTHING");
    const find = database.prepare("SELECT text FROM texts WHERE text = ?");
    const anyString = fc.oneof(
      fc.string({ unit: "binary" }),
      fc
        .array(fc.constantFrom("a", "\0", "\ud83d", "\ude00", "\u00fc"), { maxLength: 6 })
        .map((parts) => parts.join("")),
    );

    fc.assert(
      fc.property(anyString, (text) => {
        insert.run(storedText(text));
        expect(textOf(find.get(storedText(text)).text)).toBe(text);
      }),
    );
    database.close();
  });

  it("leaves ordinary text readable", () => {
    expect(storedText('{"name":"Zoë \u{1F600}"}')).toBe('{"name":"Zoë \u{1F600}"}');
    expect(storedTextOrNull(undefined)).toBeNull();
  });
});
