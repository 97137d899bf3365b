/** The names that a context may have in a file: what the rules see behind each, and what they leave alone. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as parser from "@typescript-eslint/parser";
import { Linter } from "eslint";
import tidemark from "./index";

const LANGUAGES = { JavaScript: undefined, TypeScript: parser as Linter.Parser };

/** The body of a handler, unless the code says `withDurableExecution` itself. */
function fileOf(code: string): string {
  if (code.includes("withDurableExecution")) return code;
  return `import { withDurableExecution } from "@tidemark/sdk";
export const handler = withDurableExecution(async (event, context) => {
${code}
});`;
}

function configOf(chosen: Linter.Parser | undefined, parserOptions = {}): Linter.Config {
  return {
    ...tidemark.configs.recommended,
    files: ["**/*.ts"],
    languageOptions: { sourceType: "module", ...(chosen && { parser: chosen }), parserOptions },
  };
}

function found(messages: readonly Linter.LintMessage[]): string[] {
  return messages.map(
    ({ ruleId, message }) => `${ruleId?.replace("@tidemark/", "")}: ${message.split(/[;:]/)[0]}`,
  );
}

/** What all rules say, by rule, up to their first `;` or `:`. */
function lint(code: string, language: keyof typeof LANGUAGES): string[] {
  return found(new Linter().verify(fileOf(code), configOf(LANGUAGES[language]), "file.ts"));
}

function says(code: string, expected: string[]): void {
  expect({ JavaScript: lint(code, "JavaScript"), TypeScript: lint(code, "TypeScript") }).toEqual({
    JavaScript: expected,
    TypeScript: expected,
  });
}

const floating = "no-floating-durable-operations: Nobody awaits this operation";
const clock = "no-non-deterministic-outside-step: Date.now() gives something else on each replay";
const nested = (call: string) =>
  `no-nested-durable-operations: ${call} is called inside a body that runs once and is recorded as a whole`;
const asks = (call: string, context: string) => `${nested(call)}, and asks ${context} for operations`;
const parent = (method: string, name: string) =>
  `no-parent-context-in-child: ${method} is called on ${name}, which belongs to the code around`;
const given = (method: string, name: string) =>
  `no-parent-context-in-child: ${method} is given ${name}, which belongs to the code around`;

describe("a variable that is given a context", () => {
  it.each([
    ["const c = context;\nc.step(f);", [floating]],
    ["const c = context;\nawait c.step(async () => c.wait({ seconds: 1 }));", [nested("c.wait")]],
    ["const c = context;\nconst d = c;\nd.step(f);", [floating]],
    ["let c;\nc = context;\nc.step(f);", [floating]],
    ["const c = context;\nawait c.runInChildContext(async (child) => c.step(f));", [parent("step", "c")]],
    ["await context.map(xs, async (item) => { const c = item; c.step(f); });", [floating]],
    [
      "const c = context;\nawait c.map(xs, async (d) => { const e = d; await e.step(`${Date.now()}`, f); });",
      [clock],
    ],
  ])("is one: %s", (code, expected) => {
    says(code, expected);
  });

  it.each([
    "const c = event.canvas;\nc.step(f);",
    "let c = context;\nc = event;\nc.step(f);",
    "const c = context;\nfor (const c of event.stairs) c.step(f);",
    "const c = context;\nawait c.runInChildContext(async (c) => c.step(f));",
    "let c = context;\nawait context.map(event, async (item) => { await item.step(f); });\nawait c.step(f);",
    "const c = context;\nevent.each((c) => c.step(f));",
    "const c = context;\nawait charge(c);",
    "const { c = context } = event;\nc.step(f);",
  ])("is none, or is used well: %s", (code) => {
    says(code, []);
  });

  it("of the module makes durable code of the functions that use it", () => {
    const code = `import { withDurableExecution } from "@tidemark/sdk";
let current;
async function charge() {
  const at = Date.now();
  await current.step(async () => current.wait({ seconds: at }));
}
export const handler = withDurableExecution(async (event, context) => {
  current = context;
  await charge();
});`;
    says(code, [
      clock,
      nested("current.wait"),
      "no-closure-in-durable-operations: current belongs to the module",
    ]);
  });
});

describe("a method that is taken out of a context", () => {
  it.each([
    ["const { step } = context;\nstep(f);", [floating]],
    ["const { step: run = f } = context;\nrun(f);", [floating]],
    ["const { step, wait } = context;\nawait step(async () => wait({ seconds: 1 }));", [nested("wait")]],
    ["const step = context.step;\nawait step(async () => step(f));", [nested("step")]],
    ["const step = context.step.bind(context);\nstep(f);", [floating]],
    ["const { promise } = context;\npromise.all([]);", [floating]],
    ["const { promise: { all } } = context;\nall([]);", [floating]],
    ["const { all } = context.promise;\nall([]);", [floating]],
    [
      "const { step } = context;\nawait context.map(xs, async (item) => { await step(f); });",
      [parent("step", "context")],
    ],
    ["const { map } = context;\nawait map(xs, async (item) => { item.step(f); });", [floating]],
    [
      "const { runInChildContext } = context;\nawait runInChildContext(async ({ step }) => { step(f); await step(`${Date.now()}`, f); });",
      [floating, clock],
    ],
  ])("is an operation: %s", (code, expected) => {
    says(code, expected);
  });

  it.each([
    "const { step } = event;\nstep(f);",
    "const { logger } = context;\nlogger.info('x');",
    "const { step } = context;\nawait step(f);",
    "const { step } = context;\nevent.each((step) => step(f));",
    "const { step: run } = context;\nevent.step(f);\nstep(f);",
    "const { length, map } = [1];\nmap(f);",
  ])("is none, or is used well: %s", (code) => {
    says(code, []);
  });

  it("may be taken out by the parameter of the handler", () => {
    const code = `import { withDurableExecution } from "@tidemark/sdk";
export const handler = withDurableExecution(async (event, { step, wait }) => {
  step(async () => wait({ seconds: 1 }));
  await step(\`at \${Date.now()}\`, f);
});`;
    says(code, [floating, nested("wait"), clock]);
  });
});

describe("a field of an object that is given a context", () => {
  const flow = (body: string, base = "") => `import { withDurableExecution } from "@tidemark/sdk";
class Flow ${base}{
  constructor(context) { this.context = context; }
  ${body}
}
export const handler = withDurableExecution(async (event, context) => new Flow(context).run(event));`;

  it.each([
    ["async run() { this.context.step(f); }", [floating]],
    [
      "async run() { await this.context.step(async () => this.context.wait({ seconds: 1 })); }",
      [nested("this.context.wait")],
    ],
    ["async run() { const at = Date.now(); await this.context.step(async () => at); }", [clock]],
    [
      "async run(xs) { await this.context.map(xs, async (item) => this.context.step(f)); }",
      [parent("step", "this.context")],
    ],
    ["async run() { const { context } = this;\ncontext.step(f); }", [floating]],
    ["async run() { const c = this.context;\nc.step(f); }", [floating]],
    ["async run() { await this.charge(1); }\nasync charge(n) { await this.context.step(f); }", []],
    ["async run() { this.charge(this.context); }\ncharge(c) { c.step(f); }", [floating]],
  ])("is one: %s", (body, expected) => {
    says(flow(body), expected);
  });

  it.each([
    "run() { this.other.step(f); }",
    "run() { const { other: context } = this;\ncontext.step(f); }",
    "reset(page) { this.context = page.getContext('2d'); }\nrun() { this.context.step(f); }",
    "run(xs) { xs.each(function () { this.context.step(f); }); }",
    "async run() { await this.context.step(f); }\nnow() { return Date.now(); }",
    "async run() { await this.context.step(async () => Date.now()); }",
  ])("is none, or is used well: %s", (body) => {
    says(flow(body), []);
  });

  it("may be private, and of the class that this one extends", () => {
    const code = `import { withDurableExecution } from "@tidemark/sdk";
class Base { #context; constructor(context) { this.#context = context; this.durable = context; }
  async end() { this.#context.step(f); } }
class Flow extends Base { constructor(context, order) { super(context); this.order = order; }
  async run() { this.durable.step(f); } }
class Other { run() { this.durable.step(f); } }
export const handler = withDurableExecution(async (event, context) => new Flow(context, event).run());`;
    says(code, [floating, floating]);
  });

  it("is declared with its type in TypeScript", () => {
    const code = `/* withDurableExecution elsewhere */
export class Flow {
  constructor(private readonly context: DurableContext, private readonly canvas: Context) {}
  async run() { this.context.step(f); this.canvas.step(f); }
}
export class Later {
  context!: DurableContext;
  async run() { this.context.step(f); }
}
const durable: DurableContext = find();
export const run = async () => { durable.step(f); };`;
    expect(lint(code, "TypeScript")).toEqual([floating, floating, floating]);
  });
});

describe("a context that is handed to a function of the file", () => {
  it.each([
    ["const charge = async (c) => { c.step(f); };\nawait charge(context);", [floating]],
    [
      "const charge = async (order, { context: c }) => { c.step(f); };\nawait charge(event, { context });",
      [floating],
    ],
    ["const flows = { charge: async (c) => { c.step(f); } };\nawait flows.charge(context);", [floating]],
    [
      "const charge = async (c) => { await c.step(f); };\nawait context.step(async () => charge(context));",
      [asks("charge", "context")],
    ],
    [
      "const pay = (c) => c.step(f);\nconst charge = (d) => pay(d);\nawait context.map(xs, async (item) => charge(context));",
      [given("charge", "context")],
    ],
    [
      "const charge = async ({ context }) => context.step(f);\nawait context.map(xs, async (item) => charge({ context }));",
      [given("charge", "context")],
    ],
  ])("is one there: %s", (code, expected) => {
    says(code, expected);
  });

  it.each([
    "const charge = async (c) => { await c.step(f); };\nawait context.map(xs, async (item) => charge(item));",
    "const note = (c) => c.logger.info('x');\nawait context.step(async () => note(context));",
    "const link = async (to, c) => { to.logger.info('x'); await c.step(f); };\nawait context.map(xs, async (item) => link(context, item));",
    "const charge = (c) => c.step(f);\nevent.charge(context);\ncharge(event);",
    "const both = async (a, b) => { await a.step(f); await b.step(f); };\nawait context.map(xs, async (a) => a.map(xs, async (b) => { await b.step(f); }));\nawait both(context, context);",
  ])("is used well: %s", (code) => {
    says(code, []);
  });
});

describe("the mended code", () => {
  const handled = (code: string) => {
    const { output } = new Linter().verifyAndFix(fileOf(code), configOf(undefined), "file.ts");
    return output.split("\n").slice(2, -1).join("\n");
  };

  it.each([
    [
      "const c = context;\nawait c.map(xs, async (d) => c.step(f));",
      "const c = context;\nawait c.map(xs, async (d) => d.step(f));",
    ],
    [
      "const { step } = context;\nawait context.map(xs, async (d) => step(f));",
      "const { step } = context;\nawait context.map(xs, async (d) => d.step(f));",
    ],
    [
      "const charge = (c) => c.step(f);\nawait context.map(xs, async (d) => charge(context));",
      "const charge = (c) => c.step(f);\nawait context.map(xs, async (d) => charge(d));",
    ],
    [
      "const charge = ({ context }) => context.step(f);\nawait context.map(xs, async (d) => charge({ context }));",
      "const charge = ({ context }) => context.step(f);\nawait context.map(xs, async (d) => charge({ context: d }));",
    ],
  ])("of %s has the right context", (code, expected) => {
    expect(handled(code)).toBe(expected);
  });
});

describe("with types", () => {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-lint-"));
  afterAll(() => rmSync(directory, { recursive: true }));

  it("a context is known wherever it comes from, and another type of the same shape is not", () => {
    const code = `interface DurablePromise<T> { then(f: (value: T) => void): void }
interface Logger { info(text: string): void }
interface DurableContext { logger: Logger; step(f: () => unknown): DurablePromise<void>; wait(d: number): DurablePromise<void> }
interface Stairs { step(f: () => unknown): void; wait(d: number): void }
interface Settings { context: DurableContext; stairs: Stairs }
type Handler = (settings: Settings, own: DurableContext) => unknown;
declare const current: () => DurableContext;
export const first: Handler = async (settings, own) => {
  own.step(() => own.wait(1));
  settings.stairs.step(() => settings.stairs.wait(1));
};
export const second = async (settings: Settings) => {
  await settings.context.step(() => settings.context.wait(1));
  await current().step(() => Date.now());
  return Date.now();
};`;
    const path = join(directory, "typed.ts");
    writeFileSync(path, code);
    // Without the library: it would take longer than all other tests together.
    const options = { compilerOptions: { noLib: true, types: [] }, files: [path] };
    writeFileSync(join(directory, "tsconfig.json"), JSON.stringify(options));
    const programs = [parser.createProgram(join(directory, "tsconfig.json"))];
    const linter = new Linter({ cwd: directory });
    expect(found(linter.verify(code, configOf(parser as Linter.Parser, { programs }), path))).toEqual([
      floating,
      nested("own.wait"),
      nested("settings.context.wait"),
      clock,
    ]);
  });
});
