/**
 * Owns how jest reads TypeScript: esbuild strips the types, nothing is checked here.
 *
 * The cache key covers what the result depends on, so that an unchanged file is never transformed
 * twice, in any worker or run.
 */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { transformSync, version } from "esbuild";

const ownSource = readFileSync(fileURLToPath(import.meta.url), "utf8");

export default {
  canInstrument: false,

  getCacheKey(sourceText, sourcePath) {
    const hash = createHash("sha256");
    for (const part of [ownSource, version, sourcePath, sourceText]) hash.update(part).update("\0");
    return hash.digest("hex").slice(0, 32);
  },

  process(sourceText, sourcePath) {
    const { code, map } = transformSync(sourceText, {
      loader: "ts",
      format: "cjs",
      platform: "node",
      target: "node20",
      sourcefile: sourcePath,
      sourcemap: "external",
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true, strict: true } },
    });
    return { code, map };
  },
};
