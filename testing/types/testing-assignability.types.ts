/**
 * The declarations of `@tidemark/testing` against those of the AWS testing package, as types alone: a
 * test that compiles against theirs compiles against ours.
 */

import type * as Aws from "@aws/durable-execution-sdk-js-testing";
import type * as AwsLambda from "@aws-sdk/client-lambda";
import type * as Ours from "@tidemark/testing";
import { assertType, type Equals } from "./assert-type";

type Assignable<From, To> = [From] extends [To] ? true : false;
type Mutual<A, B> = [Assignable<A, B>, Assignable<B, A>] extends [true, true] ? true : false;

/** The public members of an instance. */
type Members<T> = keyof T;

// Every value of their index is one of ours.
assertType<Equals<Exclude<keyof typeof Aws, keyof typeof Ours>, never>>();

// Every member of what tests hold is one of ours.
assertType<
  Equals<Exclude<Members<Aws.LocalDurableTestRunner>, Members<Ours.LocalDurableTestRunner>>, never>
>();
assertType<
  Equals<Exclude<Members<Aws.CloudDurableTestRunner>, Members<Ours.CloudDurableTestRunner>>, never>
>();
assertType<
  Equals<Exclude<keyof typeof Aws.LocalDurableTestRunner, keyof typeof Ours.LocalDurableTestRunner>, never>
>();
assertType<Equals<Exclude<keyof Aws.DurableOperation, keyof Ours.DurableOperation>, never>>();
assertType<Equals<Exclude<keyof Aws.TestResult, keyof Ours.TestResult>, never>>();

// What is handed in.
type First<T> = T extends abstract new (first: infer P, ...rest: never) => unknown ? P : never;
assertType<Assignable<Aws.LocalDurableTestRunnerParameters, First<typeof Ours.LocalDurableTestRunner>>>();
assertType<Assignable<Aws.LocalDurableTestRunnerParameters, Ours.LocalDurableTestRunnerParameters>>();
assertType<
  Assignable<Aws.LocalDurableTestRunnerSetupParameters, Ours.LocalDurableTestRunnerSetupParameters>
>();
assertType<Assignable<Aws.CloudDurableTestRunnerParameters, Ours.CloudDurableTestRunnerParameters>>();
assertType<Assignable<Aws.CloudDurableTestRunnerParameters, First<typeof Ours.CloudDurableTestRunner>>>();
assertType<
  Assignable<AwsLambda.LambdaClient, NonNullable<Ours.CloudDurableTestRunnerParameters["client"]>>
>();
assertType<Assignable<Aws.CloudDurableTestRunnerConfig, Ours.CloudDurableTestRunnerConfig>>();
assertType<Mutual<Aws.InvokeRequest, Ours.InvokeRequest>>();
type PlainFunction = Parameters<Aws.LocalDurableTestRunner["registerFunction"]>[1];
assertType<Assignable<PlainFunction, Ours.PlainFunction>>();
type DurableFunction = Parameters<Aws.LocalDurableTestRunner["registerDurableFunction"]>[1];
assertType<
  Assignable<DurableFunction, Parameters<Ours.LocalDurableTestRunner["registerDurableFunction"]>[1]>
>();
assertType<Assignable<Parameters<Aws.TestResult["print"]>, Parameters<Ours.TestResult["print"]>>>();
assertType<
  Assignable<Parameters<Aws.TestResult["getOperations"]>, Parameters<Ours.TestResult["getOperations"]>>
>();

// What is handed out.
assertType<Assignable<Ours.ContextDetails<number>, Aws.ContextDetails<number>>>();
assertType<Assignable<Ours.StepDetails<number>, Aws.StepDetails<number>>>();
assertType<Assignable<Ours.CallbackDetails<number>, Aws.CallbackDetails<number>>>();
assertType<Assignable<Ours.ChainedInvokeDetails<number>, Aws.ChainedInvokeDetails<number>>>();
assertType<Assignable<Ours.WaitResultDetails, Aws.WaitResultDetails>>();
assertType<Mutual<Ours.TestResultError, Aws.TestResultError>>();
assertType<Mutual<Ours.Invocation, Aws.Invocation>>();
assertType<Mutual<Ours.RecordedEvent, AwsLambda.Event>>();
assertType<Mutual<`${Ours.WaitingOperationStatus}`, `${Aws.WaitingOperationStatus}`>>();
assertType<Mutual<Ours.ExecutionStatus, Aws.ExecutionStatus>>();
assertType<Mutual<Ours.InvocationType, Aws.InvocationType>>();
assertType<Mutual<`${Ours.OperationStatus}`, `${Aws.OperationStatus}`>>();
assertType<Mutual<`${Ours.OperationType}`, `${Aws.OperationType}`>>();
assertType<Mutual<Ours.Operation, Aws.Operation>>();

// Enums of two packages are two types, of the same texts; but for those, an operation of ours is one of theirs.
type WithoutEnums<T> = Omit<T, "waitForData" | "getSubType" | "getChildOperations">;
assertType<
  Assignable<WithoutEnums<Ours.DurableOperation<number>>, WithoutEnums<Aws.DurableOperation<number>>>
>();
assertType<
  Assignable<Omit<Ours.TestResult<number>, "getOperations">, Omit<Aws.TestResult<number>, "getOperations">>
>();
assertType<
  Equals<
    `${NonNullable<ReturnType<Ours.DurableOperation["getSubType"]>>}`,
    `${NonNullable<ReturnType<Aws.DurableOperation["getSubType"]>>}`
  >
>();
