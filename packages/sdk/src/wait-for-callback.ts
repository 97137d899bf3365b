/** Owns waitForCallback: a context of a callback and the step that hands its id over. */

import type {
  CreateCallbackConfig,
  WaitForCallbackConfig,
  WaitForCallbackSubmitterFunc,
} from "./callback.js";
import { ContextKind, childBody } from "./child.js";
import type { DurableContext } from "./durable-context.js";
import { CallbackError, CallbackSubmitterError, type DurableOperationError } from "./errors.js";
import type { OperationKind } from "./lifecycle.js";
import type { DurableLogger } from "./logger.js";
import type { Scope } from "./scope.js";
import { type AnySerdes, type AnySerdesDeserializer, defaultSerdes, isDefaultSerdes } from "./serdes.js";

interface WaitForCallbackSpec {
  readonly name: string | undefined;
  readonly submitter: WaitForCallbackSubmitterFunc<DurableLogger>;
  readonly config: WaitForCallbackConfig<unknown>;
  readonly deserializer: AnySerdesDeserializer | undefined;
}

/** The payload as it came; the context around reads it. */
const asText = { deserialize: async (data: string | undefined) => data } as NonNullable<
  CreateCallbackConfig<string>["serdes"]
>;

export function waitForCallbackKind<T>(
  spec: WaitForCallbackSpec,
  contextOf: (scope: Scope) => DurableContext,
): OperationKind<T> {
  const run = (scope: Scope): Promise<T> => handOverAndWait(spec, contextOf(scope)) as Promise<T>;
  const body = childBody<T>(run, textSerdes(spec.deserializer), { errorMapper: callbackError });
  if (spec.deserializer !== undefined && !readsJson(spec.deserializer)) {
    // The payload is recorded with the callback already: it is as large here as it was there.
    body.record = (text) => ({ payload: text as string | undefined, replayChildren: false });
  }
  return new ContextKind<T>({ name: spec.name, subType: "WaitForCallback" }, body);
}

async function handOverAndWait(spec: WaitForCallbackSpec, context: DurableContext): Promise<string> {
  const { timeout, heartbeatTimeout, retryStrategy } = spec.config;
  const [outcome, callbackId] = await context.createCallback<string>({
    ...(timeout === undefined ? {} : { timeout }),
    ...(heartbeatTimeout === undefined ? {} : { heartbeatTimeout }),
    serdes: readsJson(spec.deserializer) ? defaultSerdes : asText,
  });
  // It is waited for from here on, also when the submitter fails: nobody has forgotten it.
  outcome.catch(() => {});
  await context.step(
    undefined,
    ({ logger }) => spec.submitter(callbackId, { logger }),
    retryStrategy === undefined ? {} : { retryStrategy },
  );
  return outcome;
}

/** With a deserializer the record is the payload itself, so that a replay reads what a live run reads. */
function textSerdes(deserializer: AnySerdesDeserializer | undefined): AnySerdes {
  if (deserializer === undefined || readsJson(deserializer)) return defaultSerdes;
  return {
    serialize: async (text: string | undefined) => text,
    deserialize: (data, context) => deserializer.deserialize(data, context),
  };
}

/** JSON is read where it arrives: what is none fails the callback. */
function readsJson(deserializer: AnySerdesDeserializer | undefined): boolean {
  return deserializer !== undefined && isDefaultSerdes(deserializer);
}

/** Errors of the callback are its own; the only step inside is the submitter's. */
function callbackError(error: DurableOperationError): CallbackError {
  return error instanceof CallbackError
    ? error
    : new CallbackSubmitterError(error.message, error, error.errorData);
}
