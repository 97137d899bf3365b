import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { PluginLoadError } from "./errors.js";
import type { DurableInstrumentationPlugin } from "./plugin.js";
import { loadConfiguredPlugins } from "./plugin-loader.js";

class Tracing implements DurableInstrumentationPlugin {
  readonly from: string;
  constructor(from: string) {
    this.from = from;
  }
  enrichLogContext() {
    return { from: this.from };
  }
}

function provider(from: string, members: Record<string, unknown> = {}) {
  return { pluginApiVersion: 1, pluginType: Tracing, createPlugin: () => new Tracing(from), ...members };
}

/** Loads with modules that are given instead of imported. */
function load(variable: string | undefined, modules: Record<string, unknown>, explicit?: Tracing[]) {
  return loadConfiguredPlugins(explicit, {
    environment: { DURABLE_EXECUTION_PLUGINS: variable },
    importModule: async (specifier) => {
      if (!Object.hasOwn(modules, specifier)) throw new Error("no such module");
      return modules[specifier];
    },
  });
}

/** A module as `import` gives it. */
function moduleOf(from: string, members: Record<string, unknown> = {}): Record<string, unknown> {
  return { durableExecutionPluginProvider: provider(from, members) };
}

async function failureOf(promise: Promise<unknown>): Promise<PluginLoadError> {
  const error: unknown = await promise.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(PluginLoadError);
  return error as PluginLoadError;
}

describe("the list of modules", () => {
  it.each([[undefined], [""], ["  \n"]])("is empty for %p", async (variable) => {
    const explicit = [new Tracing("explicit")];
    const plugins = await load(variable, {}, explicit);
    expect(plugins).toEqual(explicit);
    expect(plugins).not.toBe(explicit);
    expect(await load(variable, {})).toEqual([]);
  });

  it("adds one plugin per module after the explicit ones, in order, and allows spaces", async () => {
    const modules = { a: moduleOf("a"), "@acme/b": moduleOf("b"), "./c.mjs": moduleOf("c") };
    const plugins = await load(" ./c.mjs , a,\t@acme/b", modules, [new Tracing("explicit")]);
    expect(plugins.map((plugin) => (plugin as Tracing).from)).toEqual(["explicit", "c", "a", "b"]);
  });

  it("loads one module after the other", async () => {
    const lines: string[] = [];
    await loadConfiguredPlugins(undefined, {
      environment: { DURABLE_EXECUTION_PLUGINS: "a,b" },
      importModule: async (specifier) => {
        lines.push(`${specifier} begins`);
        await Promise.resolve();
        lines.push(`${specifier} ends`);
        return moduleOf(specifier);
      },
    });
    expect(lines).toEqual(["a begins", "a ends", "b begins", "b ends"]);
  });

  it.each([
    [",", "an empty specifier"],
    ["a,", "an empty specifier"],
    ["a,,b", "an empty specifier"],
    ["a, b ,a", '"a" more than once'],
  ])("may not be %p", async (variable, problem) => {
    const error = await failureOf(load(variable, { a: moduleOf("a"), b: moduleOf("b") }));
    expect(error.message).toContain(`DURABLE_EXECUTION_PLUGINS is "${variable}", which lists ${problem}.`);
  });

  it("is read when the function is called", async () => {
    const environment: Record<string, string> = { DURABLE_EXECUTION_PLUGINS: "a" };
    const plugins = loadConfiguredPlugins([], { environment, importModule: async () => moduleOf("a") });
    environment.DURABLE_EXECUTION_PLUGINS = "";
    expect(await plugins).toHaveLength(1);
  });
});

describe("a provider", () => {
  it("may be a member of the default export, as of a CommonJS module whose names Node.js cannot see", async () => {
    expect(await load("a", { a: { default: moduleOf("a") } })).toEqual([new Tracing("a")]);
  });

  it("is created with itself as this", async () => {
    const from = { pluginType: Tracing, pluginApiVersion: 1, name: "self", createPlugin };
    function createPlugin(this: { readonly name: string }): Tracing {
      return new Tracing(this.name);
    }
    expect(await load("a", { a: { durableExecutionPluginProvider: from } })).toEqual([new Tracing("self")]);
  });

  const missing = "it does not export an object named durableExecutionPluginProvider";

  it.each<[string, unknown, string]>([
    ["no export", { other: 1 }, missing],
    ["a module that is nothing", undefined, missing],
    ["null", { durableExecutionPluginProvider: null, default: moduleOf("a") }, missing],
    ["a function", { durableExecutionPluginProvider: () => 1 }, missing],
    ["a provider as the default export", { default: provider("a") }, missing],
    [
      "another version",
      moduleOf("a", { pluginApiVersion: 2 }),
      "pluginApiVersion 2, and this SDK loads version 1",
    ],
    ["no version", moduleOf("a", { pluginApiVersion: undefined }), "pluginApiVersion undefined"],
    ["no pluginType", moduleOf("a", { pluginType: undefined }), "pluginType is not a class"],
    ["a pluginType that is no class", moduleOf("a", { pluginType: () => 1 }), "pluginType is not a class"],
    ["no createPlugin", moduleOf("a", { createPlugin: 1 }), "has no function createPlugin"],
    ["nothing created", moduleOf("a", { createPlugin: () => null }), "did not return an instance of Tracing"],
    [
      "something else created",
      moduleOf("a", { createPlugin: () => ({}) }),
      "did not return an instance of Tracing",
    ],
    [
      "a promise created",
      moduleOf("a", { createPlugin: async () => new Tracing("a") }),
      "did not return an instance",
    ],
  ])("is refused: %s", async (_name, module, problem) => {
    const error = await failureOf(load("a", { a: module }));
    expect(error.message).toContain('the module "a" of DURABLE_EXECUTION_PLUGINS is not usable: ');
    expect(error.message).toContain(problem);
  });

  it("is refused with what createPlugin threw as the cause", async () => {
    const cause = new RangeError("no endpoint.");
    const createPlugin = () => {
      throw cause;
    };
    const error = await failureOf(load("a", { a: moduleOf("a", { createPlugin }) }));
    expect(error.cause).toBe(cause);
    expect(error.message).toContain("is not usable: no endpoint. Install or correct it");
  });

  it("is refused with what the module threw as the cause, whatever that is", async () => {
    const importModule = () => Promise.reject("a string");
    const environment = { DURABLE_EXECUTION_PLUGINS: "a" };
    const error = await failureOf(loadConfiguredPlugins([], { environment, importModule }));
    expect(error.cause).toBe("a string");
  });
});

/** The real import, of real modules, from both bundles: jest cannot import ES modules. */
describe.each(["esm", "cjs"] as const)("the %s bundle", (format) => {
  let root: string;
  let runner: string;

  beforeAll(() => {
    root = mkdtempSync(join(tmpdir(), "tidemark-plugin-loader-"));
    writeModules(join(root, "app"));
    write(join(root, "layer/layered/package.json"), '{"main":"i.js"}');
    write(join(root, "layer/layered/i.js"), commonJs("layered"));
    // Away from the application, as the SDK is in a Lambda layer or in a workspace.
    runner = join(root, "sdk", format === "esm" ? "run.mjs" : "run.cjs");
    const bundle = join(root, "sdk", format === "esm" ? "loader.mjs" : "loader.cjs");
    execFileSync(join(__dirname, "../../../node_modules/.bin/esbuild"), [
      join(__dirname, "plugin-loader.ts"),
      "--bundle",
      "--platform=node",
      "--target=node20",
      "--log-level=error",
      `--format=${format}`,
      `--outfile=${bundle}`,
    ]);
    const script = `loadConfiguredPlugins([]).then(
      (plugins) => console.log(plugins.map((plugin) => plugin.from).join()),
      (error) => console.log(error.name, error.message),
    );`;
    const head = {
      esm: 'import { loadConfiguredPlugins } from "./loader.mjs";',
      cjs: 'const { loadConfiguredPlugins } = require("./loader.cjs");',
    };
    write(runner, `${head[format]}\n${script}`);
  });

  afterAll(() => rmSync(root, { recursive: true, force: true }));

  function run(variable: string, env: Record<string, string> = {}, cwd = join(root, "app")): string {
    return execFileSync(process.execPath, [runner], {
      cwd,
      env: { DURABLE_EXECUTION_PLUGINS: variable, ...env },
      encoding: "utf8",
    }).trim();
  }

  it("loads packages and files of the application, in any module format", () => {
    const file = pathToFileURL(join(root, "app/local/file.mjs")).href;
    const specifiers = [
      "commonjs",
      "esmodule",
      "import-only",
      "@acme/plugin",
      "@acme/plugin/sub",
      "both",
      "./local/plugin.mjs",
      "./local/plugin.cjs",
      join(root, "app/local/absolute.mjs"),
      file,
    ];
    expect(run(specifiers.join(" , "))).toBe(
      "commonjs,esmodule,import-only,acme,acme-sub,both-require,local-esm,local-cjs,absolute,file",
    );
  });

  it("starts from LAMBDA_TASK_ROOT before the working directory, and finds layers by NODE_PATH", () => {
    const env = { LAMBDA_TASK_ROOT: join(root, "app"), NODE_PATH: join(root, "layer") };
    expect(run("commonjs,./local/plugin.mjs,layered", env, root)).toBe("commonjs,local-esm,layered");
  });

  it.each([
    ["missing", 'the module "missing" of DURABLE_EXECUTION_PLUGINS is not usable: it cannot be found from "'],
    ["./missing.mjs", 'the module "./missing.mjs" of DURABLE_EXECUTION_PLUGINS is not usable: it cannot be'],
    ["import-only/private", "is not usable: it cannot be found from"],
    ["throwing", "is not usable: thrown by the module. Install"],
    ["node:fs", "it does not export an object named durableExecutionPluginProvider"],
  ])("says what is wrong with %s", (specifier, expected) => {
    const output = run(specifier);
    expect(output.startsWith("PluginLoadError ")).toBe(true);
    expect(output).toContain(expected);
  });
});

function writeModules(app: string): void {
  const packages = join(app, "node_modules");
  write(join(packages, "commonjs/package.json"), '{"main":"i.js"}');
  write(join(packages, "commonjs/i.js"), commonJs("commonjs"));
  write(join(packages, "esmodule/package.json"), '{"type":"module","main":"i.js"}');
  write(join(packages, "esmodule/i.js"), esModule("esmodule"));
  write(
    join(packages, "import-only/package.json"),
    '{"type":"module","exports":{"types":"./i.d.ts","import":"./i.js"}}',
  );
  write(join(packages, "import-only/i.js"), esModule("import-only"));
  write(
    join(packages, "@acme/plugin/package.json"),
    '{"type":"module","exports":{".":[{"browser":"./no.js"},{"import":{"node":"./i.js"}}],"./sub":{"import":"./s.js"}}}',
  );
  write(join(packages, "@acme/plugin/i.js"), esModule("acme"));
  write(join(packages, "@acme/plugin/s.js"), esModule("acme-sub"));
  write(join(packages, "both/package.json"), '{"exports":{"import":"./i.mjs","require":"./i.cjs"}}');
  write(join(packages, "both/i.mjs"), esModule("both-import"));
  write(join(packages, "both/i.cjs"), commonJs("both-require"));
  write(join(packages, "throwing/package.json"), '{"main":"i.js"}');
  write(join(packages, "throwing/i.js"), 'throw new Error("thrown by the module");');
  write(join(app, "local/plugin.mjs"), esModule("local-esm"));
  write(join(app, "local/plugin.cjs"), commonJs("local-cjs"));
  write(join(app, "local/absolute.mjs"), esModule("absolute"));
  write(join(app, "local/file.mjs"), esModule("file"));
}

const providerSource = (from: string) =>
  `(() => { class P { from = "${from}"; } return { pluginApiVersion: 1, pluginType: P, createPlugin: () => new P() }; })()`;

/** Exports in a way whose names Node.js cannot see without running it. */
function commonJs(from: string): string {
  return `Object.assign(module.exports, { ["durable" + "ExecutionPluginProvider"]: ${providerSource(from)} });`;
}

function esModule(from: string): string {
  return `export const durableExecutionPluginProvider = ${providerSource(from)};`;
}

function write(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
