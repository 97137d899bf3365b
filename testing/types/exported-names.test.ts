import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";

const workspaceDirectory = resolve(__dirname, "../..");
const AWS_INDEX = "node_modules/@aws/durable-execution-sdk-js/dist-types/index.d.ts";
const AWS_ENTRY = "node_modules/@aws/durable-execution-sdk-js/dist-types/with-durable-execution.d.ts";

/** Names that ours does not export, each with the reason. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  ConcurrentExecutionItem: "of the AWS SDK's own engine: no function that it exports takes or gives one",
  ConcurrentExecutor: "of the AWS SDK's own engine: no function that it exports takes or gives one",
  ConcurrencyConfig: "of the AWS SDK's own engine: no function that it exports takes or gives one",
};

/** The names in the export clauses of a file, and those that it declares itself. */
function exportedNames(path: string): string[] {
  const text = readFileSync(join(workspaceDirectory, path), "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  const clauses = [...text.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, clause]) =>
    (clause as string).split(",").map((name) => name.trim().replace(/^type /, "")),
  );
  const declared = [...text.matchAll(/export declare const (\w+)/g)].map(([, name]) => name as string);
  return [...clauses, ...declared].filter((name) => name !== "");
}

describe("the names that the SDK exports", () => {
  const ours = exportedNames("packages/sdk/src/index.ts");
  const theirs = [...exportedNames(AWS_INDEX), ...exportedNames(AWS_ENTRY)];

  it("are those of the AWS SDK, and more", () => {
    expect(theirs).toContain("withDurableExecution");
    expect(theirs.length).toBeGreaterThan(100);
    expect(theirs.filter((name) => !ours.includes(name)).sort()).toEqual(Object.keys(LEFT_OUT).sort());
  });
});
