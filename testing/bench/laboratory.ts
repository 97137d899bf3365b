/**
 * Owns where measurements run: Node 24 and AWS's SDK, installed on demand, and a copy of our built
 * packages, so that a build in between changes nothing.
 *
 * All of it is in `node_modules/.cache/tidemark-bench`; deleting that is harmless. Each run has a
 * directory of its own in there, so that two of them do not meet.
 */

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { installNode, run, workspaceDirectory } from "../pack/consumer-project";
import type { Samples } from "./measure/sampling";

const NODE_VERSION = "24";
const PEERS = {
  "@aws/durable-execution-sdk-js": "2.4.0",
  "@aws/durable-execution-sdk-js-testing": "1.1",
};

/** Ten thousand branches, or five thousand steps of the peer, take seconds a round. */
const MEASUREMENT_TIMEOUT_MS = 10 * 60 * 1000;

export interface Laboratory {
  /** Below the work tree; from here the built packages and the peers are found. */
  readonly directory: string;
  /** The program of the Node that measures. */
  readonly node: string;
  readonly nodeVersion: string;
  /** Runs one measurement in a new process. */
  measure(measurement: string, rounds: number, nodeFlags: readonly string[], endpoint?: string): Samples;
  close(): void;
}

/** Builds the packages and installs what is missing. */
export function prepareLaboratory(): Laboratory {
  const cache = join(workspaceDirectory, "node_modules/.cache/tidemark-bench");
  mkdirSync(cache, { recursive: true });
  npm(["run", "build"], workspaceDirectory);
  const node = nodeProgram(cache);
  installPeers(cache);
  const directory = mkdtempSync(join(cache, "run-"));
  copyPackages(directory);
  const program = bundleMeasurements(directory);
  return {
    directory,
    node,
    nodeVersion: run(node, ["--version"], directory).trim(),
    measure(measurement, rounds, nodeFlags, endpoint = "") {
      const args = [...nodeFlags, "--expose-gc", program, measurement, String(rounds), endpoint];
      const output = execFileSync(node, args, {
        cwd: directory,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "inherit"],
        timeout: MEASUREMENT_TIMEOUT_MS,
        // Inherited settings of the launcher's own Node would change what is measured.
        env: { ...process.env, NODE_OPTIONS: "" },
      });
      // The measuring program's last line is samples.
      return JSON.parse(output.trim().split("\n").at(-1) as string) as Samples;
    },
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function nodeProgram(directory: string): string {
  const installed = join(directory, "node/node_modules/node/bin/node");
  return existsSync(installed) ? installed : installNode(directory, NODE_VERSION);
}

function installPeers(directory: string): void {
  if (Object.keys(PEERS).every((name) => existsSync(join(directory, "node_modules", name)))) return;
  writeFileSync(join(directory, "package.json"), JSON.stringify({ private: true }));
  const wanted = Object.entries(PEERS).map(([name, version]) => `${name}@${version}`);
  npm(["install", "--no-audit", "--no-fund", "--loglevel=error", ...wanted], directory);
}

/** What a package publishes, where the measuring program finds it before the workspace's own. */
function copyPackages(directory: string): void {
  const packages = join(workspaceDirectory, "packages");
  const scope = join(directory, "node_modules/@tidemark");
  for (const name of readdirSync(packages)) {
    for (const part of ["package.json", "dist"]) {
      const source = join(packages, name, part);
      if (existsSync(source)) cpSync(source, join(scope, name, part), { recursive: true });
    }
  }
}

/** The measuring program itself is a bundle; everything that it measures stays an import. */
function bundleMeasurements(directory: string): string {
  const program = join(directory, "measure.mjs");
  buildSync({
    entryPoints: [join(__dirname, "measure/main.ts")],
    outdir: directory,
    entryNames: "measure",
    outExtension: { ".js": ".mjs" },
    bundle: true,
    // What is imported on demand stays apart: a measurement loads what it measures, and nothing else.
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    packages: "external",
    logLevel: "warning",
    // The workspace's tsconfig maps our packages to their sources, which would bundle them.
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true, strict: true } },
  });
  return program;
}

function npm(args: readonly string[], directory: string): void {
  const script = process.env.npm_execpath;
  if (script === undefined) run("npm", args, directory);
  else run(process.execPath, [script, ...args], directory);
}
