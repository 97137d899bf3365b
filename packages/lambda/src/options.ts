/** Owns what the handlers have in common: the store of a sandbox, and the check of options. */

import { requireOptionNames, TidemarkError, valueText } from "@tidemark/protocol";
import type { LambdaContext } from "@tidemark/sdk";
import type { ExecutionStore } from "@tidemark/store";

/** Opens the store, once for each sandbox; again at the next event after it has failed. */
export type OpenStore = () => ExecutionStore | Promise<ExecutionStore>;

/** What the handlers use of a Lambda context. */
export type HandlerContext = Pick<LambdaContext, "awsRequestId" | "getRemainingTimeInMillis">;

/**
 * The time that an event leaves, in milliseconds.
 *
 * @throws TidemarkError `TIDEMARK_LAMBDA_OPTIONS` when it is not more than the `field` of the handler needs.
 */
export function remainingTime(
  who: string,
  context: HandlerContext,
  [field, neededMs]: readonly [field: string, neededMs: number],
): number {
  if (typeof context?.getRemainingTimeInMillis !== "function")
    throw optionError(
      `${who} was called without the context of a Lambda invocation; pass it as the second argument`,
    );
  const remainingMs = context.getRemainingTimeInMillis();
  if (remainingMs > neededMs) return remainingMs;
  throw optionError(
    `${who} has ${remainingMs} ms for this event, and ends ${neededMs} ms before its deadline (${field}); raise the timeout of the Lambda function`,
  );
}

/** Opens the store and makes the functions known to it. What has failed is done again at the next event, and no more. */
export function connection(open: OpenStore, functionNames: readonly string[]): () => Promise<ExecutionStore> {
  if (typeof open !== "function")
    throw optionError(
      `store is ${valueText(open)}; pass a function that opens it, such as () => DynamoDbStore.open({ tableName })`,
    );
  const opened = once(async () => {
    const store = await open();
    if (typeof (store as Partial<ExecutionStore> | undefined)?.registerFunctions === "function") return store;
    throw optionError(`store() gave ${valueText(store)}; let it give an open store`);
  });
  const registered = once(async () => (await opened()).registerFunctions(functionNames));
  return async () => {
    await registered();
    return opened();
  };
}

/** Calls `connect` once, and again after it has failed. */
function once<T>(connect: () => Promise<T>): () => Promise<T> {
  let connected: Promise<T> | undefined;
  return () => {
    connected ??= connect().catch((error: unknown) => {
      connected = undefined;
      throw error;
    });
    return connected;
  };
}

/** @throws TidemarkError `TIDEMARK_LAMBDA_OPTIONS` when `who` does not know an option. */
export function requireNames(
  who: string,
  options: unknown,
  names: Readonly<Record<string, true>>,
  field?: string,
): void {
  requireOptionNames(options, names, (problem) => optionError(`${who}: ${problem}`), field);
}

/** @throws TidemarkError `TIDEMARK_LAMBDA_OPTIONS` when one of the options is given and is no function. */
export function requireFunctions<Options extends object>(
  options: Options,
  fields: readonly (keyof Options & string)[],
): void {
  const wrong = fields.find((field) => options[field] !== undefined && typeof options[field] !== "function");
  if (wrong !== undefined) throw optionError(`${wrong} is ${valueText(options[wrong])}; pass a function`);
}

/** @throws TidemarkError `TIDEMARK_LAMBDA_OPTIONS`. */
export function wholeNumber(field: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw optionError(`${field} is ${valueText(value)}; pass a whole number of at least ${least}`);
}

export function optionError(message: string): TidemarkError {
  return new TidemarkError("TIDEMARK_LAMBDA_OPTIONS", message);
}
