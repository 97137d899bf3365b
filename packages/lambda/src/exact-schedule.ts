/**
 * Owns one-off schedules: a wake-up at the time when an execution is due, sooner than the waker comes by.
 *
 * Nothing depends on one. `@aws-sdk/client-scheduler` is an optional peer, which the Node.js runtimes of Lambda bring: it
 * is loaded at the first schedule and only then.
 */

import { createHash } from "node:crypto";
import { type OptionNames, TidemarkError } from "@tidemark/protocol";
import { loadOptionalPeer } from "@tidemark/sdk";
import { clientProblem, type WakeUp } from "./lambda-invoke.js";
import { optionError, requireNames, wholeNumber } from "./options.js";
import { wakeUpEvent } from "./wake-up-event.js";

/** An execution that has suspended, and until when. Times in milliseconds since 1970. */
export interface DueWakeUp extends WakeUp {
  readonly dueAtMs: number;
  readonly nowMs: number;
}

/** Asks for a wake-up at a later time. One that fails is reported and no more: the waker wakes what is due. */
export type Schedule = (wakeUp: DueWakeUp) => Promise<void>;

/** The part of a `SchedulerClient` that is used. */
interface SchedulerSender {
  send(command: unknown): Promise<unknown>;
}

interface SchedulerModule {
  readonly SchedulerClient: new (config: object) => SchedulerSender;
  readonly CreateScheduleCommand: new (input: object) => unknown;
}

export interface ExactScheduleOptions {
  /** ARN of the role with which EventBridge Scheduler invokes the functions. */
  readonly roleArn: string;
  /** ARN of the Lambda function that runs a durable function. */
  readonly target: (functionName: string) => string;
  /** Of the schedules; it must exist. Default: `default`. */
  readonly groupName?: string | undefined;
  /** What is due later than this from now on is left to the waker. Milliseconds, default a day. */
  readonly withinMs?: number | undefined;
  /** A `SchedulerClient`. Default: one with the AWS SDK's own configuration, made at the first schedule. */
  readonly client?: SchedulerSender | undefined;
}

const NAMES: OptionNames<ExactScheduleOptions> = {
  roleArn: true,
  target: true,
  groupName: true,
  withinMs: true,
  client: true,
};

const DAY_MS = 24 * 60 * 60 * 1000;
const SECOND_MS = 1000;

/** A time that has passed when the request arrives would be refused. */
const LEAD_MS = 2000;

/** A schedule must not hold up the answer to an event for long. */
const CLIENT_CONFIG = {
  requestHandler: { connectionTimeout: 2000, requestTimeout: 5000, throwOnRequestTimeout: true },
};

/**
 * A `schedule` for `lambdaHandler`: when an execution suspends until a time, EventBridge Scheduler is asked to wake it
 * then, once, and to forget the schedule afterwards. It has the name of the execution and the second when it is due, so
 * that asking again changes nothing, and it may fire when nothing is due any more: a wake-up too many does nothing.
 *
 * The role of the function needs `scheduler:CreateSchedule` on the group's schedules and `iam:PassRole` on `roleArn`;
 * that role needs `lambda:InvokeFunction` on the functions.
 *
 * @throws TidemarkError `TIDEMARK_LAMBDA_OPTIONS`; from what it gives: `TIDEMARK_LAMBDA_SCHEDULE`.
 * @example
 * ```ts
 * const schedule = exactSchedule({
 *   roleArn: "arn:aws:iam::123456789012:role/wake-up",
 *   target: (functionName) => `arn:aws:lambda:eu-west-1:123456789012:function:${functionName}`,
 * });
 * ```
 */
export function exactSchedule(options: ExactScheduleOptions): Schedule {
  requireNames("exactSchedule", options, NAMES);
  const { roleArn, target, groupName = "default" } = options;
  if (typeof roleArn !== "string" || !roleArn.startsWith("arn:"))
    throw optionError(
      "roleArn is no ARN; pass that of the role with which EventBridge Scheduler invokes the functions",
    );
  if (typeof target !== "function")
    throw optionError("target is no function; it gives the ARN of a Lambda function");
  const withinMs = wholeNumber("withinMs", options.withinMs ?? DAY_MS, 0);
  let connected: Promise<{ readonly client: SchedulerSender; readonly module: SchedulerModule }> | undefined;
  const connect = () => {
    connected ??= loadModule().then(
      (module) => ({ client: options.client ?? new module.SchedulerClient(CLIENT_CONFIG), module }),
      (error: unknown) => {
        // A later call may try again.
        connected = undefined;
        throw error;
      },
    );
    return connected;
  };
  return async (wakeUp) => {
    if (wakeUp.dueAtMs - wakeUp.nowMs > withinMs) return;
    const { client, module } = await connect();
    const request = scheduleRequest(wakeUp, { groupName, roleArn, arn: target(wakeUp.functionName) });
    try {
      await client.send(new module.CreateScheduleCommand(request));
    } catch (error) {
      // Somebody has asked for the same before.
      if ((error as Error | undefined)?.name !== "ConflictException")
        throw scheduleError(request, wakeUp, error);
    }
  };
}

interface Destination {
  readonly groupName: string;
  readonly roleArn: string;
  readonly arn: string;
}

function scheduleRequest(
  { executionId, dueAtMs, nowMs }: DueWakeUp,
  { groupName, roleArn, arn }: Destination,
) {
  // Never early: a wake-up that comes before the time does nothing.
  const dueSecond = Math.ceil(dueAtMs / SECOND_MS);
  const atSecond = Math.max(dueSecond, Math.ceil((nowMs + LEAD_MS) / SECOND_MS));
  const at = new Date(atSecond * SECOND_MS).toISOString().slice(0, "2026-11-21T12:00:00".length);
  // At most 64 of the characters A-Z a-z 0-9 _ - . Source: EventBridge Scheduler, CreateSchedule.
  const Name = `tidemark-${createHash("sha256").update(`${executionId} ${dueSecond}`).digest("base64url")}`;
  return {
    Name,
    ClientToken: Name,
    GroupName: groupName,
    ScheduleExpression: `at(${at})`,
    ScheduleExpressionTimezone: "UTC",
    FlexibleTimeWindow: { Mode: "OFF" },
    ActionAfterCompletion: "DELETE",
    Target: {
      Arn: arn,
      RoleArn: roleArn,
      Input: JSON.stringify(wakeUpEvent(executionId)),
      // Later the waker has been there.
      RetryPolicy: { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 2 },
    },
  };
}

function scheduleError(
  { GroupName, Target }: ReturnType<typeof scheduleRequest>,
  { executionId }: WakeUp,
  cause: unknown,
): TidemarkError {
  const { name, message } = Object(cause) as { readonly name?: unknown; readonly message?: unknown };
  return failure(
    `no schedule for execution ${executionId}, scheduler:CreateSchedule in group ${GroupName} failed: ${name}: ${message}; ${clientProblem(cause)?.[1] ?? advice(name, GroupName, Target.RoleArn)}`,
    cause,
  );
}

function advice(name: unknown, groupName: string, roleArn: string): string {
  switch (name) {
    case "AccessDeniedException":
      return `allow scheduler:CreateSchedule on schedule/${groupName}/* and iam:PassRole on ${roleArn} to this role`;
    case "ResourceNotFoundException":
      return `create the schedule group ${groupName}, or correct groupName`;
    case "ValidationException":
      return "correct roleArn or target: EventBridge Scheduler must be allowed to assume the role";
    case "ServiceQuotaExceededException":
      return "raise the quota of schedules, or lower withinMs; the waker wakes it";
    default:
      return "the waker wakes it";
  }
}

async function loadModule(): Promise<SchedulerModule> {
  // Not a literal, so that bundlers leave the optional peer alone.
  const name = "@aws-sdk/client-scheduler";
  try {
    const loaded = (await loadOptionalPeer(name)) as SchedulerModule & { default?: SchedulerModule };
    return loaded.SchedulerClient === undefined ? (loaded.default as SchedulerModule) : loaded;
  } catch (cause) {
    throw failure(
      `no schedule can be made, as ${name} is not installed; install it, or leave out schedule`,
      cause,
    );
  }
}

function failure(message: string, cause: unknown): TidemarkError {
  return new TidemarkError("TIDEMARK_LAMBDA_SCHEDULE", message, { cause });
}
