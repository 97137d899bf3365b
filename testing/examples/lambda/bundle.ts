/**
 * Bundles the functions of the example with esbuild: `npm run bundle:lambda`, into `infra/dist/<function>/index.mjs`,
 * where `infra/template.yaml` takes them from. `--with-aws-sdk` bundles the clients, too; else Lambda's own are used.
 *
 * The last line of the output is one JSON object: bytes by function.
 */

import { join, resolve } from "node:path";
import { build } from "esbuild";
import { packageFolders } from "../../build/package-folders";

const workspaceDirectory = resolve(__dirname, "../../..");

export const FUNCTIONS = ["order", "approve", "waker"] as const;

interface BundleOptions {
  readonly outDirectory: string;
  readonly withAwsSdk: boolean;
}

/** Bytes of each function's bundle. */
export async function bundleFunctions({
  outDirectory,
  withAwsSdk,
}: BundleOptions): Promise<Record<string, number>> {
  const { metafile } = await build({
    entryPoints: FUNCTIONS.map((name) => ({ in: join(__dirname, `${name}.ts`), out: `${name}/index` })),
    outdir: outDirectory,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    minify: true,
    platform: "node",
    format: "esm",
    target: "node22",
    // Modules first: of a CommonJS client nothing can be left out.
    mainFields: ["module", "main"],
    external: withAwsSdk ? [] : ["@aws-sdk/*", "@smithy/*"],
    alias: Object.fromEntries(
      Array.from(packageFolders(workspaceDirectory), ([name, folder]) => [
        `@tidemark/${name}`,
        join(workspaceDirectory, folder, "src/index.ts"),
      ]),
    ),
    banner: {
      js: 'import { createRequire as makeRequire } from "node:module"; const require = makeRequire(import.meta.url);',
    },
    metafile: true,
    logLevel: "warning",
    absWorkingDir: workspaceDirectory,
  });
  const outputs = Object.entries(metafile.outputs).map(([path, { bytes }]) => [
    path.split("/").at(-2),
    bytes,
  ]);
  return Object.fromEntries(outputs) as Record<string, number>;
}

if (require.main === module) {
  const outDirectory = join(workspaceDirectory, "infra/dist");
  bundleFunctions({ outDirectory, withAwsSdk: process.argv.includes("--with-aws-sdk") }).then(
    (bytes) => console.log(JSON.stringify(bytes)),
    (error: unknown) => {
      console.error(error);
      process.exitCode = 1;
    },
  );
}
