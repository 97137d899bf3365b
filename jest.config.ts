/** @jest-config-loader esbuild-register */
import type { Config } from "jest";

const config: Config = {
  testEnvironment: "node",
  testMatch: ["packages/*/src", "infra/*/src", "testing"].map((folder) => `<rootDir>/${folder}/**/*.test.ts`),
  testPathIgnorePatterns: ["/node_modules/", "/dist/"],
  modulePathIgnorePatterns: ["<rootDir>/(packages|infra)/[^/]+/dist/", "<rootDir>/.turbo/"],
  moduleFileExtensions: ["ts", "js", "mjs", "cjs", "json", "node"],
  transform: { "\\.ts$": "<rootDir>/testing/jest/esbuild-transform.mjs" },
  moduleNameMapper: {
    // Tests run on the sources, so that a change is tested without a build.
    "^@tidemark/cdk$": "<rootDir>/infra/cdk/src/index.ts",
    "^@tidemark/([a-z0-9-]+)$": "<rootDir>/packages/$1/src/index.ts",
    // The parser of ESLint for TypeScript needs a compiler with an API in JavaScript, which 7 has not.
    "^typescript$": "<rootDir>/packages/eslint-plugin/node_modules/typescript/lib/typescript.js",
    // Sources import "./x.js", as they must for ES modules; under test the file is "./x.ts".
    "^(\\.{1,2}/.*)\\.js$": "$1",
  },
  reporters: ["default", "<rootDir>/testing/jest/totals-reporter.mjs"],
  // For tests that hang: a machine that is busy with other things is no failure.
  testTimeout: 30_000,
  // Two: the suites are short, and more processes cost more to start than they save.
  maxWorkers: 2,
};

export default config;
