/**
 * Owns what fragments in the documentation may take for granted: the names that every page uses for
 * the same thing. Nothing of it exists; it is there for the compiler.
 */

import type { DurableClient, Worker } from "@tidemark/runtime";
import type {
  DurableContext,
  DurableExecutionHandler,
  DurableLambdaHandler,
  DurableLogger,
} from "@tidemark/sdk";
import type { ExecutionStore, PayloadStore } from "@tidemark/store";
import type { Stack } from "aws-cdk-lib";
import type { Role } from "aws-cdk-lib/aws-iam";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";

export { setTimeout as sleep } from "node:timers/promises";
export { LambdaClient } from "@aws-sdk/client-lambda";

export declare const store: ExecutionStore;
export declare const payloadStore: PayloadStore;
/** As `KMS` of `@aws-sdk/client-kms`, which is no dependency of ours. */
export declare const kms: {
  generateDataKey(options: object): Promise<{ Plaintext: Uint8Array; CiphertextBlob: Uint8Array }>;
  decrypt(options: object): Promise<{ Plaintext: Uint8Array }>;
};
export declare const stack: Stack;
export declare const orderFunction: LambdaFunction;
export declare const wakerFunction: LambdaFunction;
export declare const onCallRole: Role;
export declare const client: DurableClient;
export declare const worker: Worker;
export declare const context: DurableContext;
export declare const executionId: string;
export declare const callbackId: string;

export declare const myHandler: DurableExecutionHandler;
export declare const greet: DurableLambdaHandler;
export declare const customLogger: DurableLogger;

export interface Order {
  readonly id: string;
  readonly amountCents: number;
  readonly items: string[];
}
export declare const order: Order;
export declare const orders: Order[];

export declare const urls: string[];
export declare const fetchOne: (context: DurableContext, url: string) => Promise<string>;
export declare const loadRate: (currency: string) => Promise<number>;
