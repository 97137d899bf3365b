/**
 * Owns the check that the same sources compile against either SDK's declarations.
 *
 * The sources import `@tidemark/sdk`; for the AWS SDK that name is mapped to its declarations.
 */

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Sdk } from "./programs";

const workspaceDirectory = resolve(__dirname, "../..");

/** What either SDK must accept: the handlers of the cases, and the uses of the API. */
const SOURCES = ["testing/interop/cases/*.ts", "testing/types/either-sdk/*.ts"];

/** The compiler's errors, or nothing when the sources compile. */
export function compileErrors(sdk: Sdk): string | undefined {
  const parent = join(workspaceDirectory, "node_modules/.cache");
  mkdirSync(parent, { recursive: true });
  const directory = mkdtempSync(join(parent, "tidemark-either-sdk-"));
  try {
    const configFile = join(directory, "tsconfig.json");
    writeFileSync(configFile, JSON.stringify(configFor(sdk)));
    const compiler = join(workspaceDirectory, "node_modules/typescript/bin/tsc");
    execFileSync(process.execPath, [compiler, "-p", configFile], { encoding: "utf8", stdio: "pipe" });
    return undefined;
  } catch (error) {
    const { stdout, message } = error as { stdout?: string; message: string };
    return stdout === undefined || stdout === "" ? message : stdout;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function configFor(sdk: Sdk): unknown {
  const source = (name: string) => [join(workspaceDirectory, `packages/${name}/src/index.ts`)];
  const declarations = "node_modules/@aws/durable-execution-sdk-js/dist-types/index.d.ts";
  return {
    extends: join(workspaceDirectory, "tsconfig.json"),
    compilerOptions: {
      paths: {
        "@tidemark/protocol": source("protocol"),
        "@tidemark/sdk": sdk === "aws" ? [join(workspaceDirectory, declarations)] : source("sdk"),
      },
      typeRoots: [join(workspaceDirectory, "node_modules/@types")],
    },
    include: SOURCES.map((pattern) => join(workspaceDirectory, pattern)),
    exclude: [],
  };
}
