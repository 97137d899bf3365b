/**
 * Owns the empty project that installs the tarballs, as a user of the packages would.
 *
 * One installation, two folders: `esm/` is `type: module`, `cjs/` is `type: commonjs`. Each holds
 * the same TypeScript files, and beside them the JavaScript of its format.
 */

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { transformSync } from "esbuild";
import { packageFolders } from "../build/package-folders";
import { handlerSource } from "./handler-source";

export type ModuleFormat = "esm" | "cjs";

export interface Tarball {
  /** Without the scope. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
}

export interface ConsumerProject {
  readonly directory: string;
  readonly packages: readonly string[];
  /** Whether every package is installed, so that an execution can run. */
  readonly isComplete: boolean;
}

export const workspaceDirectory = resolve(__dirname, "../..");

const COMMAND_TIMEOUT_MS = 5 * 60 * 1000;

/** Runs a program to its end; throws with its output when it fails. */
export function run(program: string, args: readonly string[], directory: string): string {
  return execFileSync(program, args, {
    cwd: directory,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    timeout: COMMAND_TIMEOUT_MS,
  });
}

/** Runs npm: the one that runs this script, or the one on the path. */
function npm(args: readonly string[], directory: string): string {
  const script = process.env.npm_execpath;
  return script === undefined
    ? run("npm", args, directory)
    : run(process.execPath, [script, ...args], directory);
}

const folders = packageFolders(workspaceDirectory);

export function packageNames(): string[] {
  return [...folders.keys()];
}

/** Builds and packs packages into `directory`. */
export function packAll(names: readonly string[], directory: string): Tarball[] {
  const filters = names.map((name) => `--filter=@tidemark/${name}`);
  npm(["run", "build", "--", ...filters], workspaceDirectory);
  return names.map((name) => {
    const destination = join(directory, "tarballs", name);
    mkdirSync(destination, { recursive: true });
    const workspace = folders.get(name) as string;
    npm(["pack", "--workspace", workspace, "--pack-destination", destination], workspaceDirectory);
    const path = join(destination, readdirSync(destination)[0] as string);
    return { name, path, bytes: statSync(path).size };
  });
}

/** Installs one version of Node beside the project and gives the path of its program. */
export function installNode(directory: string, version: string): string {
  const nodeDirectory = join(directory, "node");
  mkdirSync(nodeDirectory, { recursive: true });
  writeFileSync(join(nodeDirectory, "package.json"), JSON.stringify({ private: true }));
  npm(["install", "--no-audit", "--no-fund", `node@${version}`], nodeDirectory);
  const program = join(nodeDirectory, "node_modules/node/bin/node");
  const actual = run(program, ["--version"], nodeDirectory).trim();
  if (!actual.startsWith(`v${version}.`)) throw new Error(`node@${version} installed Node ${actual}`);
  return program;
}

/** Creates the project under `directory` with the tarballs installed and its files in place. */
export function prepareConsumer(directory: string, tarballs: readonly Tarball[]): ConsumerProject {
  const projectDirectory = join(directory, "project");
  const packages = tarballs.map(({ name }) => name);
  mkdirSync(projectDirectory, { recursive: true });
  writeFileSync(join(projectDirectory, "package.json"), JSON.stringify({ private: true }));
  npm(["install", "--no-audit", "--no-fund", ...tarballs.map(({ path }) => path)], projectDirectory);
  const project = {
    directory: projectDirectory,
    packages,
    isComplete: packageNames().every((name) => packages.includes(name)),
  };
  writeFormat(project, "esm");
  writeFormat(project, "cjs");
  return project;
}

function writeFormat(project: ConsumerProject, format: ModuleFormat): void {
  const directory = join(project.directory, format);
  mkdirSync(directory);
  writeFileSync(
    join(directory, "package.json"),
    JSON.stringify({ type: format === "esm" ? "module" : "commonjs" }),
  );
  for (const [name, text] of Object.entries(consumerFiles(project))) {
    writeFileSync(join(directory, `${name}.ts`), text);
    writeFileSync(join(directory, `${name}.js`), transformSync(text, { loader: "ts", format }).code);
  }
}

function consumerFiles(project: ConsumerProject): Record<string, string> {
  const files: Record<string, string> = { "list-exports": listExports(project.packages) };
  if (project.isComplete) {
    files.handler = handlerSource();
    files["run-handler"] = readFileSync(join(__dirname, "consumer/run-handler.ts"), "utf8");
  }
  return files;
}

/** A program that prints the names that each package exports. */
function listExports(packages: readonly string[]): string {
  return [
    ...packages.map((name, index) => `import * as package${index} from "@tidemark/${name}";`),
    `const names = [${packages.map((_, index) => `Object.keys(package${index})`).join(", ")}];`,
    'const own = names.map((each) => each.filter((name) => name !== "default").sort());',
    "console.log(JSON.stringify(own));",
    "export {};",
  ].join("\n");
}
