/**
 * Owns which plugins a handler has: those of its configuration, then those that the environment names.
 *
 * Reads the environment and imports modules; knows nothing of when hooks are called.
 *
 * 1. The environment is read when the function is called, not later.
 * 2. Whatever goes wrong, the promise rejects with a `PluginLoadError` that names the module.
 */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { isAbsolute, join } from "node:path";
import { pathToFileURL } from "node:url";
import { PluginLoadError } from "./errors.js";
import {
  DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION,
  type DurableInstrumentationPlugin,
  type DurableInstrumentationPluginProvider,
} from "./plugin.js";

const VARIABLE = "DURABLE_EXECUTION_PLUGINS";
const PROVIDER = "durableExecutionPluginProvider";

interface PluginLoaderOptions {
  /** Default: `process.env`. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Default: resolves the specifier from the application's folder and imports it. */
  readonly importModule?: (specifier: string) => Promise<unknown>;
}

/**
 * Gives `explicit`, in their order, and then one plugin of each module that
 * `DURABLE_EXECUTION_PLUGINS` lists, in its order.
 *
 * The variable holds module specifiers, separated by commas, with optional spaces. Unset or blank
 * means none; an empty or repeated specifier is an error. A specifier is a package, a path, or a
 * `file:` URL. It is resolved from the application's folder, which is `LAMBDA_TASK_ROOT` or else the
 * working directory, as `require` resolves (so `NODE_PATH`, and with it Lambda layers, counts), and
 * for packages that only `import` can load, as `import` does. The modules are loaded one after the
 * other and may be CommonJS or ES modules; each exports a `DurableInstrumentationPluginProvider`
 * named `durableExecutionPluginProvider`.
 *
 * Call it once per wrapped handler: each call makes new plugins.
 *
 * @throws PluginLoadError if a module cannot be found, fails while it loads, or has no usable provider.
 *
 * @example
 * ```ts
 * // DURABLE_EXECUTION_PLUGINS="@acme/tracing, ./plugins/audit.mjs"
 * const region = { enrichLogContext: () => ({ region: "eu" }) };
 * const plugins = await loadConfiguredPlugins([region]);
 * // [region, the plugin of @acme/tracing, the plugin of ./plugins/audit.mjs]
 * ```
 */
export async function loadConfiguredPlugins(
  explicit: readonly DurableInstrumentationPlugin[] | undefined,
  options: PluginLoaderOptions = {},
): Promise<DurableInstrumentationPlugin[]> {
  const environment = options.environment ?? process.env;
  const plugins = [...(explicit ?? [])];
  const specifiers = configuredSpecifiers(environment[VARIABLE]);
  const root = environment.LAMBDA_TASK_ROOT || process.cwd();
  const importModule = options.importModule ?? ((specifier) => importFrom(root, specifier));
  for (const specifier of specifiers) {
    try {
      plugins.push(createFrom(await importModule(specifier)));
    } catch (error) {
      throw loadError(specifier, error);
    }
  }
  return plugins;
}

function configuredSpecifiers(value: string | undefined): readonly string[] {
  if (value === undefined || value.trim() === "") return [];
  const specifiers = value.split(",").map((specifier) => specifier.trim());
  const unusable = specifiers.find((specifier, at) => specifier === "" || specifiers.indexOf(specifier) < at);
  if (unusable === undefined) return specifiers;
  const problem = unusable === "" ? "an empty specifier" : `"${unusable}" more than once`;
  throw new PluginLoadError(
    `${VARIABLE} is "${value}", which lists ${problem}. List each module once, separated by commas.`,
  );
}

/** Says which module it was and what to do; the failure itself stays as the cause. */
function loadError(specifier: string, error: unknown): PluginLoadError {
  const reason = error instanceof Error ? error.message : String(error);
  return new PluginLoadError(
    `the module "${specifier}" of ${VARIABLE} is not usable: ${reason.replace(/\.$/, "")}. ` +
      "Install or correct it, or take it out of the variable.",
    { cause: error },
  );
}

function createFrom(module: unknown): DurableInstrumentationPlugin {
  const provider = providerOf(module);
  const { pluginApiVersion, pluginType } = provider;
  if (pluginApiVersion !== DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION) {
    throw new TypeError(
      `its provider has pluginApiVersion ${String(pluginApiVersion)}, and this SDK loads version ` +
        `${DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION}; install versions that fit together`,
    );
  }
  if (typeof pluginType !== "function" || typeof pluginType.prototype !== "object") {
    throw new TypeError("its provider's pluginType is not a class");
  }
  if (typeof provider.createPlugin !== "function") {
    throw new TypeError("its provider has no function createPlugin");
  }
  const plugin = provider.createPlugin();
  if (!(plugin instanceof pluginType)) {
    throw new TypeError(`its provider's createPlugin did not return an instance of ${pluginType.name}`);
  }
  return plugin;
}

function providerOf(module: unknown): DurableInstrumentationPluginProvider {
  const namespace = Object(module) as { readonly default?: unknown; readonly [PROVIDER]?: unknown };
  // Named exports of a CommonJS module are guessed by Node.js; its default export is always there.
  const holder = (PROVIDER in namespace ? namespace : Object(namespace.default)) as typeof namespace;
  const provider = holder[PROVIDER];
  if (typeof provider !== "object" || provider === null) {
    throw new TypeError(`it does not export an object named ${PROVIDER}`);
  }
  return provider as DurableInstrumentationPluginProvider;
}

async function importFrom(root: string, specifier: string): Promise<unknown> {
  const url = urlOf(root, specifier);
  // The comment keeps bundlers from resolving, at build time, what only the environment names.
  return import(/* webpackIgnore: true */ url);
}

function urlOf(root: string, specifier: string): string {
  // Two letters at least: "C:" is a drive of Windows.
  if (/^[a-z][a-z+.-]+:/i.test(specifier)) return specifier;
  const resolved = resolvedPath(root, specifier);
  return isAbsolute(resolved) ? pathToFileURL(resolved).href : resolved;
}

function resolvedPath(root: string, specifier: string): string {
  // The file need not exist: only its folder counts.
  const require = createRequire(join(root, "application.js"));
  try {
    return require.resolve(specifier);
  } catch (cause) {
    const path = isNotExported(cause) ? importOnlyPath(require, specifier) : undefined;
    if (path === undefined) throw new Error(`it cannot be found from "${root}"`, { cause });
    return path;
  }
}

function isNotExported(error: unknown): boolean {
  return (error as { readonly code?: unknown }).code === "ERR_PACKAGE_PATH_NOT_EXPORTED";
}

/**
 * Finds a package whose `exports` serve `import` but not `require`, exact subpaths only.
 *
 * Plain `import` would start from the folder of this SDK, where the application's packages need not
 * be visible, and `import.meta.resolve` takes no other folder on Node.js 20.
 */
function importOnlyPath(require: NodeJS.Require, specifier: string): string | undefined {
  const name = /^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier;
  for (const directory of require.resolve.paths(specifier) ?? []) {
    const folder = join(directory, name);
    const entries = readExports(join(folder, "package.json"));
    if (entries === undefined) continue;
    const target = importTarget(exportsEntry(entries, `.${specifier.slice(name.length)}`));
    return target === undefined ? undefined : join(folder, target);
  }
  return undefined;
}

function readExports(path: string): unknown {
  try {
    return (JSON.parse(readFileSync(path, "utf8")) as { exports?: unknown }).exports;
  } catch {
    return undefined;
  }
}

/** `exports` holds either one entry for the package itself, or entries by subpath, which begin with a dot. */
function exportsEntry(entries: unknown, subpath: string): unknown {
  const hasSubpaths = isRecord(entries) && Object.keys(entries).some((key) => key.startsWith("."));
  if (hasSubpaths) return entries[subpath];
  return subpath === "." ? entries : undefined;
}

/** The first target whose conditions hold. Source: Node.js, "Packages", conditional exports. */
function importTarget(entry: unknown): string | undefined {
  if (typeof entry === "string") return entry;
  if (!isRecord(entry)) return undefined;
  for (const [condition, value] of Object.entries(entry)) {
    // An array is a record of alternatives: its keys are numbers.
    const holds = Array.isArray(entry) || ["node", "import", "default"].includes(condition);
    const target = holds ? importTarget(value) : undefined;
    if (target !== undefined) return target;
  }
  return undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
