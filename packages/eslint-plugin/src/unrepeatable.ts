/** Owns which expressions give something else each time, and which reach outside of the process. */

import type { SourceCode } from "eslint";
import type * as ESTree from "estree";
import { importOf, isGlobal, type Node, pathOf, variableOf } from "./syntax.js";

/** What gives another value each time, by how it is named from a global. */
const CHANGING_GLOBALS: ReadonlySet<string> = new Set([
  "Date.now",
  "Math.random",
  "performance.now",
  "crypto.randomUUID",
  "crypto.getRandomValues",
  "process.hrtime",
  "process.hrtime.bigint",
  "process.uptime",
  "process.memoryUsage",
  "process.cpuUsage",
]);

const CHANGING_EXPORTS: Readonly<Record<string, ReadonlySet<string>>> = {
  crypto: new Set([
    "randomUUID",
    "randomBytes",
    "randomInt",
    "randomFillSync",
    "getRandomValues",
    "webcrypto",
  ]),
  perf_hooks: new Set(["performance"]),
  uuid: new Set(["v1", "v4", "v6", "v7"]),
  ulid: new Set(["ulid", "monotonicFactory", "default"]),
  nanoid: new Set(["nanoid", "customAlphabet", "default"]),
};

/** What reaches outside, by how it is named from a global. */
const REACHING_GLOBALS: ReadonlySet<string> = new Set(["fetch", "setTimeout", "setInterval", "setImmediate"]);

/** Modules whose functions reach outside. */
const REACHING_MODULES: ReadonlySet<string> = new Set([
  "fs",
  "fs/promises",
  "child_process",
  "http",
  "https",
  "net",
  "dgram",
  "dns",
  "dns/promises",
  "timers",
  "timers/promises",
  "axios",
  "got",
  "node-fetch",
  "undici",
]);

/** `Date.now()` and its kin: how it is written, or nothing. */
export function changingValue(node: Node, sourceCode: SourceCode): string | undefined {
  if (node.type === "NewExpression" && node.callee.type === "Identifier") {
    const isNow =
      node.callee.name === "Date" && node.arguments.length === 0 && isGlobal(node.callee, sourceCode);
    return isNow ? "new Date()" : undefined;
  }
  if (node.type !== "CallExpression") return undefined;
  const path = globalPath(node.callee, sourceCode);
  if (path === "Date" || (path !== undefined && CHANGING_GLOBALS.has(path))) return `${path}()`;
  const used = importedFunction(node.callee, sourceCode);
  return used !== undefined && CHANGING_EXPORTS[used.from]?.has(used.name) === true
    ? `${used.text}()`
    : undefined;
}

/** `fetch()` and its kin: how it is written, or nothing. */
export function reachingCall(node: Node, sourceCode: SourceCode): string | undefined {
  if (node.type !== "CallExpression") return undefined;
  const path = globalPath(node.callee, sourceCode);
  if (path !== undefined && REACHING_GLOBALS.has(path)) return `${path}()`;
  const used = importedFunction(node.callee, sourceCode);
  return used !== undefined && REACHING_MODULES.has(used.from) ? `${used.text}()` : undefined;
}

/** `process.env`, which another deployment or machine has otherwise. */
export function isEnvironment(node: Node, sourceCode: SourceCode): boolean {
  return node.type === "MemberExpression" && globalPath(node, sourceCode) === "process.env";
}

/** `Date.now`, also as `globalThis.Date.now`, when the file has nothing of this name itself. */
function globalPath(node: ESTree.Node, sourceCode: SourceCode): string | undefined {
  const found = pathOf(node);
  if (found === undefined || !isGlobal(found.root, sourceCode)) return undefined;
  const path = found.path[0] === "globalThis" ? found.path.slice(1) : found.path;
  return path.join(".");
}

/** What a call uses of a module: `uuid.v4()`, `v4()`, and the import itself when it is a function. */
function importedFunction(
  callee: ESTree.Node,
  sourceCode: SourceCode,
): { readonly from: string; readonly name: string; readonly text: string } | undefined {
  const found = pathOf(callee);
  const imported = found === undefined ? undefined : importOf(variableOf(found.root, sourceCode));
  if (found === undefined || imported === undefined) return undefined;
  const text = found.path.join(".");
  const isWhole = imported.name === "*" || imported.name === "default";
  const name = isWhole ? (found.path[1] ?? imported.name) : imported.name;
  return { from: imported.from, name, text };
}
