/**
 * Owns how values become payloads and payloads values: the `Serdes` port, JSON as its default, and
 * JSON that restores a class.
 *
 * It does not know where payloads go or how large they may be.
 *
 * 1. `undefined` has no payload, and no payload is `undefined`. Functions and symbols count as
 *    `undefined`; every other value has a payload.
 * 2. The default serdes is known by identity (`isDefaultSerdes`), so that the engine can call
 *    `serializeJson` and `deserializeJson` without waiting for a promise.
 */

import { TidemarkError } from "@tidemark/protocol";
import { valueText } from "./duration.js";

/** What a serdes may use to name external storage: unique together, stable over replay. */
export interface SerdesContext {
  /** Id of the operation whose value this is. */
  entityId: string;
  /** ARN of the execution. */
  durableExecutionArn: string;
}

/**
 * Turns the values of operations into payloads and back.
 *
 * Both functions are called live and on replay, and must give equal values then. A serdes that
 * stores elsewhere returns a pointer as its payload. `undefined` stands for no payload.
 * What they throw ends the invocation, which is then tried again.
 *
 * @example
 * ```ts
 * const base64: Serdes<Uint8Array> = {
 *   serialize: async (bytes) => (bytes === undefined ? undefined : Buffer.from(bytes).toString("base64")),
 *   deserialize: async (text) => (text === undefined ? undefined : Buffer.from(text, "base64")),
 * };
 * ```
 */
export interface Serdes<T> {
  serialize: (value: T | undefined, context: SerdesContext) => Promise<string | undefined>;
  deserialize: (data: string | undefined, context: SerdesContext) => Promise<T | undefined>;
}

/** A serdes of values that are not known when the code is written. */
// biome-ignore lint/suspicious/noExplicitAny: `unknown` would refuse every Serdes of a class, because T is an input, too.
export type AnySerdes = Serdes<any>;

/** The half that reads: what the results of callbacks need. */
export type AnySerdesDeserializer = Pick<AnySerdes, "deserialize">;

/** The serdes that a context and its children use when an operation is given none. */
export interface SerdesConfig {
  /** For the results of steps, child contexts, invokes and conditions. Default: JSON. */
  defaultSerdes?: AnySerdes;
  /** For the results of callbacks. Default: the text that was sent, whatever `defaultSerdes` is. */
  defaultCallbackDeserializer?: AnySerdesDeserializer;
}

/**
 * Values as JSON.
 *
 * `undefined`, functions and symbols have no payload and come back as `undefined`. As always with
 * JSON, a `Date` comes back as a string, an `Error` or a `Map` as an empty object.
 *
 * @throws TidemarkError `TIDEMARK_SERIALIZE` for a BigInt or a value that contains itself,
 * `TIDEMARK_DESERIALIZE` for a payload that is not JSON. Both as rejections.
 *
 * @example
 * ```ts
 * await defaultSerdes.serialize({ total: 3 }, { entityId: "1", durableExecutionArn: "arn" }); // '{"total":3}'
 * ```
 */
export const defaultSerdes: AnySerdes = Object.freeze({
  serialize: async (value: unknown) => serializeJson(value),
  deserialize: async (data: string | undefined) => deserializeJson(data),
});

/** True for {@link defaultSerdes} itself: its work can be done at once with {@link serializeJson} and {@link deserializeJson}. */
export function isDefaultSerdes(serdes: unknown): boolean {
  return serdes === defaultSerdes;
}

/** @throws TidemarkError `TIDEMARK_SERIALIZE`, naming the part of the value that JSON cannot carry. */
export function serializeJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw serializeError(value, error);
  }
}

/** @throws TidemarkError `TIDEMARK_DESERIALIZE` when the text is not JSON. */
export function deserializeJson(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new TidemarkError(
      "TIDEMARK_DESERIALIZE",
      `a payload of ${text.length} characters is not JSON (${(error as Error).message}): if another serdes wrote it, give that serdes to the operation`,
      { cause: error },
    );
  }
}

/**
 * JSON that comes back as an instance of a class.
 *
 * The instance is made by `new cls()`, then the recorded fields are assigned to it. `null` and
 * `undefined` come back as they are. Nested objects are plain objects; private `#fields` are not
 * recorded; the constructor runs at every replay and takes no arguments.
 *
 * @throws TidemarkError `TIDEMARK_SERDES_CONFIG` when `cls` is not a class; otherwise as {@link defaultSerdes}.
 *
 * @example
 * ```ts
 * class User {
 *   name = "";
 *   greet(): string {
 *     return `Hello, ${this.name}`;
 *   }
 * }
 * const userSerdes: Serdes<User> = createClassSerdes(User);
 * ```
 */
export function createClassSerdes<T extends object>(cls: new () => T): Serdes<T> {
  return classSerdes("createClassSerdes", cls, []);
}

/**
 * JSON that comes back as an instance of a class, with dates where the paths in `dateProps` lead.
 *
 * A path names fields from the instance on, joined by dots: `createdAt`, `metadata.publishedAt`,
 * `versions.0.at`. What a path does not find, or finds empty (`null`, `""`, 0), stays as it is.
 * Everything else is as in {@link createClassSerdes}.
 *
 * @throws TidemarkError `TIDEMARK_SERDES_CONFIG` when `cls` is not a class or `dateProps` not an array of strings.
 *
 * @example
 * ```ts
 * class Article {
 *   title = "";
 *   metadata = { publishedAt: new Date(0) };
 * }
 * const articleSerdes: Serdes<Article> = createClassSerdesWithDates(Article, ["metadata.publishedAt"]);
 * ```
 */
export function createClassSerdesWithDates<T extends object>(
  cls: new () => T,
  dateProps: string[],
): Serdes<T> {
  if (!Array.isArray(dateProps) || dateProps.some((path) => typeof path !== "string")) {
    throw new TidemarkError(
      "TIDEMARK_SERDES_CONFIG",
      `dateProps of createClassSerdesWithDates is ${valueText(dateProps)}: give an array of paths, for example ["createdAt"]`,
    );
  }
  return classSerdes("createClassSerdesWithDates", cls, dateProps);
}

function classSerdes<T extends object>(
  owner: string,
  cls: new () => T,
  dateProps: readonly string[],
): Serdes<T> {
  if (typeof cls !== "function") {
    throw new TidemarkError(
      "TIDEMARK_SERDES_CONFIG",
      `cls of ${owner} is ${valueText(cls)}: give a class whose constructor takes no arguments`,
    );
  }
  const datePaths = dateProps.map((path) => path.split("."));
  return {
    serialize: async (value) => serializeJson(value),
    deserialize: async (data) => {
      const fields = deserializeJson(data);
      // The cast says what the type cannot: a step that returned null gets null back, not an empty instance.
      if (fields === undefined || fields === null) return fields as undefined;
      const instance = new cls();
      assignFields(instance, fields);
      for (const path of datePaths) restoreDate(instance, path);
      return instance;
    },
  };
}

function assignFields(instance: object, fields: object): void {
  for (const [key, value] of Object.entries(fields)) {
    // Assigning to __proto__ would take the class away from the instance.
    if (key !== "__proto__") (instance as Record<string, unknown>)[key] = value;
  }
}

function restoreDate(instance: object, path: readonly string[]): void {
  let holder: unknown = instance;
  for (const key of path.slice(0, -1)) {
    if (!isObject(holder)) return;
    holder = holder[key];
  }
  const key = path.at(-1) as string;
  if (!isObject(holder) || !holder[key]) return;
  holder[key] = new Date(holder[key] as string | number);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function serializeError(value: unknown, cause: unknown): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_SERIALIZE",
    `${obstacle(value, cause)}; or give the operation a serdes that can`,
    {
      cause,
    },
  );
}

function obstacle(value: unknown, cause: unknown): string {
  const found = findObstacle(value);
  switch (found?.kind) {
    case "bigint":
      return `${found.path} is a BigInt, which JSON cannot carry: return a string or a number in its place`;
    case "cycle":
      return `${found.path} is ${found.target} again, and JSON cannot carry a value that contains itself: return only the fields that are needed`;
    default:
      return `the value cannot be written as JSON (${(cause as { message?: unknown }).message}): return plain data`;
  }
}

type Obstacle = { kind: "bigint"; path: string } | { kind: "cycle"; path: string; target: string };

/** Looks for what made `JSON.stringify` throw. Best effort: getters and `toJSON` may hide or make it. */
function findObstacle(root: unknown): Obstacle | undefined {
  const pathOf = new Map<unknown, string>();
  const visit = (value: unknown, path: string): Obstacle | undefined => {
    if (typeof value === "bigint") return { kind: "bigint", path };
    if (!isObject(value)) return undefined;
    const target = pathOf.get(value);
    if (target !== undefined) return { kind: "cycle", path, target };
    if (typeof value.toJSON === "function") return undefined;
    pathOf.set(value, path);
    for (const [key, part] of Object.entries(value)) {
      const found = visit(part, Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`);
      if (found !== undefined) return found;
    }
    // Only ancestors count: JSON can carry one object in two places.
    pathOf.delete(value);
    return undefined;
  };
  try {
    return visit(root, "value");
  } catch {
    return undefined;
  }
}
