/**
 * Owns what a cold start costs before the first line of a handler runs: the size of the bundle, and the time that Node
 * takes to load it, in a new process for every sample.
 *
 * Both sides are the same small handler, bundled by esbuild with the same options. Clients of AWS are either part of
 * the bundle, or left to be found in `node_modules`, as they are in the Node.js runtimes of Lambda.
 */

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildSync } from "esbuild";
import { workspaceDirectory } from "../pack/consumer-project";
import { type Bar, type Figure, figureOf, type Row } from "./figures";
import type { Laboratory } from "./laboratory";

/** A program in `cold-start/`. */
type Handler =
  | "aws"
  | "aws-ready"
  | "tidemark"
  | "tidemark-ready"
  | "tidemark-dynamodb"
  | "tidemark-dynamodb-s3";

const FORMATS = { esm: "mjs", cjs: "cjs" } as const;
type Format = keyof typeof FORMATS;

const CLIENTS = ["Lambda's clients", "clients bundled"] as const;
type Clients = (typeof CLIENTS)[number];

interface Variant {
  readonly handler: Handler;
  readonly format: Format;
  readonly clients: Clients;
}

/**
 * One process that loads a bundle. Time on the wall is what a caller waits for; processor time is what the machine's
 * other work changes least, and what a small Lambda function has little of.
 */
const LOADER = `
import { createRequire } from "node:module";
const [, , path] = process.argv;
const require = createRequire(import.meta.url);
const usedBefore = process.cpuUsage();
const startedMs = performance.now();
const { handler } = path.endsWith(".cjs") ? require(path) : await import(path);
const wallMs = performance.now() - startedMs;
const { user, system } = process.cpuUsage(usedBefore);
if (typeof handler !== "function") throw new Error(path + " has no handler");
process.stdout.write(JSON.stringify({ wall: wallMs, cpu: (user + system) / 1000 }), () => process.exit());
`;

type Measure = "cpu" | "wall" | "size";

export function measureColdStart(laboratory: Laboratory, rounds: number): Figure[] {
  const directory = join(laboratory.directory, "cold-start");
  mkdirSync(directory);
  const loader = join(directory, "loader.mjs");
  writeFileSync(loader, LOADER);
  const bundles = variants().map((variant) => ({ variant, ...bundle(variant, directory) }));
  const samples: Record<string, number[]> = {};
  const add = (variant: Variant, measure: Measure, sample: number): void => {
    const series = seriesOf(variant, measure);
    samples[series] = [...(samples[series] ?? []), sample];
  };
  for (const { variant, bytes } of bundles) add(variant, "size", bytes / 1000);
  // The first round fills the caches of the file system; it does not count.
  for (let round = -1; round < rounds; round++) {
    // In changing order, so that none always follows the same one.
    for (const { variant, path } of rotated(bundles, Math.max(round, 0))) {
      const output = execFileSync(laboratory.node, [loader, path], { encoding: "utf8" });
      const { wall, cpu } = JSON.parse(output) as { wall: number; cpu: number };
      if (round < 0) continue;
      add(variant, "wall", wall);
      add(variant, "cpu", cpu);
    }
  }
  return ROWS.map((row) => figureOf(row, samples));
}

function ratioAtMost(value: number): Bar {
  return { of: "ratio", kind: "at most", value };
}

/** What of ours is compared with what of the peer's. */
interface Comparison {
  readonly title: string;
  readonly ours: Handler;
  readonly peer: Handler;
  readonly format: Format;
  readonly clients: Clients;
  readonly bar?: Bar;
}

const MINIMAL = { title: "minimal handler", ours: "tidemark", peer: "aws", bar: ratioAtMost(1) } as const;
const READY = {
  title: "with its client",
  ours: "tidemark-ready",
  peer: "aws-ready",
  bar: ratioAtMost(1),
} as const;
const ON_DYNAMODB = { title: "on DynamoDB", ours: "tidemark-dynamodb", peer: "aws-ready" } as const;
const WITH_S3 = { title: "on DynamoDB and S3", ours: "tidemark-dynamodb-s3", peer: "aws-ready" } as const;

const COMPARISONS: readonly Comparison[] = [
  // Bundled, the peer's has the client in it and ours does not: that would compare different things.
  { ...MINIMAL, format: "esm", clients: "Lambda's clients" },
  { ...MINIMAL, format: "cjs", clients: "Lambda's clients" },
  ...[READY, ON_DYNAMODB, WITH_S3].flatMap((handlers) =>
    CLIENTS.map((clients) => ({ ...handlers, format: "esm" as const, clients })),
  ),
];

const WHAT = { cpu: "processor time", wall: "time", size: "bundle" } as const;

const ROWS: readonly Row[] = COMPARISONS.flatMap((comparison) => [
  rowOf(comparison, "cpu"),
  rowOf(comparison, "wall"),
  rowOf(comparison, "size"),
]);

function rowOf({ title, ours, peer, format, clients, bar }: Comparison, measure: Measure): Row {
  const row = {
    title: `${title}, ${format}, ${clients}: ${WHAT[measure]}`,
    measurement: "cold-start",
    unit: measure === "size" ? "kB" : "ms",
    ours: seriesOf({ handler: ours, format, clients }, measure),
    peer: { series: seriesOf({ handler: peer, format, clients }, measure), title: "AWS SDK" },
  };
  // Time on the wall is only stated: what else the machine does is most of its scatter.
  return bar === undefined || measure === "wall" ? row : { ...row, bar };
}

function variants(): Variant[] {
  const wanted = COMPARISONS.flatMap(({ ours, peer, format, clients }) => [
    { handler: peer, format, clients },
    { handler: ours, format, clients },
  ]);
  return [...new Map(wanted.map((variant) => [nameOf(variant), variant])).values()];
}

function nameOf({ handler, format, clients }: Variant): string {
  return `${handler}-${format}-${clients.replace(/\W/g, "-")}`;
}

function seriesOf(variant: Variant, measure: Measure): string {
  return `${nameOf(variant)}-${measure}`;
}

function bundle(variant: Variant, directory: string): { readonly path: string; readonly bytes: number } {
  const { handler, format, clients } = variant;
  const path = join(directory, `${nameOf(variant)}.${FORMATS[format]}`);
  const { outputFiles } = buildSync({
    entryPoints: [join(__dirname, `cold-start/${handler}.ts`)],
    outfile: path,
    bundle: true,
    minify: true,
    format,
    platform: "node",
    target: "node22",
    mainFields: ["module", "main"],
    external: clients === "clients bundled" ? [] : ["@aws-sdk/*", "@smithy/*"],
    // What was built, and not the sources to which the workspace's tsconfig maps our packages.
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true, strict: true } },
    // In a module, code that was CommonJS asks for Node's modules with require.
    ...(format === "esm" && { banner: { js: REQUIRE } }),
    absWorkingDir: workspaceDirectory,
    logLevel: "warning",
    write: false,
  });
  const { contents } = outputFiles[0] as { contents: Uint8Array };
  writeFileSync(path, contents);
  return { path, bytes: contents.length };
}

const REQUIRE =
  'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);';

function rotated<T>(all: readonly T[], by: number): T[] {
  const at = by % all.length;
  return [...all.slice(at), ...all.slice(0, at)];
}
