/**
 * Owns where code stands in the documentation: the fenced blocks of Markdown files and docstrings.
 *
 * A fence's info string is `ts`, `ts run` or `ts nocheck: <reason>`; a first line `// run` says `run`
 * as well. What a `run` fence prints stands in the `text` fence after it; without one it prints
 * nothing. One that imports `node:test` is a test file: its tests pass.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageFolders } from "../build/package-folders";

export interface Fence {
  /** Relative to the work tree. */
  readonly path: string;
  /** Of the first line of code, from 1. */
  readonly line: number;
  readonly language: string;
  /** What follows the language in the info string. */
  readonly mode: string;
  readonly code: string;
  readonly isDocstring: boolean;
}

/** A fence that runs, and what it must print. */
export interface RunnableFence extends Fence {
  readonly output: string;
}

const FENCE = /^( *)```([^\n`]*)\n((?:.*\n)*?)\1```[ \t]*$/gm;

/** The fences of a Markdown text, in order. */
export function fencesIn(text: string, path: string): Fence[] {
  return [...text.matchAll(FENCE)].map((match) => {
    const [, indent = "", info = "", body = ""] = match;
    const [language = "", ...rest] = info.trim().split(/\s+/);
    const code = body.replace(new RegExp(`^${indent}`, "gm"), "");
    const startsWithRun = /^\/\/ run\s*$/m.exec(code)?.index === 0;
    const mode = rest.length === 0 && startsWithRun ? "run" : rest.join(" ");
    const line = text.slice(0, match.index).split("\n").length + 1;
    return { path, line, language, mode, code, isDocstring: false };
  });
}

/** The fences in the docstrings of a TypeScript source, in order, with the lines of the source. */
export function docstringFencesIn(source: string, path: string): Fence[] {
  let isDocstring = false;
  const text = source.split("\n").map((line) => {
    if (/^\s*\/\*\*/.test(line)) isDocstring = true;
    const shown = isDocstring ? line.replace(/^\s*(\/\*\*|\*(?!\/)) ?/, "") : "";
    if (line.includes("*/")) isDocstring = false;
    return shown;
  });
  return fencesIn(text.join("\n"), path).map((fence) => ({ ...fence, isDocstring: true }));
}

/** All fences of the documentation and of the packages' docstrings. */
export function readFences(workspaceDirectory: string): Fence[] {
  const read = (path: string): string => readFileSync(join(workspaceDirectory, path), "utf8");
  const markdown = markdownFiles(workspaceDirectory).flatMap((path) => fencesIn(read(path), path));
  const docstrings = sourceFiles(workspaceDirectory).flatMap((path) => docstringFencesIn(read(path), path));
  return [...markdown, ...docstrings];
}

/** The README, those of the packages, and everything in `docs`. */
export function markdownFiles(workspaceDirectory: string): string[] {
  const readmes = [
    "README.md",
    ...Array.from(packageFolders(workspaceDirectory).values(), (folder) => `${folder}/README.md`),
  ];
  const existing = readmes.filter((path) => exists(workspaceDirectory, path));
  return [...existing, ...filesBelow(workspaceDirectory, "docs", ".md")];
}

/** The sources of the packages, without their tests. */
export function sourceFiles(workspaceDirectory: string): string[] {
  const files = [...packageFolders(workspaceDirectory).values()].flatMap((folder) =>
    filesBelow(workspaceDirectory, `${folder}/src`, ".ts"),
  );
  return files.filter((path) => !path.endsWith(".test.ts"));
}

function filesBelow(workspaceDirectory: string, folder: string, ending: string): string[] {
  return readdirSync(join(workspaceDirectory, folder), { recursive: true, encoding: "utf8" })
    .map((path) => `${folder}/${path.replaceAll("\\", "/")}`)
    .filter((path) => path.endsWith(ending))
    .sort();
}

function exists(workspaceDirectory: string, path: string): boolean {
  try {
    readFileSync(join(workspaceDirectory, path));
    return true;
  } catch {
    return false;
  }
}

/** The fences that run, each with the text fence that comes next in its file. */
export function runnableFences(fences: readonly Fence[]): RunnableFence[] {
  return fences.flatMap((fence, index) => {
    if (fence.language !== "ts" || fence.mode !== "run") return [];
    const next = fences[index + 1];
    const output = next?.path === fence.path && next.language === "text" ? next.code : "";
    return [{ ...fence, output }];
  });
}

/** What is wrong with how a fence is marked, or `undefined`. */
export function markingProblem({ language, mode }: Fence): string | undefined {
  if (language === "typescript" || language === "tsx") return `is marked ${language}; write ts`;
  if (language !== "ts" || mode === "" || mode === "run") return undefined;
  const reason = /^nocheck: (.*)$/.exec(mode)?.[1] ?? "";
  if (reason.split(" ").length >= 3) return undefined;
  return `is marked "ts ${mode}"; write ts, ts run, or ts nocheck: with the reason why it cannot be compiled`;
}

export function isTestFile({ code }: Fence): boolean {
  return /^import .* from "node:test";$/m.test(code);
}

export function isChecked({ language, mode }: Fence): boolean {
  return language === "ts" && !mode.startsWith("nocheck");
}
