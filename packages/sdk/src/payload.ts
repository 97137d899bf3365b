/**
 * Owns how values become payloads and payloads values, for every kind of operation.
 *
 * The default JSON serdes is synchronous, so that an ordinary step costs no extra microtasks.
 */

import type { Engine } from "./engine.js";
import { SerdesFailedError } from "./errors.js";
import type { Settled } from "./lifecycle.js";
import {
  type AnySerdes,
  type AnySerdesDeserializer,
  deserializeJson,
  isDefaultSerdes,
  serializeJson,
} from "./serdes.js";

interface Owner {
  readonly id: string;
  readonly position: string;
  readonly name: string | undefined;
  readonly engine: Engine;
}

/**
 * The value as text. A custom serdes that fails ends the invocation, which is tried again: the
 * failure may be that of a disk or a network. What JSON cannot hold throws to the caller.
 */
export function serialize(
  owner: Owner,
  serdes: AnySerdes,
  value: unknown,
): string | undefined | Promise<string | undefined> {
  if (isDefaultSerdes(serdes)) return serializeJson(value);
  return (async () => serdes.serialize(value, context(owner)))().catch((cause: unknown) =>
    Promise.reject(new SerdesFailedError(failure("serialize", owner), { cause })),
  );
}

/** The value of a recorded text; throws or rejects with {@link SerdesFailedError}. */
export function deserialize(owner: Owner, serdes: AnySerdesDeserializer, data: string | undefined): unknown {
  if (isDefaultSerdes(serdes)) {
    try {
      return deserializeJson(data);
    } catch (cause) {
      throw new SerdesFailedError(failure("deserialize", owner), { cause });
    }
  }
  return (async () => serdes.deserialize(data, context(owner)))().catch((cause: unknown) =>
    Promise.reject(new SerdesFailedError(failure("deserialize", owner), { cause })),
  );
}

/** The recorded text as the outcome of an operation. */
export function readValue<T>(
  owner: Owner,
  serdes: AnySerdesDeserializer,
  data: string | undefined,
): Settled<T> | Promise<Settled<T>> {
  const value = deserialize(owner, serdes, data);
  if (value instanceof Promise) return value.then((read: T) => ({ ok: true, value: read }));
  return { ok: true, value: value as T };
}

function context(owner: Owner): { entityId: string; durableExecutionArn: string } {
  return { entityId: owner.position, durableExecutionArn: owner.engine.executionArn };
}

function failure(what: string, owner: Owner): string {
  const name = owner.name === undefined ? "" : ` ${JSON.stringify(owner.name)}`;
  return `cannot ${what} the payload of operation ${owner.id}${name}; the invocation ends and is tried again`;
}
