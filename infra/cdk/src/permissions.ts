/**
 * Owns which role may do what: the actions that the stores and the Lambda entry use, and no others.
 *
 * A transaction needs the actions of its parts, and a batch of writes only its own. A test compares the lists with
 * the requests that the packages can make, and runs each role with nothing but its list.
 */

import { Effect, PolicyStatement } from "aws-cdk-lib/aws-iam";

/** ARNs of what the policies are about. */
export interface Resources {
  readonly tableArn: string;
  readonly bucketArn: string;
  /** Of the key that encrypts both, if it is the customer's. */
  readonly keyArn: string | undefined;
  /** `dynamodb.<region>.<suffix>` and `s3.<region>.<suffix>`. */
  readonly serviceNames: readonly string[];
}

/** The partition of the function registry: the one place where workflows write without a condition. */
const FUNCTIONS_PARTITION = "F";

/** For whoever starts, runs and completes: workflows, and functions that complete callbacks. */
export function workflowStatements(resources: Resources): PolicyStatement[] {
  const { tableArn, bucketArn } = resources;
  return [
    allow(
      "Executions",
      ["BatchGetItem", "ConditionCheckItem", "GetItem", "PutItem", "Query", "UpdateItem"].map(dynamodb),
      [tableArn],
    ),
    functionRegistry(tableArn),
    allow("Payloads", ["s3:GetObject", "s3:PutObject"], [`${bucketArn}/*`]),
    // Without it S3 answers "access denied" for an object that is gone.
    allow("MissingPayloads", ["s3:ListBucket"], [bucketArn]),
    ...keyStatements(resources),
  ];
}

/** For the waker, which finds what is due and removes what has outlived its retention. It reads no payloads. */
export function wakerStatements(resources: Resources): PolicyStatement[] {
  const { tableArn } = resources;
  return [
    allow("Executions", ["BatchGetItem", "BatchWriteItem", "DeleteItem", "GetItem", "Query"].map(dynamodb), [
      tableArn,
    ]),
    allow("FindWork", [dynamodb("Query")], [`${tableArn}/index/due`, `${tableArn}/index/list`]),
    ...keyStatements(resources),
  ];
}

/** For people and tools: all that `DurableClient` and `collectPayloads` do. */
export function operatorStatements(resources: Resources): PolicyStatement[] {
  const { tableArn, bucketArn } = resources;
  return [
    allow(
      "Executions",
      [
        "BatchGetItem",
        "BatchWriteItem",
        "ConditionCheckItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "UpdateItem",
      ].map(dynamodb),
      [tableArn],
    ),
    allow("List", [dynamodb("Query")], [`${tableArn}/index/list`]),
    allow("Payloads", ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"], [`${bucketArn}/*`]),
    allow("FindPayloads", ["s3:ListBucket"], [bucketArn]),
    ...keyStatements(resources),
  ];
}

/** Sends wake-ups, to the functions that are added to its resources. */
export function wakeUpStatement(): PolicyStatement {
  return allow("WakeUps", ["lambda:InvokeFunction"], []);
}

/** Makes one-off schedules for suspended executions; they remove themselves. */
export function scheduleStatements(schedulesArn: string, roleArn: string): PolicyStatement[] {
  const passRole = allow("PassScheduleRole", ["iam:PassRole"], [roleArn]);
  passRole.addCondition("StringEquals", { "iam:PassedToService": "scheduler.amazonaws.com" });
  return [allow("Schedules", ["scheduler:CreateSchedule"], [schedulesArn]), passRole];
}

/** A batch of writes could delete, too; so it may only name the partition of the functions. */
function functionRegistry(tableArn: string): PolicyStatement {
  const statement = allow("FunctionRegistry", [dynamodb("BatchWriteItem")], [tableArn]);
  statement.addCondition("ForAllValues:StringEquals", { "dynamodb:LeadingKeys": [FUNCTIONS_PARTITION] });
  return statement;
}

/** DynamoDB and S3 use the key in the name of whoever asks them; nobody uses it directly. */
function keyStatements({ keyArn, serviceNames }: Resources): PolicyStatement[] {
  if (keyArn === undefined) return [];
  const statement = allow(
    "Key",
    ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
    [keyArn],
  );
  statement.addCondition("StringEquals", { "kms:ViaService": [...serviceNames] });
  return [statement];
}

function dynamodb(action: string): string {
  return `dynamodb:${action}`;
}

function allow(sid: string, actions: string[], resources: string[]): PolicyStatement {
  return new PolicyStatement({ sid, effect: Effect.ALLOW, actions, resources });
}
