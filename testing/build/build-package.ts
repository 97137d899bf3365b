/**
 * Owns how one package is built: `tsx ../../testing/build/build-package.ts` in the package's folder.
 *
 * `dist/` gets one bundle per module format and the declarations of both, nothing else.
 *
 * 1. Nothing of another package is bundled: every dependency stays an import.
 * 2. Declarations resolve other packages through their built `dist/`, so build those first.
 * 3. A warning of the bundler fails the build: `import.meta` is empty in CommonJS, for example.
 */

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build, type Format } from "esbuild";
import { writeCommonJsDeclarations } from "./commonjs-declarations";

const workspaceDirectory = resolve(__dirname, "../..");
const packageDirectory = process.cwd();
const sourceDirectory = join(packageDirectory, "src");
const outputDirectory = join(packageDirectory, "dist");

interface PackageManifest {
  readonly name: string;
}

async function main(): Promise<void> {
  rmSync(outputDirectory, { recursive: true, force: true });
  await bundle("esm", "index.js");
  await bundle("cjs", "index.cjs");
  emitDeclarations();
  writeCommonJsDeclarations(outputDirectory);
}

async function bundle(format: Format, fileName: string): Promise<void> {
  const { warnings } = await build({
    entryPoints: [join(sourceDirectory, "index.ts")],
    outfile: join(outputDirectory, fileName),
    bundle: true,
    format,
    platform: "node",
    target: "node20",
    packages: "external",
    sourcemap: true,
    // The workspace's tsconfig maps our packages to their sources, which would bundle them.
    tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true, strict: true } },
  });
  if (warnings.length > 0) {
    throw new Error(`the ${format} bundle has ${warnings.length} warning(s), see above; fix the sources`);
  }
}

function emitDeclarations(): void {
  const { name } = JSON.parse(
    readFileSync(join(packageDirectory, "package.json"), "utf8"),
  ) as PackageManifest;
  const configDirectory = join(workspaceDirectory, "node_modules/.cache/tidemark-build");
  const configFile = join(configDirectory, `${name.replace("@tidemark/", "")}.json`);
  mkdirSync(configDirectory, { recursive: true });
  writeFileSync(configFile, JSON.stringify(declarationConfig(), null, 2));
  const compiler = join(workspaceDirectory, "node_modules/typescript/bin/tsc");
  execFileSync(process.execPath, [compiler, "-p", configFile], { stdio: "inherit" });
}

function declarationConfig(): object {
  return {
    extends: join(workspaceDirectory, "tsconfig.json"),
    compilerOptions: {
      noEmit: false,
      declaration: true,
      emitDeclarationOnly: true,
      rootDir: sourceDirectory,
      outDir: outputDirectory,
      paths: {},
      types: ["node"],
      typeRoots: [join(workspaceDirectory, "node_modules/@types")],
    },
    include: [sourceDirectory],
    exclude: [join(sourceDirectory, "**/*.test.ts")],
  };
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
