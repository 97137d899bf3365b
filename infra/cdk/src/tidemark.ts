/** Owns the construct: table, bucket, policies, and how functions are connected with them. */

import { ArnFormat, Duration, Lazy, RemovalPolicy, Stack } from "aws-cdk-lib";
import type { Table } from "aws-cdk-lib/aws-dynamodb";
import { Rule, Schedule } from "aws-cdk-lib/aws-events";
import { LambdaFunction } from "aws-cdk-lib/aws-events-targets";
import { ManagedPolicy, type PolicyStatement, Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { Function as LambdaFunctionConstruct } from "aws-cdk-lib/aws-lambda";
import type { Bucket } from "aws-cdk-lib/aws-s3";
import { CfnScheduleGroup } from "aws-cdk-lib/aws-scheduler";
import { Construct } from "constructs";
import {
  operatorStatements,
  type Resources,
  scheduleStatements,
  wakerStatements,
  wakeUpStatement,
  workflowStatements,
} from "./permissions.js";
import { makeBucket, makeTable } from "./storage.js";

export interface TidemarkProps {
  /** Default: CloudFormation makes a name. */
  readonly tableName?: string;
  /** Default: CloudFormation makes a name. */
  readonly bucketName?: string;
  /** What becomes of the table and the bucket when the stack no longer has them. Default: they are retained. */
  readonly removalPolicy?: RemovalPolicy;
  /** Whether the table can be restored to any second of the last 35 days, which costs by the gigabyte. Default: true. */
  readonly pointInTimeRecovery?: boolean;
  /** Encrypts table and bucket. Default: the keys that DynamoDB and S3 own. */
  readonly encryptionKey?: IKey;
  /**
   * When payloads are removed. Must be longer than the longest timeout of an execution and its retention together.
   * Default: 400 days, for the defaults of 366 and 14 days.
   */
  readonly payloadExpiration?: Duration;
  /** Adds what one-off schedules for suspended executions need: a schedule group and a role. Default: false. */
  readonly exactSchedules?: boolean;
}

export interface WakerProps {
  /** How often it runs. Default: once a minute. */
  readonly schedule?: Schedule;
}

/** Longer than the default timeout of an execution, 366 days, and its default retention, 14 days. */
const PAYLOAD_EXPIRATION_DAYS = 400;

/** A run that was missed is made up for by the next one. */
const WAKER_EVENT_AGE = Duration.minutes(1);

/**
 * The table, the bucket and the policies of Tidemark. Functions of your own are connected with `addWorkflow` and
 * `addWaker`: they get the permissions that they need and no others, and the names of table and bucket as
 * `EXECUTIONS_TABLE` and `PAYLOADS_BUCKET` in their environment.
 *
 * Data is retained by default when the stack is deleted.
 *
 * @example
 * ```ts
 * const tidemark = new Tidemark(stack, "Tidemark");
 * tidemark.addWorkflow(orderFunction);
 * tidemark.addWaker(wakerFunction);
 * tidemark.operatorPolicy.attachToRole(onCallRole);
 * ```
 */
export class Tidemark extends Construct {
  readonly table: Table;
  readonly bucket: Bucket;
  /** For functions that run workflows, start executions or complete callbacks. */
  readonly workflowPolicy: ManagedPolicy;
  /** For the function that wakes what is due. */
  readonly wakerPolicy: ManagedPolicy;
  /** For people and tools that start, look at, stop, resume, complete and purge executions. */
  readonly operatorPolicy: ManagedPolicy;
  /** Of the one-off schedules, with `exactSchedules`. */
  readonly scheduleGroup: CfnScheduleGroup | undefined;
  /** The role with which a one-off schedule invokes a workflow, with `exactSchedules`. */
  readonly scheduleRole: Role | undefined;
  readonly #wakeUps: PolicyStatement;
  readonly #workflowNames: string[] = [];

  constructor(scope: Construct, id: string, props: TidemarkProps = {}) {
    super(scope, id);
    const { removalPolicy = RemovalPolicy.RETAIN, pointInTimeRecovery = true, encryptionKey } = props;
    const { tableName, bucketName } = props;
    const expiration = props.payloadExpiration ?? Duration.days(PAYLOAD_EXPIRATION_DAYS);
    this.table = makeTable(this, { tableName, removalPolicy, pointInTimeRecovery, encryptionKey });
    this.bucket = makeBucket(this, { bucketName, removalPolicy, expiration, encryptionKey });
    const { region, urlSuffix } = Stack.of(this);
    const resources: Resources = {
      tableArn: this.table.tableArn,
      bucketArn: this.bucket.bucketArn,
      keyArn: encryptionKey?.keyArn,
      serviceNames: [`dynamodb.${region}.${urlSuffix}`, `s3.${region}.${urlSuffix}`],
    };
    this.workflowPolicy = new ManagedPolicy(this, "WorkflowPolicy", {
      description: "Runs Tidemark workflows, starts executions and completes callbacks",
      statements: workflowStatements(resources),
    });
    this.wakerPolicy = new ManagedPolicy(this, "WakerPolicy", {
      description: "Wakes what is due in Tidemark, and removes what has outlived its retention",
      statements: wakerStatements(resources),
    });
    this.operatorPolicy = new ManagedPolicy(this, "OperatorPolicy", {
      description: "Starts, looks at, stops, resumes, completes and purges executions of Tidemark",
      statements: operatorStatements(resources),
    });
    this.#wakeUps = wakeUpStatement();
    if (props.exactSchedules !== true) return;
    this.scheduleGroup = new CfnScheduleGroup(this, "Schedules");
    this.scheduleRole = this.#newScheduleRole();
    this.workflowPolicy.addStatements(
      ...scheduleStatements(this.#schedulesArn(this.scheduleGroup), this.scheduleRole.roleArn),
    );
  }

  /** Lets a function run executions, and lets workflows, waker and operators wake it. */
  addWorkflow(workflow: LambdaFunctionConstruct): void {
    if (this.#workflowNames.length === 0) this.#allowWakeUps();
    this.#workflowNames.push(workflow.functionName);
    this.#wakeUps.addResources(workflow.functionArn);
    this.#connect(workflow, this.workflowPolicy);
    if (this.scheduleGroup === undefined || this.scheduleRole === undefined) return;
    workflow.addEnvironment("SCHEDULE_GROUP", this.scheduleGroup.ref);
    workflow.addEnvironment("SCHEDULE_ROLE", this.scheduleRole.roleArn);
  }

  /** Lets a function start executions and complete callbacks, without being a workflow itself. */
  addClient(client: LambdaFunctionConstruct): void {
    this.#connect(client, this.workflowPolicy);
  }

  /**
   * Lets a function wake what is due, and runs it on a schedule. `WORKFLOW_FUNCTIONS` in its environment names all
   * workflows, separated by commas.
   */
  addWaker(
    waker: LambdaFunctionConstruct,
    { schedule = Schedule.rate(Duration.minutes(1)) }: WakerProps = {},
  ): void {
    this.#connect(waker, this.wakerPolicy);
    const names = Lazy.string({ produce: () => this.#workflowNames.join(",") });
    waker.addEnvironment("WORKFLOW_FUNCTIONS", names);
    new Rule(this, "WakerSchedule", {
      description: "Wakes what is due in Tidemark",
      schedule,
      targets: [new LambdaFunction(waker, { maxEventAge: WAKER_EVENT_AGE, retryAttempts: 0 })],
    });
    waker.configureAsyncInvoke({ maxEventAge: WAKER_EVENT_AGE, retryAttempts: 0 });
  }

  /** Not before there is a workflow: a statement needs a resource. */
  #allowWakeUps(): void {
    for (const policy of [this.workflowPolicy, this.wakerPolicy, this.operatorPolicy])
      policy.addStatements(this.#wakeUps);
    this.scheduleRole?.addToPolicy(this.#wakeUps);
  }

  #newScheduleRole(): Role {
    const { account } = Stack.of(this);
    // Of this account only: a schedule of another one must not borrow the role.
    const assumedBy = new ServicePrincipal("scheduler.amazonaws.com", {
      conditions: { StringEquals: { "aws:SourceAccount": account } },
    });
    return new Role(this, "ScheduleRole", { description: "Wakes executions of Tidemark", assumedBy });
  }

  #schedulesArn(group: CfnScheduleGroup): string {
    const resourceName = `${group.ref}/*`;
    const arnFormat = ArnFormat.SLASH_RESOURCE_NAME;
    return Stack.of(this).formatArn({ service: "scheduler", resource: "schedule", resourceName, arnFormat });
  }

  #connect(fn: LambdaFunctionConstruct, policy: ManagedPolicy): void {
    // The policy names the role, and not the role the policy: else function, role and policy would be a circle.
    if (fn.role !== undefined) policy.attachToRole(fn.role);
    fn.addEnvironment("EXECUTIONS_TABLE", this.table.tableName);
    fn.addEnvironment("PAYLOADS_BUCKET", this.bucket.bucketName);
  }
}
