/** The code in the documentation: every fence compiles, and those that are marked run as they say. */

import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { compileModules } from "./compile-modules";
import {
  docstringFencesIn,
  type Fence,
  fencesIn,
  isChecked,
  isTestFile,
  markingProblem,
  readFences,
  runnableFences,
} from "./fences";
import { type RunOutcome, runModules } from "./run-modules";
import { writeModules } from "./snippet-module";

const workspaceDirectory = resolve(__dirname, "../..");
const fences = readFences(workspaceDirectory);
const runnable = runnableFences(fences);

/** Shows that what does not compile is found, and where: line 2 is wrong, line 1 needs the names that are there for fragments. */
const WRONG: Fence = {
  path: "wrong.md",
  line: 10,
  language: "ts",
  mode: "",
  code: 'const answer = await context.step("ask", async () => 42);\nanswer.toUpperCase();\nreturn answer;\n',
  isDocstring: false,
};

const GUIDES_THAT_RUN = ["testing", "testing-crashes", "determinism", "changing-code"].map(
  (name) => `docs/guides/${name}.md`,
);

const checked = [...fences.filter(isChecked), WRONG];
const placeOf = ({ path, line }: Fence): string => `${path}:${line}`;

describe("the code in the documentation", () => {
  // Below the work tree, where the compiler and Node find the dependencies.
  const parent = join(workspaceDirectory, ".tidemark");
  let projectDirectory: string;
  let findings: string[];
  let outcomes: ReadonlyMap<number, RunOutcome>;

  beforeAll(async () => {
    mkdirSync(parent, { recursive: true });
    projectDirectory = mkdtempSync(join(parent, "docs-"));
    writeModules(checked, workspaceDirectory, projectDirectory);
    const runIndexes = checked.flatMap(({ mode }, index) => (mode === "run" ? [index] : []));
    [findings, outcomes] = await Promise.all([
      compileModules(checked, workspaceDirectory, projectDirectory),
      runModules(runIndexes, workspaceDirectory, projectDirectory),
    ]);
  }, 60_000);

  afterAll(() => rmSync(projectDirectory, { recursive: true, force: true }));

  it("is marked as what it is", () => {
    const problems = fences.flatMap((fence) => {
      const problem = markingProblem(fence);
      return problem === undefined ? [] : [`${placeOf(fence)} ${problem}`];
    });
    expect(problems).toEqual([]);
  });

  it("compiles, and what does not is found", () => {
    const unwanted = findings.filter((finding) => !finding.startsWith("wrong.md"));
    if (unwanted.length > 0) throw new Error(`${unwanted.length} errors:\n${unwanted.join("\n")}`);
    expect(findings).toEqual([
      "wrong.md:11: TS2339: Property 'toUpperCase' does not exist on type 'number'.",
    ]);
  });

  it("runs, all of it, in the guides that are about running code", () => {
    const resting = fences.filter(
      ({ path, language, mode }) => GUIDES_THAT_RUN.includes(path) && language === "ts" && mode !== "run",
    );
    expect(resting.map(placeOf)).toEqual([]);
  });

  it.each(runnable.map((fence) => [placeOf(fence), fence] as const))(
    "%s passes its tests, or prints what the text fence after it says",
    (place, fence) => {
      const { output, failure } = outcomes.get(
        checked.findIndex((one) => placeOf(one) === place),
      ) as RunOutcome;
      if (failure !== undefined) throw new Error(failure);
      if (isTestFile(fence)) expect(output).toMatch(/^# pass [1-9]\d*\n# fail 0$/m);
      else expect(output).toBe(fence.output);
    },
  );
});

describe("fences", () => {
  it("are found with language, mode and line, also indented ones", () => {
    const text =
      "# Title\n\n```ts run\nconst a = 1;\n```\n\n- item\n\n  ```text\n  one\n    two\n  ```\n\n```ts\n// run\nb();\n```\n";
    expect(fencesIn(text, "a.md")).toEqual([
      { path: "a.md", line: 4, language: "ts", mode: "run", code: "const a = 1;\n", isDocstring: false },
      { path: "a.md", line: 10, language: "text", mode: "", code: "one\n  two\n", isDocstring: false },
      { path: "a.md", line: 15, language: "ts", mode: "run", code: "// run\nb();\n", isDocstring: false },
    ]);
  });

  it("are found in docstrings and nowhere else in a source", () => {
    const source =
      "const text = `\n```ts\nno\n```\n`;\n/**\n * Doubles.\n *\n * @example\n * ```ts\n * double(\n *   2,\n * );\n * ```\n */\nexport function double() {}\n";
    expect(docstringFencesIn(source, "a.ts")).toEqual([
      { path: "a.ts", line: 11, language: "ts", mode: "", code: "double(\n  2,\n);\n", isDocstring: true },
    ]);
  });

  it("run with the text fence that follows in the same file", () => {
    const text = "```ts run\na();\n```\n\n```text\n1\n```\n\n```ts run\nb();\n```\n";
    const outputs = runnableFences(fencesIn(text, "a.md")).map(({ output }) => output);
    expect(outputs).toEqual(["1\n", ""]);
  });

  it.each([
    ["ts", undefined],
    ["ts run", undefined],
    ["ts nocheck: shows code that the compiler refuses", undefined],
    ["text", undefined],
    ["ts nocheck", "is marked"],
    ["ts nocheck: because", "is marked"],
    ["ts ignore", "is marked"],
    ["typescript", "is marked typescript; write ts"],
  ])("marked %j are judged", (info, problem) => {
    const [fence] = fencesIn(`\`\`\`${info}\na\n\`\`\`\n`, "a.md");
    const found = markingProblem(fence as Fence);
    if (problem === undefined) expect(found).toBeUndefined();
    else expect(found).toContain(problem);
  });
});
