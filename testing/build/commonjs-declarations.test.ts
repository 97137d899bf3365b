import { toCommonJsDeclaration } from "./commonjs-declarations";

describe("the CommonJS twin of a declaration file", () => {
  it("points every relative import to a twin", () => {
    const text = [
      'export { type A, b } from "./a.js";',
      "export * from '../c/d.js';",
      'import "./e.js";',
      'export declare const f: import("./f.js").F;',
    ].join("\n");

    expect(toCommonJsDeclaration(text)).toBe(
      [
        'export { type A, b } from "./a.cjs";',
        "export * from '../c/d.cjs';",
        'import "./e.cjs";',
        'export declare const f: import("./f.cjs").F;',
      ].join("\n"),
    );
  });

  it("leaves other packages and plain text alone", () => {
    const text = 'import type { A } from "@tidemark/protocol";\n/** Reads "./log.js" from disk. */';

    expect(toCommonJsDeclaration(text)).toBe(text);
  });
});
