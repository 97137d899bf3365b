/**
 * Our declarations against those of the AWS SDK, as types alone: what a program hands from one to
 * the other. Enums of the same name and members count as the same type.
 */

import type * as Aws from "@aws/durable-execution-sdk-js";
import type * as Ours from "@tidemark/sdk";
import { assertType, type Equals } from "./assert-type";

type Assignable<From, To> = [From] extends [To] ? true : false;
type Mutual<A, B> = [Assignable<A, B>, Assignable<B, A>] extends [true, true] ? true : false;

// Every value of the AWS index is one of ours.
assertType<Equals<Exclude<keyof typeof Aws, keyof typeof Ours>, never>>();

// Configurations and decisions. Ours accept an explicit `undefined` where theirs do not.
assertType<Equals<Aws.Duration, Ours.Duration>>();
assertType<Mutual<Aws.RetryDecision, Ours.RetryDecision>>();
assertType<Mutual<Aws.InvokeConfig<number, string>, Ours.InvokeConfig<number, string>>>();
assertType<Mutual<Aws.WaitForConditionConfig<number>, Ours.WaitForConditionConfig<number>>>();
assertType<Mutual<Aws.WaitForConditionDecision, Ours.WaitForConditionDecision>>();
assertType<
  Mutual<Aws.WaitForConditionWaitStrategyFunc<number>, Ours.WaitForConditionWaitStrategyFunc<number>>
>();
assertType<Mutual<Aws.ThresholdCompletionConfig, Ours.ThresholdCompletionConfig>>();
assertType<Mutual<Aws.StepConfig<number>, Ours.StepConfig<number>>>();
assertType<Assignable<Aws.RetryStrategyConfig, Ours.RetryStrategyConfig>>();
assertType<Assignable<Aws.LinearRetryStrategyConfig, Ours.LinearRetryStrategyConfig>>();
assertType<Assignable<Aws.WaitStrategyConfig<number>, Ours.WaitStrategyConfig<number>>>();
assertType<Mutual<Aws.SerdesContext, Ours.SerdesContext>>();
assertType<Mutual<Aws.Serdes<Date>, Ours.Serdes<Date>>>();
assertType<Mutual<Aws.SerdesConfig, Ours.SerdesConfig>>();

// Loggers and what they are told.
assertType<Mutual<Aws.DurableLogger, Ours.DurableLogger>>();
assertType<Mutual<Aws.DurableLogData, Ours.DurableLogData>>();
assertType<Mutual<Aws.DurableLoggingContext, Ours.DurableLoggingContext>>();

// The wire.
assertType<Mutual<Aws.ErrorObject, Ours.ErrorObject>>();
assertType<Assignable<`${Aws.InvocationStatus}`, `${Ours.InvocationStatus}`>>();
assertType<Equals<`${Aws.OperationSubType}`, `${Ours.OperationSubType}`>>();
assertType<Mutual<`${Aws.OperationType}`, `${Ours.OperationType}`>>();
assertType<Mutual<`${Aws.OperationStatus}`, `${Ours.OperationStatus}`>>();
assertType<Mutual<`${Aws.OperationAction}`, `${Ours.OperationAction}`>>();
assertType<Equals<`${Aws.BatchItemStatus}`, `${Ours.BatchItemStatus}`>>();
assertType<Equals<`${Aws.NestingType}`, `${Ours.NestingType}`>>();
assertType<Equals<`${Aws.StepSemantics}`, `${Ours.StepSemantics}`>>();
assertType<Equals<`${Aws.JitterStrategy}`, `${Ours.JitterStrategy}`>>();
assertType<Equals<Aws.CompletionReason, Ours.CompletionReason>>();
assertType<Mutual<Aws.DurableExecutionInvocationInput, Ours.DurableExecutionInvocationInput>>();
assertType<Mutual<Aws.CheckpointDurableExecutionRequest, Ours.CheckpointDurableExecutionRequest>>();
assertType<Mutual<Aws.CheckpointDurableExecutionResponse, Ours.CheckpointDurableExecutionResponse>>();
assertType<Mutual<Aws.GetDurableExecutionStateRequest, Ours.GetDurableExecutionStateRequest>>();
assertType<Mutual<Aws.GetDurableExecutionStateResponse, Ours.GetDurableExecutionStateResponse>>();
assertType<Mutual<Aws.Operation, Ours.Operation>>();
assertType<Mutual<Aws.WireOperation, Ours.WireOperation>>();
assertType<Mutual<Aws.OperationUpdate, Ours.OperationUpdate>>();

// Clients of one SDK serve the other.
assertType<Mutual<Aws.DurableExecutionClient, Ours.DurableExecutionClient>>();

// Plugins written for one SDK observe the other.
assertType<Mutual<Aws.OperationInfo, Ours.OperationInfo>>();
assertType<Mutual<Aws.AttemptEndInfo, Ours.AttemptEndInfo>>();
assertType<Mutual<Aws.DurableInstrumentationPlugin, Ours.DurableInstrumentationPlugin>>();

// Wrapped handlers: a runner for one runs the other's.
assertType<Mutual<Parameters<Aws.DurableLambdaHandler>[0], Parameters<Ours.DurableLambdaHandler>[0]>>();
assertType<Mutual<Parameters<Aws.DurableLambdaHandler>[1], Parameters<Ours.DurableLambdaHandler>[1]>>();
assertType<Mutual<Aws.DurableLambdaHandler, Ours.DurableLambdaHandler>>();

// What operations take.
assertType<Mutual<Aws.ThresholdCompletionConfig, Ours.ThresholdCompletionConfig>>();
assertType<Mutual<Aws.CompletionConfig, Ours.CompletionConfig>>();
assertType<Mutual<Aws.CompletionStatus, Ours.CompletionStatus>>();
assertType<Mutual<Aws.CompletionDecision, Ours.CompletionDecision>>();
assertType<Mutual<Aws.StepFunc<number>, Ours.StepFunc<number>>>();
assertType<Mutual<Aws.WaitForConditionCheckFunc<number>, Ours.WaitForConditionCheckFunc<number>>>();
assertType<
  Mutual<Aws.DurableContextLogger<Aws.DurableLogger>, Ours.DurableContextLogger<Ours.DurableLogger>>
>();
assertType<Mutual<Aws.DurableContext["logger"], Ours.DurableContext["logger"]>>();
assertType<Mutual<Aws.DurableContext["lambdaContext"], Ours.DurableContext["lambdaContext"]>>();
assertType<Mutual<Aws.DurableContext["configureLogger"], Ours.DurableContext["configureLogger"]>>();
assertType<Mutual<Aws.DurableContext["configureSerdes"], Ours.DurableContext["configureSerdes"]>>();

// What operations give. Our errors have a code besides, so theirs are not ours.
assertType<Assignable<Ours.BatchResult<number>, Aws.BatchResult<number>>>();
assertType<Assignable<Ours.StepError, Aws.StepError>>();
assertType<Assignable<Ours.DurableOperationError, Aws.DurableOperationError>>();

// Both classes have private members, so TypeScript keeps the two apart, and with them the contexts:
// a function is compiled against one SDK or the other. `either-sdk/` shows that its source need not change.
assertType<Equals<Assignable<Ours.DurablePromise<number>, Aws.DurablePromise<number>>, false>>();
assertType<Equals<Assignable<Aws.DurablePromise<number>, Ours.DurablePromise<number>>, false>>();
assertType<Assignable<Ours.DurablePromise<number>, Promise<number>>>();
