/**
 * Owns how fences become modules that the compiler and the bundler read.
 *
 * A fence with an `import` is a whole module and has to stand on its own; from `./name.js` it imports
 * an earlier whole module of its page. Any other is a fragment: it becomes the body of an async
 * function, and names that it does not declare come from the file of its docstring, from `ambient.ts`
 * and from the packages' public exports, in this order. A fragment that runs is the body of a handler
 * and has the names of `running.ts` instead. What stands before the code takes one line, so that
 * positions can be told in terms of the documentation.
 */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packageFolders } from "../build/package-folders";
import type { Fence } from "./fences";

/** What a fragment may use without an import, from the first source that has it. */
type NameSources = readonly { readonly specifier: string; readonly names: readonly string[] }[];

/** Lines before the code in a module. */
export const LINES_BEFORE_CODE = 1;

/** From a module to the work tree. */
const ROOT = "../../..";

/** Writes `modules/<index>.ts` for each fence. The project's directory lies two levels below the work tree. */
export function writeModules(
  fences: readonly Fence[],
  workspaceDirectory: string,
  projectDirectory: string,
): void {
  mkdirSync(join(projectDirectory, "modules"), { recursive: true });
  const sourcesOf = nameSources(workspaceDirectory);
  for (const [index, fence] of fences.entries()) {
    const text = isWholeModule(fence.code)
      ? `export {};\n${withLinks(fence, fences.slice(0, index))}`
      : fragmentModule(fence, sourcesOf(fence));
    writeFileSync(join(projectDirectory, `modules/${index}.ts`), text);
  }
}

export function isWholeModule(code: string): boolean {
  return /^import\b/m.test(code);
}

/** Relative imports lead to the nearest module before it on the page that exports all the names. */
function withLinks(fence: Fence, before: readonly Fence[]): string {
  return fence.code.replace(
    /^import (?:type )?\{([^}]*)\} from "\.\/[^"]*";$/gm,
    (statement: string, list: string) => {
      const index = before.findLastIndex(
        ({ path, code }) =>
          path === fence.path &&
          isWholeModule(code) &&
          namesIn(list).every((name) => declaredNames(code).includes(name)),
      );
      return index < 0 ? statement : statement.replace(/"\.\/[^"]*"/, `"./${index}"`);
    },
  );
}

function fragmentModule(fence: Fence, sources: NameSources): string {
  const body = fence.code.replace(
    /^export (?=(async|abstract|class|const|enum|function|interface|let|type) )/gm,
    "",
  );
  const run = fence.mode === "run" ? "await runFragment(snippet);\n" : "";
  return `${importsFor(`${body}${run}`, sources)}export async function snippet() {\n${body}\n}\n${run}`;
}

function importsFor(code: string, sources: NameSources): string {
  const used = new Set(code.match(/[A-Za-z_$][\w$]*/g));
  const imports = sources.map(({ specifier, names }) => {
    const wanted = names.filter((name) => used.delete(name));
    return wanted.length === 0 ? "" : `import { ${wanted.join(", ")} } from ${JSON.stringify(specifier)}; `;
  });
  return imports.join("");
}

/** Where the names of a fragment come from. */
function nameSources(workspaceDirectory: string): (fence: Fence) => NameSources {
  const read = (path: string): string => readFileSync(join(workspaceDirectory, path), "utf8");
  const source = (path: string): NameSources[number] => ({
    specifier: `${ROOT}/${path.replace(/\.ts$/, "")}`,
    names: declaredNames(read(path)),
  });
  const ambient = source("testing/docs/ambient.ts");
  const running = source("testing/docs/running.ts");
  // The SDK first: it exports names of the protocol again.
  const packages = [...packageFolders(workspaceDirectory)]
    .sort(([a], [b]) => Number(b === "sdk") - Number(a === "sdk"))
    .map(([name, folder]) => ({
      specifier: `@tidemark/${name}`,
      names: declaredNames(read(`${folder}/src/index.ts`)),
    }));
  return (fence) => {
    const own = fence.isDocstring ? [source(fence.path)] : [];
    return [...own, fence.mode === "run" ? running : ambient, ...packages];
  };
}

const DECLARATION =
  /^export (?:declare |abstract |async )*(?:class|const|enum|function\*?|interface|let|type) ([A-Za-z_$][\w$]*)/gm;

/** The names that a source exports, declared in it or exported again by name. */
function declaredNames(source: string): string[] {
  const declared = [...source.matchAll(DECLARATION)].map(([, name]) => name as string);
  const again = [...source.matchAll(/^export (?:type )?\{([^}]*)\}/gm)];
  return [...new Set([...declared, ...again.flatMap(([, list]) => namesIn(list as string))])];
}

/** The names of a list such as `a, type B, c as d`. */
function namesIn(list: string): string[] {
  return list
    .split(",")
    .map((entry) =>
      entry
        .trim()
        .replace(/^type /, "")
        .replace(/^.* as /, ""),
    )
    .filter((name) => name !== "");
}
