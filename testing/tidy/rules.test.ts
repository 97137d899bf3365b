import { deadExports, forbiddenImports, type Layers } from "./import-rules";
import { parseSource, report } from "./source-file";
import { anyTypes, badName, bannedCalls, leftovers, longFile, longFunctions } from "./source-rules";

const layers: Layers = {
  low: { packages: [], externals: [], builtins: [] },
  high: { packages: ["low"], externals: ["ulid"], builtins: ["crypto"] },
};

function source(text: string, path = "packages/high/src/x.ts") {
  return parseSource(path, text);
}

function lines(...text: string[]): string {
  return text.join("\n");
}

describe("the import rule", () => {
  it("allows what the matrix lists", () => {
    const file = source(
      lines(
        'import { a } from "@tidemark/low";',
        'import { ulid } from "ulid";',
        'import { createHash } from "node:crypto";',
        'export { b } from "./b.js";',
      ),
    );

    expect(forbiddenImports([file], layers)).toEqual([]);
  });

  it("finds every kind of import that the matrix does not list", () => {
    const file = source(
      lines(
        'import { a } from "@tidemark/high";',
        'import { b } from "@tidemark/low/dist/b.js";',
        'export * from "../../high/src/c.js";',
        'import { readFileSync } from "node:fs";',
        'type D = import("lodash").D;',
        'const e = import("e");',
        'const f = require("f");',
      ),
      "packages/low/src/x.ts",
    );

    expect(report(forbiddenImports([file], layers))).toBe(
      lines(
        'packages/low/src/x.ts:1: imports "@tidemark/high"; low may import none of this kind',
        'packages/low/src/x.ts:2: imports "@tidemark/low/dist/b.js"; import the package itself, its index has all that is public',
        'packages/low/src/x.ts:3: imports "../../high/src/c.js", which is in packages/high/src/c.ts; import other packages by their name',
        'packages/low/src/x.ts:4: imports "node:fs"; low may import none of this kind',
        'packages/low/src/x.ts:5: imports "lodash"; low may import none of this kind',
        'packages/low/src/x.ts:6: imports "e"; low may import none of this kind',
        'packages/low/src/x.ts:7: imports "f"; low may import none of this kind',
      ),
    );
  });

  it("lets tests import any package and the suites, but nothing deep", () => {
    const text = lines(
      'import { a } from "@tidemark/high";',
      'import { suite } from "../../../testing/contract/suite";',
      'import { b } from "../../high/src/b.js";',
    );
    const file = source(text, "packages/low/src/x.test.ts");

    expect(forbiddenImports([file], layers).map(({ line }) => line)).toEqual([3]);
  });
});

describe("the search for dead exports", () => {
  it("finds an export that no other file names", () => {
    const files = [
      source("export { used } from './a.js'; export type { T } from './a.js';", "packages/high/src/index.ts"),
      source(
        lines(
          "export const used = 1;",
          "export type T = 1;",
          "export const [dead, { alive: renamed }] = x;",
          "export function lonely() {}",
        ),
        "packages/high/src/a.ts",
      ),
      source("import { renamed as r } from './a.js';", "packages/high/src/b.ts"),
    ];

    expect(deadExports(files).map(({ line, what }) => `${line}: ${what}`)).toEqual([
      '3: exports "dead", which nobody imports; delete it, or export it from the index',
      '4: exports "lonely", which nobody imports; delete it, or export it from the index',
    ]);
  });

  it("takes a namespace import as a use of every name", () => {
    const files = [
      source("export const a = 1;", "packages/high/src/a.ts"),
      source("import * as all from './a.js';", "packages/high/src/b.ts"),
    ];

    expect(deadExports(files)).toEqual([]);
  });

  it("wants an index to name what it exports", () => {
    const index = source("export * from './a.js';", "packages/high/src/index.ts");

    expect(deadExports([index])).toHaveLength(1);
  });
});

describe("the ban on clocks, timers and randomness", () => {
  it.each([
    "Date.now()",
    "const now = Date.now",
    "globalThis.Date.now()",
    'Date["now"]()',
    "Math.random()",
    "new Date()",
    "new Date",
    "Date()",
    "performance.now()",
    "process.hrtime.bigint()",
    "setTimeout(f, 1)",
    "globalThis.setInterval(f, 1)",
    "const clock = { setImmediate }",
    "run(setTimeout as never)",
    'import { scheduler } from "node:timers/promises"',
  ])("finds %s", (text) => {
    expect(bannedCalls(source(text))).toHaveLength(1);
  });

  it.each([
    "new Date(nowMs)",
    "clock.now()",
    "clock.setTimeout(f, 1)",
    "interface Clock { setTimeout(f: F, ms: number): Handle }",
    "type Handle = ReturnType<typeof setTimeout>",
    "const clock = { setTimeout: arm }",
    "class C { setTimeout() {} }",
    "// Date.now() is banned",
    "const text = 'setTimeout(f)'",
  ])("allows %s", (text) => {
    expect(bannedCalls(source(text))).toEqual([]);
  });
});

describe("the rules for one file", () => {
  it("find any, also inside other types", () => {
    const file = source(lines("const a: unknown = 1;", "type B = Map<string, any[]>;", "const any = a;"));

    expect(anyTypes(file).map(({ line }) => line)).toEqual([2]);
  });

  it("find leftovers in comments and text", () => {
    const file = source(lines("const a = 1;", `// ${"TO"}${"DO"}: later`, "const todo = 2;"));

    expect(leftovers(file).map(({ line }) => line)).toEqual([2]);
  });

  it("count lines, the last line break not included", () => {
    expect(longFile(source("a;\nb;\n"), 2)).toEqual([]);
    expect(report(longFile(source("a;\nb;\nc;\n"), 2))).toBe(
      "packages/high/src/x.ts:3: has 3 lines; at most 2",
    );
  });

  it("measure functions of every kind by their name", () => {
    const file = source(
      lines(
        "function declared() {",
        "}",
        "const arrow = () => {",
        "};",
        "class C {",
        "  #secret() {",
        "  }",
        "  method() {}",
        "}",
      ),
    );

    expect(longFunctions(file, 1).map(({ what }) => what)).toEqual([
      "declared has 2 lines; at most 1",
      "arrow has 2 lines; at most 1",
      "#secret has 2 lines; at most 1",
    ]);
  });

  it("measure a suite test by test", () => {
    const file = source(
      lines(
        "export function suite() {",
        "  describe.each([1])('s', () => {",
        "    it('t', () => {",
        "    });",
        "  });",
        "}",
      ),
    );

    expect(longFunctions(file, 2)).toEqual([]);
    expect(longFunctions(file, 1).map(({ line }) => line)).toEqual([3]);
  });

  it("find names that attract what belongs elsewhere", () => {
    expect(badName("packages/sdk/src/common/retry.ts")).toHaveLength(1);
    expect(badName("packages/sdk/src/test-utils.ts")).toHaveLength(1);
    expect(badName("packages/sdk/src/replayCheck.ts")).toHaveLength(1);
    expect(badName("packages/sdk/src/replay-check.test.ts")).toEqual([]);
    expect(badName("docs/decisions/README.md")).toEqual([]);
  });
});
