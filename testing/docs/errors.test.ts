/** The pages of errors: one for each code in the sources, complete, and in the index. */

import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { errorCodesIn, pageOf } from "./error-codes";
import { sourceFiles } from "./fences";

const workspaceDirectory = resolve(__dirname, "../..");
const pagesDirectory = join(workspaceDirectory, "docs/errors");

const codes = [
  ...new Set(
    sourceFiles(workspaceDirectory).flatMap((path) =>
      errorCodesIn(readFileSync(join(workspaceDirectory, path), "utf8")),
    ),
  ),
].sort();
const pages = readdirSync(pagesDirectory).filter((file) => file !== "README.md");
const index = readFileSync(join(pagesDirectory, "README.md"), "utf8");

const SECTIONS = ["## When", "## Message", "## What to do", "## What is not lost"];

describe("the pages of errors", () => {
  it("exist for every code in the sources, and for nothing else", () => {
    expect(codes.length).toBeGreaterThan(50);
    expect([...pages].sort()).toEqual(codes.map(pageOf).sort());
  });

  it.each(codes)("%s has a page with its name, all sections and a line in the index", (code) => {
    const text = readFileSync(join(pagesDirectory, pageOf(code)), "utf8");
    expect(text.split("\n")[0]).toBe(`# ${code}`);
    expect(text.split("\n").filter((line) => line.startsWith("## "))).toEqual(SECTIONS);
    expect(index.split(`[\`${code}\`](${pageOf(code)})`)).toHaveLength(2);
  });
});

describe("codes", () => {
  it("are found as literals, in docstrings, as recorded types and as families", () => {
    const source = [
      'throw new TidemarkError("TIDEMARK_DURATION", text);',
      "/** @throws `TIDEMARK_CURSOR`, `TIDEMARK_STORE_`. */",
      'const end = { ErrorType: "Runtime.ExitError", ErrorMessage: "Callback.Timeout" };',
      "const failure = (name) => new TidemarkError(`TIDEMARK_STORE_$" + "{name}`);",
      'failure(\n  "FULL", text);',
    ].join("\n");
    expect(errorCodesIn(source).sort()).toEqual([
      "Runtime.ExitError",
      "TIDEMARK_CURSOR",
      "TIDEMARK_DURATION",
      "TIDEMARK_STORE_FULL",
    ]);
  });
});
