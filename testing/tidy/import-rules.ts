/** Owns the import matrix and the search for exports that nobody imports. */

import { isBuiltin } from "node:module";
import { packageOf } from "../build/package-folders";
import { exportsOf, type ImportedModule, importsOf, resolveRelative } from "./module-graph";
import type { Finding, SourceFile } from "./source-file";

/** What the sources of one package may import. */
export interface Layer {
  /** Packages of this workspace, without the scope. */
  readonly packages: readonly string[];
  /** Packages of others. */
  readonly externals: readonly string[];
  /** Node's modules, without `node:`. */
  readonly builtins: readonly string[];
}

export type Layers = Readonly<Record<string, Layer>>;

const SCOPE = "@tidemark/";

/** How a finding about `import(expression)` begins. */
export const DYNAMIC = "imports dynamically";

/** Imports that the matrix does not allow. Tests may import more, but nothing deep. */
export function forbiddenImports(files: readonly SourceFile[], layers: Layers): Finding[] {
  return files.flatMap((file) =>
    importsOf(file).flatMap((imported) => {
      const what = forbidden(file, imported, layers);
      return what === undefined ? [] : [{ path: file.path, line: imported.line, what }];
    }),
  );
}

function forbidden(file: SourceFile, imported: ImportedModule, layers: Layers): string | undefined {
  const { specifier } = imported;
  if (imported.isComputed) return `${DYNAMIC} what ${specifier} says; name the module`;
  if (specifier.startsWith(".")) return forbiddenRelative(file, specifier);
  if (specifier.startsWith(SCOPE) && specifier.slice(SCOPE.length).includes("/")) {
    return `imports "${specifier}"; import the package itself, its index has all that is public`;
  }
  if (file.isTest) return undefined;
  const layer = layers[file.packageName as string];
  if (layer === undefined) return `package "${file.packageName}" is not in the import matrix`;
  if (specifier.startsWith(SCOPE)) {
    const allowed = layer.packages.includes(specifier.slice(SCOPE.length));
    return allowed ? undefined : `imports "${specifier}"; ${allowedText(file, layer.packages)}`;
  }
  if (isBuiltin(specifier)) {
    const allowed = layer.builtins.includes(specifier.replace(/^node:/, ""));
    return allowed ? undefined : `imports "${specifier}"; ${allowedText(file, layer.builtins)}`;
  }
  const allowed = layer.externals.includes(specifier);
  return allowed ? undefined : `imports "${specifier}"; ${allowedText(file, layer.externals)}`;
}

function allowedText(file: SourceFile, allowed: readonly string[]): string {
  const list = allowed.length === 0 ? "none of this kind" : `only ${allowed.join(", ")}`;
  return `${file.packageName} may import ${list}`;
}

function forbiddenRelative(file: SourceFile, specifier: string): string | undefined {
  const target = resolveRelative(file.path, specifier);
  const sources = packageOf(file.path)?.sources;
  const isOwn = sources !== undefined && target.startsWith(sources);
  if (isOwn || (file.isTest && packageOf(target) === undefined)) return undefined;
  return `imports "${specifier}", which is in ${target}; import other packages by their name`;
}

/** Exports of a package's inner files that no other file imports, and an index that hides its names. */
export function deadExports(files: readonly SourceFile[]): Finding[] {
  const used = usedExports(files);
  return files.flatMap((file) => {
    if (file.packageName === undefined || file.isTest) return [];
    if (file.path === `${packageOf(file.path)?.sources}index.ts`) return hiddenNames(file);
    const usedHere = used.get(file.path);
    if (usedHere === "all") return [];
    return exportsOf(file)
      .filter(({ name }) => usedHere?.has(name) !== true)
      .map(({ name, line }) => ({
        path: file.path,
        line,
        what: `exports "${name}", which nobody imports; delete it, or export it from the index`,
      }));
  });
}

function hiddenNames(index: SourceFile): Finding[] {
  return importsOf(index)
    .filter(({ isReExport, names }) => isReExport && names === "all")
    .map(({ line, specifier }) => ({
      path: index.path,
      line,
      what: `exports all of "${specifier}"; an index names what it exports`,
    }));
}

function usedExports(files: readonly SourceFile[]): Map<string, Set<string> | "all"> {
  const used = new Map<string, Set<string> | "all">();
  for (const file of files) {
    for (const { specifier, names } of importsOf(file)) {
      if (!specifier.startsWith(".")) continue;
      const target = resolveRelative(file.path, specifier);
      const soFar = used.get(target);
      if (soFar === "all") continue;
      used.set(target, names === "all" ? "all" : new Set([...(soFar ?? []), ...names]));
    }
  }
  return used;
}
