/**
 * Checks what would be published: `npm run pack:check [-- --only protocol,store]`, where a
 * package is named with those that it depends on.
 *
 * Builds and packs the packages, installs the tarballs into an empty project, and there loads
 * them, runs the handler of the README and type-checks a consumer, as ES modules and as CommonJS,
 * on this Node and on Node 24. The last line of the output is one JSON object.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkContents, checkExports, checkHandler, checkTypes } from "./checks";
import {
  type ConsumerProject,
  installNode,
  packAll,
  packageNames,
  prepareConsumer,
  run,
} from "./consumer-project";

const NEWEST_NODE = "24";

interface Report {
  passed: number;
  failed: number;
  sizes: Record<string, number>;
}

async function main(): Promise<void> {
  const chosen = chosenPackages(process.argv.slice(2));
  const directory = mkdtempSync(join(tmpdir(), "tidemark-pack-"));
  const report: Report = { passed: 0, failed: 0, sizes: {} };
  try {
    const tarballs = packAll(chosen, directory);
    for (const { name, bytes } of tarballs) report.sizes[name] = bytes;
    const project = prepareConsumer(directory, tarballs);
    const nodes = [process.execPath, installNode(directory, NEWEST_NODE)];
    runChecks(project, nodes, report);
  } catch (error) {
    report.failed += 1;
    console.error(messageOf(error));
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  console.log(JSON.stringify(report));
  if (report.failed > 0) process.exitCode = 1;
}

/** All packages, or those after `--only`. */
function chosenPackages(args: readonly string[]): string[] {
  const at = args.indexOf("--only");
  if (at === -1) return packageNames();
  const chosen = (args[at + 1] ?? "").split(",");
  const unknown = chosen.filter((name) => !packageNames().includes(name));
  if (unknown.length > 0) throw new Error(`--only: no such package: ${unknown.join(", ")}`);
  return chosen;
}

function runChecks(project: ConsumerProject, nodes: readonly string[], report: Report): void {
  const check = (title: string, perform: () => void) => {
    try {
      perform();
      report.passed += 1;
      console.log(`ok      ${title}`);
    } catch (error) {
      report.failed += 1;
      console.log(`failed  ${title}\n${messageOf(error)}`);
    }
  };

  check("the tarballs hold what they should and nothing else", () => checkContents(project));
  check("both formats export the same names", () => checkExports(project, nodes));
  for (const resolution of ["node16", "nodenext"] as const) {
    for (const format of ["esm", "cjs"] as const) {
      check(`types, ${resolution}, ${format}`, () => checkTypes(project, format, resolution));
    }
  }
  check("types, bundler", () => checkTypes(project, "esm", "bundler"));
  if (!project.isComplete) {
    console.log("skipped the handler: it needs all packages");
    return;
  }
  for (const node of nodes) {
    for (const format of ["esm", "cjs"] as const) {
      check(`the handler, ${format}, Node ${versionOf(node)}`, () => checkHandler(project, format, node));
    }
  }
}

function versionOf(node: string): string {
  return run(node, ["--version"], process.cwd()).trim();
}

function messageOf(error: unknown): string {
  const { message, stdout, stderr } = error as { message?: string; stdout?: string; stderr?: string };
  return [message ?? String(error), stdout, stderr]
    .filter((text) => text !== undefined && text !== "")
    .join("\n");
}

main().catch((error: unknown) => {
  console.error(messageOf(error));
  process.exitCode = 1;
});
