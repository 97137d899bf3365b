/** The rules on code as people write it. A case is the body of a handler, unless it says `withDurableExecution` itself. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as parser from "@typescript-eslint/parser";
import { Linter } from "eslint";
import tidemark from "./index";

type RuleName = keyof typeof tidemark.rules;

const LANGUAGES: [string, Linter.Parser | undefined][] = [
  ["JavaScript", undefined],
  ["TypeScript", parser as Linter.Parser],
];

function fileOf(code: string): string {
  if (code.includes("withDurableExecution")) return code;
  return `import { withDurableExecution } from "@tidemark/sdk";
export const handler = withDurableExecution(async (event, context) => {
${code}
});`;
}

function configOf(rule: RuleName, chosen: Linter.Parser | undefined): Linter.Config {
  return {
    files: ["**/*.ts"],
    plugins: { "@tidemark": tidemark },
    rules: { [`@tidemark/${rule}`]: "error" },
    languageOptions: { ecmaVersion: 2022, sourceType: "module", ...(chosen && { parser: chosen }) },
  };
}

/** What the rule says of the code, as the messages up to their first `;` or `:`. */
function messages(rule: RuleName, code: string, chosen: Linter.Parser | undefined): string[] {
  const found = new Linter().verify(fileOf(code), configOf(rule, chosen), "file.ts");
  return found.map(({ message }) => message.split(/[;:]/)[0] as string);
}

/** The code after the fix, or after the first suggestion. */
function mended(rule: RuleName, code: string): string {
  const config = configOf(rule, undefined);
  const text = fileOf(code);
  const { output, fixed } = new Linter().verifyAndFix(text, config, "file.ts");
  const [first] = new Linter().verify(text, config, "file.ts");
  const fix = first?.suggestions?.[0]?.fix;
  const result =
    fixed || fix === undefined ? output : text.slice(0, fix.range[0]) + fix.text + text.slice(fix.range[1]);
  return result.split("\n").slice(2, -1).join("\n");
}

function says(rule: RuleName, code: string, expected: string[]): void {
  for (const [language, chosen] of LANGUAGES) {
    expect([language, messages(rule, code, chosen)]).toEqual([language, expected]);
  }
}

describe("no-nested-durable-operations", () => {
  const rule = "no-nested-durable-operations";
  const nested = (call: string) =>
    `${call} is called inside a body that runs once and is recorded as a whole`;

  it.each([
    ["await context.step(async () => context.wait({ seconds: 1 }));", ["context.wait"]],
    [
      "await context.step('a', async () => { for (const x of xs) await context.step(async () => x); });",
      ["context.step"],
    ],
    [
      "await context.waitForCallback('a', async (id) => { await context.invoke('f', id); });",
      ["context.invoke"],
    ],
    [
      "await context.waitForCondition(async (s) => context.promise.all([]), { initialState: 1 });",
      ["context.promise.all"],
    ],
    ["const body = async () => context.wait({ seconds: 1 });\nawait context.step(body);", ["context.wait"]],
    [
      "await context.map(xs, async (item, x) => item.step(async () => item.wait({ seconds: x })));",
      ["item.wait"],
    ],
    ["await context.parallel([{ name: 'a', func: async (b) => b.step(() => b.step(f)) }]);", ["b.step"]],
    ["await context.parallel(xs.map((x) => async (b) => b.step(() => b.step(f))));", ["b.step"]],
  ])("reports %s", (code, calls) => {
    says(rule, code, calls.map(nested));
  });

  it.each([
    "await context.step(async () => fetch('/'));",
    "await context.runInChildContext(async (child) => child.step(async () => 1));",
    "await context.map(xs, async (item, x) => item.runInChildContext(async (c) => c.wait({ seconds: 1 })));",
    "await context.step(async (context) => { context.logger.info('x'); });",
    "const other = { step: (f) => f() };\nawait context.step(async () => other.step(() => 1));",
  ])("leaves alone %s", (code) => {
    says(rule, code, []);
  });

  it("follows handlers, functions and contexts by name, through the file", () => {
    const code = `import * as sdk from "@tidemark/sdk";
async function charge(order, durable) {
  await durable.step("charge", async () => durable.wait({ seconds: 1 }));
}
const handle = async (event, ctx) => charge(event, ctx);
export const handler = sdk.withDurableExecution(handle);`;
    says(rule, code, [nested("durable.wait")]);
  });

  it("knows a context by its type, where the file does not say where it comes from", () => {
    const code =
      "/* withDurableExecution elsewhere */ export const pay = async (amount: number, c: DurableContext<Logger>) => c.step(async () => c.step(f));";
    expect(messages(rule, code, parser as Linter.Parser)).toEqual([nested("c.step")]);
  });
});

describe("no-parent-context-in-child", () => {
  const rule = "no-parent-context-in-child";
  const parent = (method: string, name: string) =>
    `${method} is called on ${name}, which belongs to the code around`;

  it.each([
    ["await context.runInChildContext(async (child) => context.step(f));", [parent("step", "context")]],
    [
      "await context.map(xs, async (item) => { await item.step(f); await context.wait({ seconds: 1 }); });",
      [parent("wait", "context")],
    ],
    ["await context.parallel([async () => context.step(f)]);", [parent("step", "context")]],
    [
      "await context.map(xs, async (a) => a.map(xs, async (b) => a.promise.all([])));",
      [parent("promise.all", "a")],
    ],
    [
      "await withRetry(context, 'x', async (attempt) => context.step(f), config);",
      [parent("step", "context")],
    ],
  ])("reports %s", (code, expected) => {
    says(rule, code, expected);
  });

  it.each([
    "await context.runInChildContext(async (context) => context.step(f));",
    "await Promise.all(xs.map(async (x) => context.step(f)));",
    "await context.runInChildContext(async (child) => { context.logger.info('a'); await child.step(f); });",
    "const group = () => context.step(f);\nawait group();",
  ])("leaves alone %s", (code) => {
    says(rule, code, []);
  });

  it("puts the right context there", () => {
    expect(mended(rule, "await context.runInChildContext(async (child) => context.step(f));")).toBe(
      "await context.runInChildContext(async (child) => child.step(f));",
    );
    const shadowed = "await context.map(xs, async (c) => { for (const c of xs) await context.step(c); });";
    expect(mended(rule, shadowed)).toBe(shadowed);
  });
});

describe("no-closure-in-durable-operations", () => {
  const rule = "no-closure-in-durable-operations";
  const closure = (name: string) => `${name} belongs to the code around this operation`;
  const ofModule = (name: string) => `${name} belongs to the module`;

  it.each([
    ["let total = 0;\nawait context.step(async () => { total += 1; });", [closure("total")]],
    ["let n = 0;\nawait context.runInChildContext(async (c) => { n++; await c.step(f); });", [closure("n")]],
    [
      "const seen = [];\nawait context.map(xs, async (c, x) => { seen.push(await c.step(f)); });",
      [closure("seen")],
    ],
    ["const seen = new Map();\nawait context.step(async () => { seen.set(1, 2); });", [closure("seen")]],
    ["const state = {};\nawait context.step(async () => { state.done = true; });", [closure("state")]],
    ["const state = {};\nawait context.step(async () => { delete state.done; });", [closure("state")]],
    [
      "let a, b;\nawait context.step(async () => { [a, { b }] = await load(); });",
      [closure("a"), closure("b")],
    ],
  ])("reports %s", (code, expected) => {
    says(rule, code, expected);
  });

  it.each([
    "let total = 0;\ntotal += await context.step(async () => 1);",
    "await context.step(async () => { let n = 0; n += 1; return n; });",
    "const api = connect();\nawait context.step(async () => api.delete(1));",
    "const sum = () => { let n = 0; n += 1; return n; };\nawait context.step(async () => sum());",
    "const seen = [];\nfor (const x of xs) seen.push(await context.step(f));",
    "const total = [1].map((x) => { let y = x; y += 1; return y; });\nawait context.wait({ seconds: total[0] });",
  ])("leaves alone %s", (code) => {
    says(rule, code, []);
  });

  it("reports what durable code changes in the module, and leaves other code alone", () => {
    const code = `import { withDurableExecution } from "@tidemark/sdk";
let runs = 0;
const cache = new Map();
export const handler = withDurableExecution(async (event, context) => {
  runs += 1;
  await context.step(async () => cache.set(1, 2));
});
export function reset() { runs = 0; }`;
    says(rule, code, [ofModule("runs"), closure("cache")]);
  });
});

describe("no-non-deterministic-outside-step", () => {
  const rule = "no-non-deterministic-outside-step";
  const changing = (what: string) => `${what} gives something else on each replay`;

  it.each([
    ["const at = Date.now();", ["Date.now()"]],
    ["const at = new Date();", ["new Date()"]],
    ["if (Math.random() > 0.5) await context.wait({ seconds: 1 });", ["Math.random()"]],
    ["const id = globalThis.crypto.randomUUID();", ["crypto.randomUUID()"]],
    ["await context.map(xs, async (c) => c.step(`s${performance.now()}`, f));", ["performance.now()"]],
    ["await context.step(`charge-${Date.now()}`, async () => 1);", ["Date.now()"]],
    ["const t = process.hrtime.bigint();", ["process.hrtime.bigint()"]],
    ["const now = () => Date.now();\nnow();\nawait context.step(async () => now());", ["Date.now()"]],
  ])("reports %s", (code, expected) => {
    says(rule, code, expected.map(changing));
  });

  it("knows what is imported, under whatever name", () => {
    const code = `import { withDurableExecution } from "@tidemark/sdk";
import { randomUUID as id } from "node:crypto";
import * as uuid from "uuid";
import { v5 } from "uuid";
import ulid from "ulid";
export const handler = withDurableExecution(async (event, context) => [id(), uuid.v4(), v5(event), ulid()]);`;
    says(rule, code, [changing("id()"), changing("uuid.v4()"), changing("ulid()")]);
  });

  it.each([
    "const at = await context.step(async () => Date.now());",
    "const day = new Date(event.at);",
    "const Math = { random: () => 4 };\nconst x = Math.random();",
    "const now = () => Date.now();\nawait context.step(async () => now());",
    "function count(n) { return n > 0 ? count(n - 1) : Date.now(); }\nawait context.step(async () => count(3));",
    "await recorded(context, 'at', async () => Date.now());",
    "const recorded = (c, name, f) => c.step(name, f);\nawait recorded(context, 'at', async () => Date.now());",
    "await context.step(f, { retryStrategy: () => ({ shouldRetry: Math.random() > 0.5 }) });",
  ])("leaves alone %s", (code) => {
    says(rule, code, []);
  });

  it("leaves alone code that is no durable function", () => {
    says(rule, "/* no withDurableExecution */ export const now = () => Date.now();", []);
  });

  it("suggests a step", () => {
    expect(mended(rule, "const day = new Date().getDay();")).toBe(
      "const day = (await context.step(async () => new Date())).getDay();",
    );
    expect(mended(rule, "const at = Date.now();")).toBe(
      "const at = await context.step(async () => Date.now());",
    );
  });
});

describe("no-side-effects-outside-step", () => {
  const rule = "no-side-effects-outside-step";

  it.each([
    ["const answer = await fetch('/');", ["fetch() runs again on each replay"]],
    [
      "setTimeout(f, 10);",
      ["setTimeout() is lost when the invocation ends, and starts again on each replay"],
    ],
    ["const url = process.env.URL;", ["process.env may be different when the execution goes on"]],
    ["const { URL } = process.env;", ["process.env may be different when the execution goes on"]],
  ])("reports %s", (code, expected) => {
    says(rule, code, expected);
  });

  it("knows modules that reach outside", () => {
    const code = `import { withDurableExecution } from "@tidemark/sdk";
import { readFile } from "node:fs/promises";
import axios from "axios";
import { join } from "node:path";
export const handler = withDurableExecution(async (event, context) => {
  await readFile(join("a", "b"));
  await axios.get("/");
  await context.step(async () => readFile("c"));
});`;
    says(rule, code, ["readFile() runs again on each replay", "axios.get() runs again on each replay"]);
  });

  it.each([
    "await context.step(async () => fetch(process.env.URL));",
    "const fetch = (x) => x;\nfetch(1);",
    "await context.waitForCallback(async (id) => { setTimeout(f, 1); });",
  ])("leaves alone %s", (code) => {
    says(rule, code, []);
  });

  it("suggests a step", () => {
    expect(mended(rule, "const answer = await fetch('/');")).toBe(
      "const answer = await context.step(async () => fetch('/'));",
    );
    const inner = "const answer = await fetch(await context.step(f));";
    expect(mended(rule, inner)).toBe(inner);
  });
});

describe("no-floating-durable-operations", () => {
  const rule = "no-floating-durable-operations";
  const floating = "Nobody awaits this operation";

  it.each([
    ["context.step(f);", [floating]],
    ["context.wait({ seconds: 1 }).then(f);", [floating]],
    ["if (event) context.invoke('f');", [floating]],
    ["event && context.step(f);", [floating]],
    ["event ? context.step(f) : context.wait({ seconds: 1 });", [floating]],
    ["const later = context.step(f);", ["Nobody awaits later"]],
    ["await context.map(xs, async (item) => { item.step(f); });", [floating]],
  ])("reports %s", (code, expected) => {
    says(rule, code, expected);
  });

  it.each([
    "await context.step(f);",
    "const later = context.step(f);\nawait later;",
    "const both = [context.step(f), context.wait({ seconds: 1 })];\nawait Promise.all(both);",
    "context.step(f).catch(() => undefined);",
    "void context.step(f);",
    "return context.step(f);",
    "context.configureLogger({});\ncontext.logger.info('x');",
  ])("leaves alone %s", (code) => {
    says(rule, code, []);
  });

  it("suggests to await", () => {
    expect(mended(rule, "context.step(f);")).toBe("await context.step(f);");
    expect(mended(rule, "context.step(f).then(g);")).toBe("await context.step(f).then(g);");
    expect(mended(rule, "event && context.step(f);")).toBe("event && await context.step(f);");
  });
});

describe("no-non-durable-await", () => {
  const rule = "no-non-durable-await";
  const awaits = "This awaits something that is not recorded";

  it.each([
    ["const user = await load(event);", [awaits]],
    ["await new Promise((resolve) => emitter.once('x', resolve));", [awaits]],
    ["await Promise.all(xs.map((x) => load(x)));", [awaits]],
  ])("reports %s", (code, expected) => {
    says(rule, code, expected);
  });

  it.each([
    "await context.step(async () => load(event));",
    "await charge(event, context);",
    "await Promise.race([context.wait({ seconds: 1 }), context.step(f)]);",
    "const later = context.step(f);\nawait Promise.any([later]);",
    "await Promise.all(xs.map(async (x) => context.step(async () => x)));",
    "const all = [];\nfor (const x of xs) all.push(context.step(async () => x));\nawait Promise.all(all);",
    "let later;\nif (event) later = context.step(f);\nawait Promise.all([later]);",
    "const group = async () => context.step(f);\nawait group();",
    "await withRetry(context, 'x', async (c) => c.step(f), config);",
    "const answer = await fetch('/');",
    "await context.step(async () => { await load(event); });",
  ])("leaves alone %s", (code) => {
    says(rule, code, []);
  });
});

describe("with types", () => {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-lint-"));
  afterAll(() => rmSync(directory, { recursive: true }));

  /** What the rule says of a file that the compiler knows, on which lines. */
  function lines(rule: RuleName, code: string): number[] {
    const path = join(directory, `${rule}.ts`);
    writeFileSync(path, code);
    // Without the library: it would take longer than all other tests together.
    const options = { compilerOptions: { noLib: true, types: [] }, files: [path] };
    writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(options));
    const programs = [parser.createProgram(join(directory, "tsconfig.json"))];
    const config = configOf(rule, parser as Linter.Parser);
    const linter = new Linter({ cwd: directory });
    const found = linter.verify(
      code,
      { ...config, languageOptions: { ...config.languageOptions, parserOptions: { programs } } },
      path,
    );
    return found.map(({ line }) => line);
  }

  const declarations = `declare class DurablePromise<T> { then(f: (value: T) => void): void }
declare const load: () => Promise<string>; declare const pay: () => DurablePromise<string>; declare const sum: () => number;
interface Promise<T> { then(f: (value: T) => void): void }
declare function withDurableExecution(f: (event: unknown, context: unknown) => unknown): unknown;
`;

  it("an operation is known by what a function returns", () => {
    const code = `${declarations}withDurableExecution(async (event, context) => {
  pay();
  load();
  await pay();
});`;
    expect(lines("no-floating-durable-operations", code)).toEqual([6]);
  });

  it("an await of an operation or of a plain value is right", () => {
    const code = `${declarations}withDurableExecution(async (event, context) => {
  const later = load();
  await pay();
  await sum();
  await load();
  await later;
});`;
    expect(lines("no-non-durable-await", code)).toEqual([9, 10]);
  });
});

describe("the plugin", () => {
  it("recommends every rule: all as errors but one, which may be right", () => {
    const levels = tidemark.configs.recommended.rules ?? {};
    expect(Object.keys(levels)).toEqual(Object.keys(tidemark.rules).map((rule) => `@tidemark/${rule}`));
    expect(Object.keys(levels).filter((rule) => levels[rule] !== "error")).toEqual([
      "@tidemark/no-non-durable-await",
    ]);
  });

  it("works as people configure it", () => {
    const found = new Linter().verify(fileOf("context.step(f);"), [tidemark.configs.recommended], "file.js");
    expect(found.map(({ ruleId, severity }) => [ruleId, severity])).toEqual([
      ["@tidemark/no-floating-durable-operations", 2],
    ]);
  });
});

describe("the page of a rule", () => {
  const pages = join(__dirname, "../../../docs/lint");

  it.each(Object.keys(tidemark.rules) as RuleName[])(
    "%s shows code that is reported, and code that is not",
    (rule) => {
      const text = readFileSync(join(pages, `${rule}.md`), "utf8");
      const [wrong = "", right = ""] = [...text.matchAll(/```ts\n([^`]*)```/g)].map(
        ([, code]) => code as string,
      );

      expect(messages(rule, wrong, undefined)).toHaveLength(1);
      const all = Object.keys(tidemark.rules) as RuleName[];
      expect(all.flatMap((other) => messages(other, right, undefined))).toEqual([]);
    },
  );
});
