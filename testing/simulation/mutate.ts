/** Owns the building of a mutated simulation: the sources as they are but for one text. */

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build, type Plugin } from "esbuild";
import type { Mutant } from "./mutants";

const workspaceDirectory = resolve(__dirname, "../..");

/** The source with the text replaced. @throws when the text does not occur exactly once: the mutant has to be written anew. */
export function mutated({ name, file, find, replace }: Mutant): string {
  const parts = readFileSync(join(workspaceDirectory, file), "utf8").split(find);
  if (parts.length === 2) return parts.join(replace);
  throw new Error(`mutant "${name}": ${file} has its text ${parts.length - 1} times; find another text`);
}

/** Bundles `main` with the mutant, or without one, into `outfile`. */
export async function bundle(main: string, mutant: Mutant | undefined, outfile: string): Promise<void> {
  await build({
    entryPoints: [join(__dirname, main)],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    external: ["@aws-sdk/*"],
    absWorkingDir: workspaceDirectory,
    tsconfig: join(workspaceDirectory, "tsconfig.json"),
    plugins: mutant === undefined ? [] : [mutating(mutant)],
    logLevel: "error",
    logOverride: { "empty-import-meta": "silent" },
  });
}

function mutating(mutant: Mutant): Plugin {
  const path = join(workspaceDirectory, mutant.file);
  return {
    name: "mutant",
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, (args) =>
        args.path === path ? { contents: mutated(mutant), loader: "ts" } : undefined,
      );
    },
  };
}
