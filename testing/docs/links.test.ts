/**
 * The links in the documentation: every one into this repository leads to a file, and every anchor to a heading.
 * READMEs of packages are shown where no relative link leads anywhere, so that theirs are absolute.
 */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize, resolve } from "node:path";
import { packageFolders } from "../build/package-folders";
import { markdownFiles } from "./fences";

const workspaceDirectory = resolve(__dirname, "../..");

interface Link {
  readonly path: string;
  readonly target: string;
}

const { repository } = JSON.parse(readFileSync(join(workspaceDirectory, "package.json"), "utf8")) as {
  readonly repository: { readonly url: string };
};
const page = repository.url.replace(/^git\+(.*)\.git$/, "$1");
const inRepository = `${page}/blob/main/`;

function isOurs(target: string): boolean {
  return !/^[a-z]+:/.test(target) || target.startsWith(page);
}

function linksIn(path: string): Link[] {
  const text = readFileSync(join(workspaceDirectory, path), "utf8").replaceAll(/^ *```[\s\S]*?^ *```/gm, "");
  const targets = [...text.matchAll(/\]\(([^()\s]+)\)/g)].map(([, target]) => target as string);
  return targets.filter((target) => isOurs(target)).map((target) => ({ path, target }));
}

/** The anchors of a file's headings, as GitHub makes them. */
function anchorsOf(path: string): string[] {
  const headings = readFileSync(join(workspaceDirectory, path), "utf8").match(/^#+ .*$/gm) ?? [];
  return headings.map((heading) =>
    heading
      .replace(/^#+ /, "")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function problemOf({ path, target }: Link): string | undefined {
  const [file = "", anchor] = target.split("#");
  if (target === page) return undefined;
  if (/^[a-z]+:/.test(target) && !target.startsWith(inRepository))
    return `${path}: ${target} is no file; link to ${inRepository}`;
  const linked = file.startsWith(inRepository)
    ? file.slice(inRepository.length)
    : file === ""
      ? path
      : normalize(join(dirname(path), file));
  if (!existsSync(join(workspaceDirectory, linked))) return `${path}: ${target} does not exist`;
  if (anchor === undefined || anchorsOf(linked).includes(anchor)) return undefined;
  return `${path}: ${target} names a heading that does not exist`;
}

test("every link into the repository leads somewhere", () => {
  const links = markdownFiles(workspaceDirectory).flatMap(linksIn);
  expect(links.length).toBeGreaterThan(100);
  expect(links.flatMap((link) => problemOf(link) ?? [])).toEqual([]);
});

test("the READMEs of packages have no relative links: they are shown elsewhere", () => {
  const readmes = [...packageFolders(workspaceDirectory).values()].map((folder) => `${folder}/README.md`);
  const relative = readmes.flatMap(linksIn).filter(({ target }) => !target.startsWith(page));
  expect(relative).toEqual([]);
});
