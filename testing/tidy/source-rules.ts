/** Owns the rules that look at one file alone: bans, `any`, sizes and names. */

import { type Finding, isNode, lineOf, nameOf, type SourceFile, type SyntaxNode, walk } from "./source-file";

/** Files that a rule does not hold for, each with the reason why. */
export type Exceptions = Readonly<Record<string, string>>;

const TIMER_NAMES = ["setTimeout", "setInterval", "setImmediate"];
const GLOBAL_NAMES = ["globalThis", "global"];
const BANNED_MEMBERS = ["Date.now", "Math.random", "performance.now", "process.hrtime"];
const BANNED_MODULES = ["timers", "timers/promises"];

/** Uses of the host's clock, timers and randomness. Time and randomness are arguments. */
export function bannedCalls(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  walk(file.root, (node, parents) => {
    const banned = bannedName(node, parents);
    if (banned === undefined) return;
    const what = `uses ${banned}; take time, turns and randomness from a port (design: outermost files only)`;
    findings.push({ path: file.path, line: lineOf(node), what });
  });
  return findings;
}

function bannedName(node: SyntaxNode, parents: readonly SyntaxNode[]): string | undefined {
  switch (node.type) {
    case "MemberExpression":
    case "OptionalMemberExpression":
      return bannedMember(node);
    case "NewExpression":
      return nameOf(node.callee) === "Date" && isEmpty(node.arguments)
        ? "new Date() without arguments"
        : undefined;
    case "CallExpression":
      return nameOf(node.callee) === "Date" ? "Date()" : undefined;
    case "Identifier":
      return TIMER_NAMES.includes(node.name as string) && isReference(node, parents)
        ? (node.name as string)
        : undefined;
    case "ImportDeclaration": {
      const specifier = nameOf(node.source) as string;
      return BANNED_MODULES.includes(specifier.replace(/^node:/, "")) ? specifier : undefined;
    }
    default:
      return undefined;
  }
}

function isEmpty(list: unknown): boolean {
  return Array.isArray(list) && list.length === 0;
}

function bannedMember(node: SyntaxNode): string | undefined {
  const property = nameOf(node.property);
  const object = isNode(node.object) ? objectName(node.object) : undefined;
  if (property === undefined || object === undefined) return undefined;
  if (GLOBAL_NAMES.includes(object)) return TIMER_NAMES.includes(property) ? property : undefined;
  const name = `${object}.${property}`;
  return BANNED_MEMBERS.includes(name) ? name : undefined;
}

/** `Date` of both `Date` and `globalThis.Date`. */
function objectName(object: SyntaxNode): string | undefined {
  const isGlobal = object.type === "MemberExpression" && GLOBAL_NAMES.includes(nameOf(object.object) ?? "");
  return nameOf(isGlobal ? object.property : object);
}

/** Whether an identifier reads a variable: not a member, a key, or part of a type. */
function isReference(node: SyntaxNode, parents: readonly SyntaxNode[]): boolean {
  const parent = parents.at(-1);
  if (parent === undefined || parent.type.startsWith("TS")) return isCast(parent);
  if (parent.type === "MemberExpression" || parent.type === "OptionalMemberExpression") {
    return parent.object === node || parent.computed === true;
  }
  // The value of a shorthand `{ setTimeout }` is an identifier of its own, and does read it.
  return parent.key !== node || parent.computed === true;
}

function isCast(parent: SyntaxNode | undefined): boolean {
  return ["TSAsExpression", "TSSatisfiesExpression", "TSNonNullExpression"].includes(parent?.type ?? "");
}

export function anyTypes(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  walk(file.root, (node) => {
    if (node.type !== "TSAnyKeyword") return;
    findings.push({
      path: file.path,
      line: lineOf(node),
      what: 'uses the type "any"; use "unknown" and parse it',
    });
  });
  return findings;
}

export function leftovers(file: SourceFile): Finding[] {
  return file.text.split("\n").flatMap((text, index) => {
    const word = /\b(TO[D]O|FIX[M]E|XX[X])\b/.exec(text)?.[0];
    if (word === undefined) return [];
    return [{ path: file.path, line: index + 1, what: `says ${word}; do it, or open an issue` }];
  });
}

export function longFile(file: SourceFile, maxLines: number): Finding[] {
  const lines = file.text.replace(/\n$/, "").split("\n").length;
  if (lines <= maxLines) return [];
  return [{ path: file.path, line: maxLines + 1, what: `has ${lines} lines; at most ${maxLines}` }];
}

const FUNCTION_TYPES = [
  "FunctionDeclaration",
  "FunctionExpression",
  "ArrowFunctionExpression",
  "ClassMethod",
  "ClassPrivateMethod",
  "ObjectMethod",
];

/** Functions over the limit. A suite, which only groups tests, is measured test by test. */
export function longFunctions(file: SourceFile, maxLines: number): Finding[] {
  const findings: Finding[] = [];
  walk(file.root, (node, parents) => {
    if (!FUNCTION_TYPES.includes(node.type) || !node.loc || isSuite(node, parents)) return;
    const lines = node.loc.end.line - node.loc.start.line + 1;
    if (lines <= maxLines) return;
    const name = nameOf(node.id) ?? nameOf(node.key) ?? nameOf(parents.at(-1)?.id) ?? "a function";
    findings.push({
      path: file.path,
      line: lineOf(node),
      what: `${name} has ${lines} lines; at most ${maxLines}`,
    });
  });
  return findings;
}

const SUITE_CALLS = ["describe", "it", "test", "beforeEach", "afterEach"];

function isSuite(node: SyntaxNode, parents: readonly SyntaxNode[]): boolean {
  const parent = parents.at(-1);
  if (parent?.type === "CallExpression" && calledName(parent) === "describe") return true;
  let definesTests = false;
  walk(node, (below) => {
    definesTests ||= below.type === "CallExpression" && SUITE_CALLS.includes(calledName(below) ?? "");
  });
  return definesTests;
}

/** `describe` of `describe(...)`, `describe.each(...)` and `describe.each(...)(...)`. */
function calledName(call: SyntaxNode): string | undefined {
  let callee = call.callee;
  while (isNode(callee) && nameOf(callee) === undefined)
    callee = callee.object ?? callee.callee ?? callee.tag;
  return nameOf(callee);
}

const MAGNETS = /^(help(?:er)?s?|utils?|utilit(?:y|ies)|misc|commons?)$/;

/** Names that attract what belongs elsewhere, and names that are not kebab-case. */
export function badName(path: string): Finding[] {
  const findings: Finding[] = [];
  for (const segment of path.split("/").slice(1)) {
    const stem = segment.replace(/^\./, "").split(".")[0] as string;
    const magnet = stem.split(/[-_]/).find((word) => MAGNETS.test(word.toLowerCase()));
    if (magnet !== undefined) {
      findings.push({
        path,
        line: 1,
        what: `has "${magnet}" in its name; name the one concept that it holds`,
      });
    }
    if (/\.(ts|mjs|cjs|js)$/.test(segment) && !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(stem)) {
      findings.push({ path, line: 1, what: "is not named in kebab-case" });
    }
  }
  return findings;
}
