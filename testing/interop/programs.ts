/**
 * Owns the programs that the hosts run: bundles, the switch of the SDK, and the Node that runs them.
 *
 * `aws` leaves `@aws/durable-execution-sdk-js` alone. `tidemark` resolves it to ours, for the
 * handlers and for the test kit alike, in every thread.
 */

import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { build, type Plugin } from "esbuild";
import { installNode } from "../pack/consumer-project";
import type { Observations } from "./observation";

export type Sdk = "aws" | "tidemark";
export type Program = "kit-host" | "runner-host" | "store-host";

export const AWS_SDK = "@aws/durable-execution-sdk-js";
const AWS_TEST_KIT = "@aws/durable-execution-sdk-js-testing";

const workspaceDirectory = resolve(__dirname, "../..");
/** Under `node_modules`, so that bundles find the packages they leave out, and git does not see them. */
const cacheDirectory = join(workspaceDirectory, "node_modules/.cache/tidemark-interop");

/** The AWS SDK and its test kit need this. */
export const LEAST_NODE = 22;
const CHOSEN_NODE = "24";

const HOST_LIMIT_MS = 10 * 60 * 1000;

/** This Node if it is new enough, else one of the npm package `node`, installed once. */
export function nodeProgram(): string {
  if (Number(process.versions.node.split(".")[0]) >= LEAST_NODE) return process.execPath;
  const directory = join(cacheDirectory, `node-${CHOSEN_NODE}`);
  const program = join(directory, "node/node_modules/node/bin/node");
  return existsSync(program) ? program : installNode(directory, CHOSEN_NODE);
}

export interface Programs {
  readonly directory: string;
  readonly node: string;
  remove(): void;
}

/** Bundles the hosts, and both SDKs' way to the handlers. */
export async function buildPrograms(node: string): Promise<Programs> {
  mkdirSync(cacheDirectory, { recursive: true });
  const directory = mkdtempSync(join(cacheDirectory, "programs-"));
  const common = {
    outdir: directory,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    target: "node22",
    format: "esm",
    // Classes keep their names: errors are compared by them.
    keepNames: true,
    logLevel: "error",
  } as const;
  const external = ["@aws/*", "@aws-sdk/*", "@photostructure/*", "ulid"];
  const source = (name: string) => join(workspaceDirectory, `packages/${name}/src/index.ts`);
  const ours = Object.fromEntries(
    ["protocol", "store", "store-sqlite", "runtime", "lambda"].map((name) => [
      `@tidemark/${name}`,
      source(name),
    ]),
  );
  const cases = join(__dirname, "cases/index.ts");
  const casesApart: Plugin = {
    name: "cases-apart",
    setup: ({ onResolve }) =>
      onResolve({ filter: /\/cases\/index$/ }, () => ({ path: "./cases.mjs", external: true })),
  };
  await Promise.all([
    build({ ...common, entryPoints: { cases }, external, alias: { "@tidemark/sdk": AWS_SDK } }),
    build({
      ...common,
      entryPoints: { "tidemark-sdk": source("sdk") },
      external,
      alias: { "@tidemark/protocol": source("protocol") },
    }),
    build({
      ...common,
      entryPoints: {
        "kit-host": join(__dirname, "kit-host.ts"),
        "store-host": join(__dirname, "store-host.ts"),
      },
      external,
      alias: { ...ours, "@tidemark/sdk": source("sdk") },
      plugins: [casesApart],
    }),
    // The same program with another import: tests move to our runner as they are.
    build({
      ...common,
      entryPoints: { "runner-host": join(__dirname, "kit-host.ts") },
      external: external.filter((pattern) => pattern !== "@aws/*"),
      alias: { ...ours, "@tidemark/sdk": source("sdk"), [AWS_TEST_KIT]: source("testing") },
      plugins: [casesApart],
    }),
  ]);
  writeFileSync(join(directory, "switch-sdk.mjs"), switchOfSdk(join(directory, "tidemark-sdk.mjs")));
  return { directory, node, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** A module that has `@aws/durable-execution-sdk-js` resolved to ours; loaded before everything else. */
function switchOfSdk(target: string): string {
  return [
    'import { registerHooks } from "node:module";',
    `const url = ${JSON.stringify(pathToFileURL(target).href)};`,
    "registerHooks({",
    "  resolve: (specifier, context, next) =>",
    `    specifier === ${JSON.stringify(AWS_SDK)} ? { url, format: "module", shortCircuit: true } : next(specifier, context),`,
    "});",
    "",
  ].join("\n");
}

/** Runs a host to its end and gives what it observed. */
export async function runHost(
  { directory, node }: Programs,
  host: Program,
  sdk: Sdk,
  only: readonly string[],
  ...args: readonly string[]
): Promise<Observations> {
  const outputFile = join(directory, `${[host, sdk, ...args].join("-")}.json`);
  const switching =
    sdk === "tidemark" ? ` --import=${pathToFileURL(join(directory, "switch-sdk.mjs")).href}` : "";
  const { stdout, stderr } = await promisify(execFile)(
    node,
    [join(directory, `${host}.mjs`), outputFile, only.join("\n"), ...args],
    {
      cwd: workspaceDirectory,
      env: {
        ...process.env,
        NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ""} --no-warnings${switching}`.trim(),
      },
      timeout: HOST_LIMIT_MS,
      maxBuffer: 64 * 1024 * 1024,
    },
  );
  const output = `${stdout}${stderr}`.trim();
  if (output !== "" && process.env.INTEROP_VERBOSE !== undefined) console.error(output);
  return JSON.parse(readFileSync(outputFile, "utf8")) as Observations;
}
