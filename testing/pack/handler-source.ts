/** Owns which handler is run from the tarballs: the first TypeScript block of the README. */

import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const README = resolve(__dirname, "../../README.md");
const STAND_IN = join(__dirname, "consumer/handler.ts");

/** The README's handler; the one in `consumer/` as long as the README has none. */
export function handlerSource(): string {
  const text = existsSync(README) ? readFileSync(README, "utf8") : "";
  return firstTypeScriptBlock(text) ?? readFileSync(STAND_IN, "utf8");
}

/** The text of the first fenced block whose info string starts with `ts`. */
export function firstTypeScriptBlock(markdown: string): string | undefined {
  return /^```ts(?: [^\n]*)?\n([\s\S]*?)^```\s*$/m.exec(markdown)?.[1];
}
