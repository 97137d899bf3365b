/** The policies of `infra/` against the sources: every request that the packages can make is allowed to somebody. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { sourceFiles } from "../docs/fences";
import { evaluate } from "./evaluated-template";
import type { Statement } from "./guarded-client";
import { readTemplate } from "./template-file";

const workspaceDirectory = resolve(__dirname, "../..");

/** The packages that speak to AWS on a user's account, and the service that each speaks to. */
const SERVICES: Readonly<Record<string, string>> = {
  lambda: "lambda",
  "payloads-s3": "s3",
  "store-dynamodb": "dynamodb",
};

/** Actions whose name is not that of the command. Source: the services' lists of actions for IAM. */
const ACTIONS: Readonly<Record<string, readonly string[]>> = {
  DeleteObjects: ["s3:DeleteObject"],
  Invoke: ["lambda:InvokeFunction"],
  ListObjectsV2: ["s3:ListBucket"],
  // A transaction needs the actions of its parts.
  TransactWriteItems: ["dynamodb:ConditionCheckItem", "dynamodb:PutItem", "dynamodb:UpdateItem"],
};

/** Of `ensureTable()`, which is for development: here the stack makes the table. */
const MAKES_TABLES = ["CreateTable", "DescribeTable", "DescribeTimeToLive", "UpdateTimeToLive"];

/** Asks how an AWS durable function stands that was called. Only who calls one can name it. */
const OF_CALLED_FUNCTIONS = ["GetDurableExecution"];

/** For schedules: the role that is passed. No command is named after it. */
const PASSES_ROLES = "iam:PassRole";

function commandsOf(packageName: string): string[] {
  const paths = sourceFiles(workspaceDirectory).filter((path) =>
    path.startsWith(`packages/${packageName}/src/`),
  );
  const text = paths.map((path) => readFileSync(resolve(workspaceDirectory, path), "utf8")).join("\n");
  return [...text.matchAll(/new (?:\w+\.)?(\w+)Command\(/g)].map(([, name]) => name as string);
}

function actionsOf([packageName, service]: readonly [string, string]): string[] {
  const commands = commandsOf(packageName).filter(
    (command) => ![...MAKES_TABLES, ...OF_CALLED_FUNCTIONS].includes(command),
  );
  return commands.flatMap((command) => {
    const ofSchedules = command.endsWith("Schedule") ? "scheduler" : service;
    return ACTIONS[command] ?? [`${ofSchedules}:${command}`];
  });
}

test("the policies have the action of every command in the packages, and no other", () => {
  const template = readTemplate(readFileSync(resolve(workspaceDirectory, "infra/template.yaml"), "utf8"));
  const evaluated = evaluate(template, { ExactSchedules: "true" });
  const policies = ["WorkflowPolicy", "WakerPolicy", "OperatorPolicy"];
  const allowed = policies.flatMap((policy) => {
    const document = evaluated[policy]?.Properties?.PolicyDocument as { Statement: Statement[] };
    return document.Statement.flatMap(({ Action }) => Action);
  });
  const needed = Object.entries(SERVICES).flatMap(actionsOf);
  const sorted = (actions: readonly string[]): string[] => [...new Set(actions)].sort();

  expect(sorted(allowed.filter((action) => action !== PASSES_ROLES))).toEqual(sorted(needed));
});
