/**
 * Owns what the tidy rules look at: the files of the work tree, parsed.
 *
 * The parser is Babel's: TypeScript 7 has its own only as an unstable, process-backed interface.
 */

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, posix, sep } from "node:path";
import { parse } from "@babel/parser";
import { packageFolders, packageOf } from "../build/package-folders";

/** A node of the syntax tree, as far as the rules need to know it. */
export interface SyntaxNode {
  readonly type: string;
  readonly loc?: {
    readonly start: { readonly line: number };
    readonly end: { readonly line: number };
  } | null;
  readonly [field: string]: unknown;
}

export interface SourceFile {
  /** From the workspace's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly root: SyntaxNode;
  /** `sdk` for `packages/sdk/src/...`; none for the top-level `testing/`. */
  readonly packageName: string | undefined;
  readonly isTest: boolean;
}

/** One thing that is not tidy. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly what: string;
}

/** `file:line: what`, one a line, sorted: what a failing test prints. */
export function report(findings: readonly Finding[]): string {
  const sorted = [...findings].sort((a, b) => compare(a.path, b.path) || a.line - b.line);
  return sorted.map(({ path, line, what }) => `${path}:${line}: ${what}`).join("\n");
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function parseSource(path: string, text: string): SourceFile {
  return {
    path,
    text,
    root: parseText(path, text),
    packageName: packageOf(path)?.name,
    isTest: path.endsWith(".test.ts") || packageOf(path) === undefined,
  };
}

function parseText(path: string, text: string): SyntaxNode {
  try {
    return parse(text, { sourceType: "module", plugins: ["typescript"] }).program as unknown as SyntaxNode;
  } catch (error) {
    throw new Error(`${path} cannot be parsed: ${(error as Error).message}`, { cause: error });
  }
}

/** Every TypeScript and JavaScript file of the packages' `src` and of `testing`, in order of path. */
export function readSources(workspaceDirectory: string): SourceFile[] {
  const packages = [...packageFolders(workspaceDirectory).values()];
  const folders = [...packages.map((folder) => `${folder}/src`), "testing"];
  return folders
    .flatMap((folder) => filesUnder(workspaceDirectory, folder))
    .filter((path) => /\.(ts|mts|cts|js|mjs|cjs)$/.test(path))
    .sort()
    .map((path) => parseSource(path, readFileSync(join(workspaceDirectory, path), "utf8")));
}

/** Every file under a folder of the workspace, but for what is installed or built. */
export function filesUnder(workspaceDirectory: string, folder: string): string[] {
  return readdirSync(join(workspaceDirectory, folder), { recursive: true, encoding: "utf8" })
    .map((path) => join(folder, path).split(sep).join(posix.sep))
    .filter((path) => !/(^|\/)(node_modules|dist|\.turbo)\//.test(path))
    .filter((path) => statSync(join(workspaceDirectory, path)).isFile());
}

/** Visits `node` and all below it; `parents` holds the ancestors, the nearest last. */
export function walk(
  node: SyntaxNode,
  visit: (node: SyntaxNode, parents: readonly SyntaxNode[]) => void,
  parents: readonly SyntaxNode[] = [],
): void {
  visit(node, parents);
  const below = [...parents, node];
  for (const field of Object.values(node)) {
    for (const child of Array.isArray(field) ? field : [field]) {
      if (isNode(child)) walk(child, visit, below);
    }
  }
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && typeof (value as SyntaxNode).type === "string";
}

export function lineOf(node: SyntaxNode): number {
  return node.loc?.start.line ?? 1;
}

/** The name of an identifier or the value of a string literal; `undefined` for anything else. */
export function nameOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined;
  if (node.type === "Identifier") return node.name as string;
  if (node.type === "PrivateName") return `#${nameOf(node.id)}`;
  return node.type === "StringLiteral" ? (node.value as string) : undefined;
}
