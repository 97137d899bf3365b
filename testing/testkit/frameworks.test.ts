/** The documented examples under the other two frameworks, each in a process of its own. */

import { execFile } from "node:child_process";
import { join, resolve } from "node:path";
import { promisify } from "node:util";

const workspaceDirectory = resolve(__dirname, "../..");
const documented = join(workspaceDirectory, "testing/testkit/documented");

/** Without what tells a child that it runs under Jest. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const { JEST_WORKER_ID: _id, NODE_ENV: _mode, NODE_OPTIONS: _options, ...rest } = process.env;
  return { ...rest, NO_COLOR: "1" };
}

async function output(args: readonly string[]): Promise<string> {
  const options = { cwd: workspaceDirectory, env: cleanEnvironment() };
  const { stdout } = await promisify(execFile)(process.execPath, args, options);
  return stdout;
}

it("the documented examples pass under Vitest", async () => {
  const vitest = join(workspaceDirectory, "node_modules/vitest/vitest.mjs");
  const stdout = await output([vitest, "run", "--config", join(documented, "vitest.config.mjs")]);
  expect(stdout).toMatch(/Tests\s+7 passed \(7\)/);
}, 60_000);

it("the documented examples pass under node:test", async () => {
  const stdout = await output([
    "--import",
    "tsx",
    "--test",
    "--test-reporter=tap",
    join(documented, "node.spec.ts"),
  ]);
  expect(stdout).toMatch(/# pass 7\n# fail 0\n/);
}, 60_000);
