/** Owns where the packages are: those of `packages/`, and in `infra/` what is published for other tools. */

import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const PARENTS = ["packages", "infra"];

/** The folder of each package from the work tree, by the package's name without the scope. */
export function packageFolders(workspaceDirectory: string): ReadonlyMap<string, string> {
  const folders = PARENTS.flatMap((parent) =>
    readdirSync(join(workspaceDirectory, parent)).map((name) => [name, `${parent}/${name}`] as const),
  );
  return new Map(
    folders.filter(([, folder]) => existsSync(join(workspaceDirectory, folder, "package.json"))),
  );
}

/** The package whose sources a path is among. */
export function packageOf(path: string): { readonly name: string; readonly sources: string } | undefined {
  const match = /^(?:packages|infra)\/([^/]+)\/src\//.exec(path);
  return match === null ? undefined : { sources: match[0], name: match[1] as string };
}
