/** Rejections that code leaves unhandled end no process that runs executions, and others end it as ever. */

import { spawnSync } from "node:child_process";
import { join } from "node:path";

const program = join(__dirname, "rejections-program.ts");

function run(...args: string[]): { status: number | null; output: unknown; errors: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--import", "tsx", program, ...args], {
    encoding: "utf8",
  });
  return { status, output: JSON.parse(stdout), errors: stderr };
}

it("those of handlers and plain functions are told of, and those of others end the process", () => {
  const { status, output, errors } = run("elsewhere");

  const advice = "a promise was rejected while nobody waited for it; await it, or catch what it rejects with";
  expect(output).toEqual({
    results: ["declined", "ordered", "plain"],
    told: [
      `caughtLater.one: ${advice}: StepError: declined`,
      `forgotten.one: ${advice}: StepError: declined`,
      `plain.one: ${advice}: RangeError: declined`,
    ].map((line) => expect.stringMatching(`^${line.replace(".one", String.raw`\.one\S*`)}`)),
  });
  expect(errors).toContain("RangeError: declined");
  expect(status).toBe(1);
});
