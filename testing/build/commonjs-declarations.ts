/**
 * Owns the `.d.cts` twins of the emitted `.d.ts` files.
 *
 * In a `type: module` package a `.d.ts` describes an ES module. A CommonJS consumer under
 * `moduleResolution: node16` must find `.d.cts` files that refer to each other, or TypeScript
 * treats every import of the package as an ES module that cannot be required.
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** `from "./x.js"`, `import "./x.js"` and `import("./x.js")`; other packages resolve by condition. */
const RELATIVE_SPECIFIER = /((?:\bfrom|\bimport)\s*\(?\s*["'])(\.{1,2}\/[^"']*)\.js(["'])/g;

/** Writes a `.d.cts` beside every `.d.ts` under `directory`. */
export function writeCommonJsDeclarations(directory: string): void {
  for (const file of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".d.ts")) continue;
    const text = readFileSync(join(directory, file), "utf8");
    const twin = file.replace(/\.d\.ts$/, ".d.cts");
    writeFileSync(join(directory, twin), toCommonJsDeclaration(text));
  }
}

/** The text of a declaration file with its relative imports pointing to the `.d.cts` twins. */
export function toCommonJsDeclaration(text: string): string {
  return text.replace(RELATIVE_SPECIFIER, "$1$2.cjs$3");
}
