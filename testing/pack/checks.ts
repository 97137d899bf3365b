/** Owns the checks on the installed packages. Each throws with a message that says what is wrong. */

import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join, sep } from "node:path";
import { type ConsumerProject, type ModuleFormat, run, workspaceDirectory } from "./consumer-project";

const REQUIRED_FILES = [
  "LICENSE",
  "README.md",
  "package.json",
  "dist/index.js",
  "dist/index.cjs",
  "dist/index.d.ts",
  "dist/index.d.cts",
];
const ALLOWED_FILE = /^(LICENSE|README\.md|package\.json|dist\/(index\.c?js(\.map)?|.+\.d\.c?ts))$/;

/** Each package holds its bundles, declarations, README and licence, and no source or test. */
export function checkContents(project: ConsumerProject): void {
  for (const name of project.packages) {
    const directory = join(project.directory, "node_modules/@tidemark", name);
    const files = readdirSync(directory, { recursive: true, encoding: "utf8" })
      .filter((path) => statSync(join(directory, path)).isFile())
      .map((path) => path.split(sep).join("/"));
    const missing = REQUIRED_FILES.filter((file) => !files.includes(file));
    const extra = files.filter((file) => !ALLOWED_FILE.test(file) || file.includes(".test."));
    if (missing.length > 0) throw new Error(`@tidemark/${name} lacks ${missing.join(", ")}`);
    if (extra.length > 0) throw new Error(`@tidemark/${name} holds ${extra.join(", ")}`);
  }
}

/** Every package exports something, and the same names in each format on each Node. */
export function checkExports(project: ConsumerProject, nodes: readonly string[]): void {
  const expected = listExports(project, "esm", nodes[0] as string);
  const empty = project.packages.filter((_, index) => expected[index]?.length === 0);
  if (empty.length > 0) throw new Error(`no exports: ${empty.join(", ")}`);
  for (const node of nodes) {
    for (const format of ["esm", "cjs"] as const) {
      const actual = listExports(project, format, node);
      if (JSON.stringify(actual) === JSON.stringify(expected)) continue;
      throw new Error(
        `exports differ, ${format} on ${node}:\n${JSON.stringify(expected)}\n${JSON.stringify(actual)}`,
      );
    }
  }
}

function listExports(project: ConsumerProject, format: ModuleFormat, node: string): string[][] {
  const output = run(node, ["list-exports.js"], join(project.directory, format));
  return JSON.parse(output) as string[][];
}

/** The declarations stand on their own under this resolution: libraries are checked too. */
export function checkTypes(
  project: ConsumerProject,
  format: ModuleFormat,
  resolution: "node16" | "nodenext" | "bundler",
): void {
  const directory = join(project.directory, format);
  const config = {
    compilerOptions: {
      target: "es2022",
      lib: ["es2023"],
      module: resolution === "bundler" ? "esnext" : resolution,
      moduleResolution: resolution,
      strict: true,
      skipLibCheck: false,
      noEmit: true,
      types: ["node"],
      typeRoots: [join(workspaceDirectory, "node_modules/@types")],
    },
    include: ["*.ts"],
  };
  const configFile = join(directory, `tsconfig.${resolution}.json`);
  writeFileSync(configFile, JSON.stringify(config));
  const compiler = join(workspaceDirectory, "node_modules/typescript/bin/tsc");
  run(process.execPath, [compiler, "-p", configFile], directory);
}

/** The README's handler runs to its end from the installed packages. */
export function checkHandler(project: ConsumerProject, format: ModuleFormat, node: string): void {
  const output = run(node, ["run-handler.js"], join(project.directory, format));
  const last = output.trim().split("\n").at(-1);
  if (last !== "SUCCEEDED") throw new Error(`the handler did not succeed; it printed:\n${output}`);
}
