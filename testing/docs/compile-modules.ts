/** Owns the compilation of fences: all of them in one program, with the compiler's own command. */

import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Fence } from "./fences";
import { LINES_BEFORE_CODE } from "./snippet-module";

const CONFIG = {
  extends: "../../tsconfig.json",
  compilerOptions: {
    types: ["node"],
    // The imports that are put in front of fragments do not tell types from values.
    verbatimModuleSyntax: false,
    isolatedModules: false,
  },
  include: ["modules/*.ts"],
};

/** Compiles the modules of fences. Gives what the compiler found, with file and line of the documentation. */
export async function compileModules(
  fences: readonly Fence[],
  workspaceDirectory: string,
  projectDirectory: string,
): Promise<string[]> {
  writeFileSync(join(projectDirectory, "tsconfig.json"), JSON.stringify(CONFIG));
  return findingsIn(await compilerOutput(workspaceDirectory, projectDirectory), fences);
}

/** The compiler's output. The exit code says only whether there is any. */
function compilerOutput(workspaceDirectory: string, projectDirectory: string): Promise<string> {
  const compiler = join(workspaceDirectory, "node_modules/typescript/bin/tsc");
  const args = [compiler, "-p", "tsconfig.json", "--noEmit", "--pretty", "false"];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd: projectDirectory }, (error, stdout, stderr) => {
      if (error !== null && !stdout.includes("error TS"))
        reject(new Error(`tsc failed:\n${stdout}${stderr}`));
      else resolve(stdout);
    });
  });
}

/** Findings in the sources of the packages are for `npm run typecheck`. */
function findingsIn(output: string, fences: readonly Fence[]): string[] {
  const findings = [...output.matchAll(/^modules\/(\d+)\.ts\((\d+),\d+\): error (TS\d+: .*)$/gm)];
  return findings.map(([, index, line, message]) => {
    const fence = fences[Number(index)] as Fence;
    return `${fence.path}:${fence.line + Number(line) - 1 - LINES_BEFORE_CODE}: ${message}`;
  });
}
