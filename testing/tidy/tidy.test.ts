/**
 * Keeps the style by a test and not by memory. What is allowed is the data below; the rules are
 * in the files beside this one.
 */

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { packageFolders } from "../build/package-folders";
import { DYNAMIC, deadExports, forbiddenImports, type Layers } from "./import-rules";
import { type Finding, filesUnder, readSources, report, type SourceFile } from "./source-file";
import {
  anyTypes,
  badName,
  bannedCalls,
  type Exceptions,
  leftovers,
  longFile,
  longFunctions,
} from "./source-rules";

/** The import matrix. `package.json` must say the same. */
const LAYERS: Layers = {
  protocol: { packages: [], externals: [], builtins: [] },
  sdk: {
    packages: ["protocol"],
    externals: ["@aws-sdk/client-lambda"],
    builtins: ["async_hooks", "console", "crypto", "fs", "fs/promises", "module", "path", "url", "util"],
  },
  store: { packages: ["protocol"], externals: [], builtins: ["crypto", "util", "zlib"] },
  "payloads-s3": { packages: ["protocol", "store"], externals: ["@aws-sdk/client-s3"], builtins: ["stream"] },
  "store-dynamodb": {
    packages: ["protocol", "store"],
    externals: ["@aws-sdk/client-dynamodb"],
    builtins: ["crypto", "util", "zlib"],
  },
  "store-sqlite": {
    packages: ["protocol", "store"],
    externals: ["@photostructure/sqlite"],
    builtins: ["fs", "path"],
  },
  runtime: { packages: ["protocol", "sdk", "store"], externals: ["ulid"], builtins: ["crypto"] },
  lambda: {
    packages: ["protocol", "runtime", "sdk", "store"],
    externals: ["@aws-sdk/client-lambda", "@aws-sdk/client-scheduler"],
    builtins: ["crypto", "http"],
  },
  testing: {
    packages: ["protocol", "runtime", "sdk", "store"],
    externals: [],
    builtins: ["async_hooks", "fs", "path"],
  },
  cdk: {
    packages: [],
    externals: [
      "aws-cdk-lib",
      "aws-cdk-lib/aws-dynamodb",
      "aws-cdk-lib/aws-events",
      "aws-cdk-lib/aws-events-targets",
      "aws-cdk-lib/aws-iam",
      "aws-cdk-lib/aws-kms",
      "aws-cdk-lib/aws-lambda",
      "aws-cdk-lib/aws-s3",
      "aws-cdk-lib/aws-scheduler",
      "constructs",
    ],
    builtins: [],
  },
  "eslint-plugin": { packages: [], externals: ["eslint", "estree"], builtins: [] },
};

/** The outermost files: the only ones that may read the clock, set timers or draw random numbers. */
const OUTERMOST: Exceptions = {
  "packages/sdk/src/host.ts": "the process's clock, timers and turns, behind the host port",
  "packages/payloads-s3/src/attempts.ts":
    "how long an answer of S3 is waited for, and the pauses between attempts",
  "packages/store-dynamodb/src/turn.ts":
    "the store's turns, timers, clocks, nonces and jitter, behind functions of its own",
  "packages/store-sqlite/src/turn.ts": "the store's turns, timers and jitter, behind functions of its own",
  "packages/runtime/src/clock.ts": "the process's clock and timers, behind the clock port",
  "packages/testing/src/event-loop.ts": "the test kit's turns, out of reach of fake timers, and its clock",
  "packages/testing/src/handler-timers.ts":
    "fakes the timers, the date and the chance of handlers, where a test asks for it",
};

/** Files that import what only the process that runs them knows. */
const MAY_IMPORT_DYNAMICALLY: Exceptions = {
  "packages/payloads-s3/src/s3-connection.ts":
    "the S3 client where there is no import(), which bundlers have taken in already",
  "packages/sdk/src/optional-peer.ts": "optional peers, which bundlers must leave alone",
  "packages/sdk/src/plugin-loader.ts": "plugins that the environment names",
};

/** Files that may say `any`: each use is there to match a public signature, and says so. */
const MAY_SAY_ANY: Exceptions = {
  "packages/sdk/src/durable-promise.ts": "reasons of rejections, as in the declaration of Promise",
  "packages/sdk/src/lambda-context.ts": "clientContext, as in the types of Lambda",
  "packages/sdk/src/with-durable-execution.ts": "handlers without annotations, as in the AWS SDK",
  "packages/testing/src/test-types.ts":
    "results whose type a test does not name, as in the AWS testing package",
  "packages/sdk/src/serdes.ts":
    "a serdes takes and gives T, so that unknown would refuse every one of a class",
};

/** Files over a size limit. */
const MAY_BE_LONG: Exceptions = {};

const MAX_LINES_PER_FILE = 500;
const MAX_LINES_PER_FUNCTION = 70;

const workspaceDirectory = resolve(__dirname, "../..");
const files = readSources(workspaceDirectory);
const sources = files.filter((file) => file.packageName !== undefined && !file.isTest);

describe("the work tree", () => {
  it("imports along the layers only", () => {
    const findings = forbiddenImports(files, LAYERS);
    const isDynamic = ({ what }: Finding) => what.startsWith(DYNAMIC);
    expectTidy(findings.filter((finding) => !isDynamic(finding)));
    const dynamicOf = (file: SourceFile) =>
      findings.filter((finding) => isDynamic(finding) && finding.path === file.path);
    expectTidy(findingsOf(sources, dynamicOf, MAY_IMPORT_DYNAMICALLY));
  });

  it("declares the dependencies of the import matrix in each package.json", () => {
    expectTidy([...packageFolders(workspaceDirectory)].flatMap(manifestFindings));
  });

  it("reads the clock, timers and randomness in the outermost files only", () => {
    expectTidy(findingsOf(sources, bannedCalls, OUTERMOST));
  });

  it("has no any", () => {
    const typed = files.filter(({ path }) => !path.endsWith(".types.ts"));
    expectTidy(findingsOf(typed, anyTypes, MAY_SAY_ANY));
  });

  it("has no leftovers", () => {
    expectTidy(files.flatMap(leftovers));
  });

  it(`has at most ${MAX_LINES_PER_FILE} lines a file and ${MAX_LINES_PER_FUNCTION} a function`, () => {
    const sizes = (file: SourceFile) => [
      ...longFile(file, MAX_LINES_PER_FILE),
      ...longFunctions(file, MAX_LINES_PER_FUNCTION),
    ];
    expectTidy(findingsOf(files, sizes, MAY_BE_LONG));
  });

  it("names files after the concept they hold", () => {
    const paths = ["packages", "infra", "docs", "testing"].flatMap((folder) =>
      filesUnder(workspaceDirectory, folder),
    );
    expectTidy(paths.flatMap(badName));
  });

  it("has no dead exports", () => {
    expectTidy(deadExports(files));
  });
});

function expectTidy(findings: readonly Finding[]): void {
  // An error of our own: a comparison of strings would print the list escaped, on one line.
  if (findings.length > 0) throw new Error(`${findings.length} not tidy:\n${report(findings)}`);
}

/** What a rule finds outside its exceptions, and the exceptions that are not needed any more. */
function findingsOf(
  checked: readonly SourceFile[],
  rule: (file: SourceFile) => Finding[],
  exceptions: Exceptions,
): Finding[] {
  const found = checked.flatMap(rule);
  const needed = new Set(found.map(({ path }) => path));
  const stale = Object.keys(exceptions)
    .filter((path) => !needed.has(path))
    .map((path) => ({ path, line: 1, what: "is an exception without need; take it off the list" }));
  return [...found.filter(({ path }) => !(path in exceptions)), ...stale];
}

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

function manifestFindings([packageName, folder]: readonly [string, string]): Finding[] {
  const path = `${folder}/package.json`;
  const manifest = JSON.parse(readFileSync(join(workspaceDirectory, path), "utf8")) as Manifest;
  const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }).map(moduleName);
  const layer = LAYERS[packageName];
  if (layer === undefined) return [{ path, line: 1, what: "is not in the import matrix" }];
  const externals = new Set(layer.externals.map(packageOfModule));
  const allowed = [...layer.packages.map((name) => `@tidemark/${name}`), ...externals];
  return [
    ...declared
      .filter((name) => !allowed.includes(name))
      .map((name) => `depends on ${name}; the matrix does not`),
    ...allowed
      .filter((name) => !declared.includes(name))
      .map((name) => `does not depend on ${name}; the matrix does`),
  ].map((what) => ({ path, line: 1, what }));
}

/** `aws-cdk-lib` of `aws-cdk-lib/aws-s3`. */
function packageOfModule(module: string): string {
  return (/^(@[^/]+\/)?[^/]+/.exec(module) as RegExpExecArray)[0];
}

/** The module that a package is imported as: a package of types has another name. */
function moduleName(dependency: string): string {
  return dependency.replace(/^@types\//, "");
}
