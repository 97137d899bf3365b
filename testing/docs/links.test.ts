/** The links in the documentation: every relative one leads to a file, and every anchor to a heading. */

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize, resolve } from "node:path";
import { markdownFiles } from "./fences";

const workspaceDirectory = resolve(__dirname, "../..");

interface Link {
  readonly path: string;
  readonly target: string;
}

function linksIn(path: string): Link[] {
  const text = readFileSync(join(workspaceDirectory, path), "utf8").replaceAll(/^ *```[\s\S]*?^ *```/gm, "");
  const targets = [...text.matchAll(/\]\(([^()\s]+)\)/g)].map(([, target]) => target as string);
  return targets.filter((target) => !/^[a-z]+:/.test(target)).map((target) => ({ path, target }));
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
  const linked = file === "" ? path : normalize(join(dirname(path), file));
  if (!existsSync(join(workspaceDirectory, linked))) return `${path}: ${target} does not exist`;
  if (anchor === undefined || anchorsOf(linked).includes(anchor)) return undefined;
  return `${path}: ${target} names a heading that does not exist`;
}

test("every relative link leads somewhere", () => {
  const links = markdownFiles(workspaceDirectory).flatMap(linksIn);
  expect(links.length).toBeGreaterThan(100);
  expect(links.flatMap((link) => problemOf(link) ?? [])).toEqual([]);
});
