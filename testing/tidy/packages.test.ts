/** What each package says of itself where it is published, and what the lockfile says of what is installed. */

import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { packageFolders } from "../build/package-folders";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly keywords: readonly string[];
  readonly repository: { readonly type: string; readonly url: string; readonly directory?: string };
  readonly [field: string]: unknown;
}

interface Locked {
  readonly version?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly inBundle?: boolean;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
}

const workspaceDirectory = resolve(__dirname, "../..");
const manifestOf = (folder: string): Manifest =>
  JSON.parse(readFileSync(join(workspaceDirectory, folder, "package.json"), "utf8"));
const root = manifestOf(".");
const page = root.repository.url.replace(/^git\+(.*)\.git$/, "$1");
const folders = [...packageFolders(workspaceDirectory).values()];

describe("a package that is published", () => {
  it.each(folders)("says where it comes from, what it needs and what it holds: %s", (folder) => {
    const manifest = manifestOf(folder);
    expect(manifest).toMatchObject({
      version: root.version,
      description: expect.stringMatching(/^[A-Z].{20,}[^.]$/),
      license: root.license,
      homepage: `${page}/tree/main/${folder}#readme`,
      bugs: { url: `${page}/issues` },
      repository: { ...root.repository, directory: folder },
      engines: root.engines,
      type: "module",
      sideEffects: false,
      main: "./dist/index.cjs",
      module: "./dist/index.js",
      types: "./dist/index.d.ts",
      files: ["dist", "README.md", "LICENSE"],
      publishConfig: { access: "public" },
    });
    expect(manifest.private).toBeUndefined();
    expect(manifest.keywords).toEqual(expect.arrayContaining(["durable-execution", "workflow", "tidemark"]));
    expect(new Set(manifest.keywords).size).toBe(manifest.keywords.length);
    expect(existsSync(join(workspaceDirectory, folder, "README.md"))).toBe(true);
  });
});

describe("the lockfile", () => {
  const { packages } = JSON.parse(readFileSync(join(workspaceDirectory, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, Locked>>;
  };
  const installed = Object.entries(packages).filter(([path]) => path.includes("node_modules/"));

  it("names no registry: npm asks the one that it is configured with", () => {
    const elsewhere = installed.filter(([, { resolved }]) => resolved?.includes("://"));
    expect(elsewhere.map(([path]) => path)).toEqual([]);
  });

  it("has the hash of every package that is installed here", () => {
    const withoutHash = installed.filter(
      ([path, { integrity, link, inBundle }]) =>
        integrity === undefined &&
        link !== true &&
        // It is hashed with the package that brings it.
        inBundle !== true &&
        existsSync(join(workspaceDirectory, path)),
    );
    expect(withoutHash.map(([path]) => path)).toEqual([]);
  });

  it("lacks only hashes of optional packages for one platform", () => {
    const withoutHash = installed.filter(
      ([, { integrity, link, inBundle }]) => integrity === undefined && link !== true && inBundle !== true,
    );
    for (const [path, { optional, os, cpu }] of withoutHash)
      expect({ path, optional, isForOne: (os ?? cpu) !== undefined }).toEqual({
        path,
        optional: true,
        isForOne: true,
      });
  });
});
