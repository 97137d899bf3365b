/** Owns the building of a mutated simulation, the sources as they are but for one text, and the hunt for the mutant. */

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build, type Plugin } from "esbuild";
import type { Hunt } from "./hunt";
import type { Mutant } from "./mutants";

const workspaceDirectory = resolve(__dirname, "../..");

/** The source with the text replaced. @throws when the text does not occur exactly once: the mutant has to be written anew. */
export function mutated({ name, file, find, replace }: Mutant): string {
  const parts = readFileSync(join(workspaceDirectory, file), "utf8").split(find);
  if (parts.length === 2) return parts.join(replace);
  throw new Error(`mutant "${name}": ${file} has its text ${parts.length - 1} times; find another text`);
}

/** Bundles `main` with the mutant, or without one, into `outfile`. */
async function bundle(main: string, mutant: Mutant | undefined, outfile: string): Promise<void> {
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

/** A mutant that goes round in circles is not caught by an invariant. */
const PATIENCE_MS = 300_000;

interface HuntOptions {
  readonly firstSeed: number;
  readonly seeds: number;
  /** For the bundle. */
  readonly directory: string;
}

/** Runs seed after seed, in a process of its own, until an invariant is violated. */
export async function huntFor(
  mutant: Mutant | undefined,
  { firstSeed, seeds, directory }: HuntOptions,
): Promise<Hunt> {
  const outfile = join(directory, "hunt.cjs");
  await bundle("hunt.ts", mutant, outfile);
  const child = spawn(process.execPath, [outfile, String(firstSeed), String(seeds)], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: PATIENCE_MS,
  });
  let output = "";
  let errors = "";
  child.stdout.on("data", (data: Buffer) => {
    output += data.toString();
  });
  child.stderr.on("data", (data: Buffer) => {
    errors += data.toString();
  });
  const status = await new Promise((resolve) => child.on("close", resolve));
  const last = output.trim().split("\n").at(-1) ?? "";
  if (status === 0 && last.startsWith("{")) return JSON.parse(last) as Hunt;
  return { seeds: 0, events: 0, what: `it did not end by itself (${status}): ${errors.slice(-2_000)}` };
}
