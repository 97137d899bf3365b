/** Owns running fences: each in a process and a directory of its own, on the sources of the packages. */

import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { packageFolders } from "../build/package-folders";

/** What a program printed, or how it failed. */
export interface RunOutcome {
  readonly output: string;
  readonly failure: string | undefined;
}

/** Against what hangs: a busy machine takes several times as long as an idle one. */
const RUN_LIMIT_MS = 60_000;

/** Programs mostly wait for their timers: more of them than cores. */
const MAX_PROCESSES = 4;

/** Runs modules by their index; outcomes by index, too. */
export async function runModules(
  indexes: readonly number[],
  workspaceDirectory: string,
  projectDirectory: string,
): Promise<ReadonlyMap<number, RunOutcome>> {
  await bundle(indexes, workspaceDirectory, projectDirectory);
  const outcomes = new Map<number, RunOutcome>();
  const left = [...indexes];
  const runSome = async (): Promise<void> => {
    for (let index = left.shift(); index !== undefined; index = left.shift()) {
      outcomes.set(index, await runProgram(projectDirectory, index));
    }
  };
  await Promise.all(Array.from({ length: MAX_PROCESSES }, runSome));
  return outcomes;
}

async function bundle(
  indexes: readonly number[],
  workspaceDirectory: string,
  projectDirectory: string,
): Promise<void> {
  const sources = Array.from(packageFolders(workspaceDirectory), ([name, folder]) => [
    `@tidemark/${name}`,
    join(workspaceDirectory, folder, "src/index.ts"),
  ]);
  await build({
    entryPoints: indexes.map((index) => join(projectDirectory, `modules/${index}.ts`)),
    outdir: join(projectDirectory, "programs"),
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    alias: Object.fromEntries(sources),
    external: ["@photostructure/sqlite", "ulid", "@aws-sdk/*", "@aws/*", "aws-cdk-lib"],
    logLevel: "silent",
  });
}

function runProgram(projectDirectory: string, index: number): Promise<RunOutcome> {
  const program = join(projectDirectory, `programs/${index}.mjs`);
  const cwd = join(projectDirectory, `work/${index}`);
  mkdirSync(cwd, { recursive: true });
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ["--test-reporter=tap", program],
      { cwd, timeout: RUN_LIMIT_MS, env: onDevelopersMachine(process.env) },
      (error, stdout, stderr) => {
        const reason = error?.killed === true ? `did not end within ${RUN_LIMIT_MS} ms` : error?.message;
        resolve({ output: stdout, failure: error === null ? undefined : `${reason}\n${stdout}${stderr}` });
      },
    );
  });
}

/** Examples of tests record there what they only compare in CI. */
function onDevelopersMachine({ CI: _ci, ...env }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return env;
}
