/**
 * Owns the reading of the conformance cases: a folder of YAML files that is not part of this
 * repository.
 *
 * It does not know what a case means. A key that it does not know is kept by name, so that a case
 * which says more than we understand fails instead of passing by half.
 */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { parse } from "yaml";

/** A value as YAML gives it. */
export type YamlValue = string | number | boolean | null | readonly YamlValue[] | YamlMap;
export type YamlMap = { readonly [key: string]: YamlValue };

export interface ExpectedResult {
  readonly ExecutionStatus: string;
  /** Present, also as `null`, when the case asks for a result. */
  readonly Result?: YamlValue;
  readonly Error?: YamlValue;
}

export interface CallbackAction {
  /** The callback's name in the history; `*` for the one that is open. */
  readonly CallbackName: string;
  readonly Operation: "success" | "failure" | "heartbeat";
  readonly Payload?: YamlValue;
  readonly Delay?: number;
}

export interface ExpectedLog {
  readonly match: YamlMap;
  readonly count?: number;
  readonly min_count?: number;
  readonly max_count?: number;
  readonly after?: readonly YamlMap[];
  readonly before?: readonly YamlMap[];
}

export interface ConformanceCase {
  /** As in the file's name: `4-19`. */
  readonly id: string;
  /** The folder: `callback`. */
  readonly suite: string;
  readonly description: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly input: YamlValue;
  /** Absent when the case only looks at what the first invocation leaves behind. */
  readonly expectedResult: ExpectedResult | undefined;
  readonly callbackActions: readonly CallbackAction[];
  readonly expectedHistory: readonly YamlMap[];
  readonly expectedLogs: readonly ExpectedLog[];
  /** Keys of the file that nothing here reads. */
  readonly unknownKeys: readonly string[];
}

const KNOWN_KEYS = new Set([
  "description",
  "handler",
  "invocations",
  "optional",
  "async",
  "AsyncInvoke",
  "DefaultRetryParameters",
  "Variables",
  "Input",
  "ExpectedResult",
  "CallbackActions",
  "ExpectedExecutionHistory",
  "ExpectedLogs",
]);

/** Where the cases are: `TIDEMARK_CONFORMANCE_DIR`, or `../shared/conformance` beside the project. */
export function casesDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const chosen = environment.TIDEMARK_CONFORMANCE_DIR;
  return chosen !== undefined && chosen !== ""
    ? resolve(chosen)
    : resolve(__dirname, "../../../shared/conformance");
}

export type LoadedCases =
  | { readonly cases: readonly ConformanceCase[]; readonly missing?: undefined }
  /** Why there is nothing to run. */
  | { readonly missing: string; readonly cases?: undefined };

/** All cases, in the order of their numbers. */
export function loadCases(directory: string): LoadedCases {
  if (!existsSync(directory)) return { missing: `the folder ${directory} does not exist` };
  const cases = readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => casesOfSuite(directory, name));
  if (cases.length === 0) return { missing: `the folder ${directory} holds no cases` };
  return { cases: cases.sort(byNumber) };
}

function casesOfSuite(directory: string, suite: string): ConformanceCase[] {
  return readdirSync(join(directory, suite))
    .filter((file) => file.endsWith(".yaml"))
    .map((file) =>
      parseCase(basename(file, ".yaml"), suite, readFileSync(join(directory, suite, file), "utf8")),
    );
}

/** One case from the text of its file. */
export function parseCase(id: string, suite: string, text: string): ConformanceCase {
  // The files are data in one known shape; what is not in it ends up in `unknownKeys`.
  const source = parse(text) as Readonly<Record<string, YamlValue | undefined>>;
  return {
    id,
    suite,
    description: String(source.description ?? ""),
    variables: (source.Variables ?? {}) as Record<string, string>,
    input: source.Input ?? null,
    expectedResult: (source.ExpectedResult ?? undefined) as ExpectedResult | undefined,
    callbackActions: (source.CallbackActions ?? []) as unknown as CallbackAction[],
    expectedHistory: (source.ExpectedExecutionHistory ?? []) as YamlMap[],
    expectedLogs: (source.ExpectedLogs ?? []) as unknown as ExpectedLog[],
    unknownKeys: Object.keys(source).filter((key) => !KNOWN_KEYS.has(key)),
  };
}

function byNumber(left: ConformanceCase, right: ConformanceCase): number {
  const [leftSuite = 0, leftNumber = 0] = left.id.split("-").map(Number);
  const [rightSuite = 0, rightNumber = 0] = right.id.split("-").map(Number);
  return leftSuite - rightSuite || leftNumber - rightNumber;
}
