/**
 * Owns previews: the small, readable extract of a value that is shown where its payload is not.
 *
 * A preview is for people. Nothing reads it back, so it may lose structure, but it must not show
 * what a configuration hides.
 *
 * 1. A field that is excluded is not shown, nor anything below it, whatever else selects it.
 * 2. A field that is masked shows the mask and nothing below it, unless it is excluded.
 * 3. Values are copied into new plain objects; nothing of the original is shared.
 */

import { TidemarkError } from "@tidemark/protocol";
import { valueText } from "./duration.js";

/** Where a field's name must be found. */
// biome-ignore lint/style/noEnum: a public name of the AWS SDK, which code uses as an enum.
export enum FieldMatchMode {
  /** As the name of any field at any depth. The default. */
  ANYWHERE = "ANYWHERE",
  /** As the path from the root, joined by dots: `email` is the root's field, `user.email` the user's. */
  PATH = "PATH",
}

/** What is shown before `include`, `exclude` and `mask` are considered. */
// biome-ignore lint/style/noEnum: a public name of the AWS SDK, which code uses as an enum.
export enum PreviewMode {
  /** Everything. */
  INCLUDE_ALL = "INCLUDE_ALL",
  /** Nothing. */
  EXCLUDE_ALL = "EXCLUDE_ALL",
}

/** Selects fields by name or by path. A name with a dot in it selects nothing unless `match` is `PATH`. */
export interface PreviewField {
  name: string;
  /** Default `FieldMatchMode.ANYWHERE`. */
  match?: FieldMatchMode;
}

/** What {@link buildPreview} shows. */
export interface PreviewConfig {
  mode: PreviewMode;
  /** Shown in mode `EXCLUDE_ALL`: with `ANYWHERE` the field and all below it, with `PATH` only that value. */
  include?: PreviewField[];
  /** Not shown in either mode. Stronger than `include` and `mask`. */
  exclude?: PreviewField[];
  /** Shown in either mode, as `maskString`. */
  mask?: PreviewField[];
  /** Default `"***"`. */
  maskString?: string;
  /** Size at which the preview ends, in bytes of UTF-8 JSON. Default 4096. */
  maxPreviewBytes?: number;
}

const DEFAULT_MAX_PREVIEW_BYTES = 4096;

/** Names that would reach a prototype instead of making a field. */
const UNSAFE_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/**
 * An extract of `value` by the rules of `config`, or `undefined` when nothing is to be shown.
 *
 * Fields are taken in their own order until the next one would exceed `maxPreviewBytes`; the rest
 * is left out. The elements of an array are merged into one object at the array's place, a later
 * element's field replacing an earlier one's. Left out are: fields whose name contains a dot (a dot
 * separates a path), values that JSON does not carry, primitive elements of arrays, and objects
 * without fields, such as a `Date`. Source: AWS durable execution SDK 2.4.0.
 *
 * @throws TidemarkError `TIDEMARK_PREVIEW_CONFIG` when a list contains something without a name,
 * which would otherwise hide or mask nothing.
 *
 * @example
 * ```ts
 * buildPreview(
 *   { id: "order-1", user: { name: "Ann", email: "ann@example.org" } },
 *   { mode: PreviewMode.EXCLUDE_ALL, include: [{ name: "id" }], mask: [{ name: "email" }] },
 * ); // { id: "order-1", user: { email: "***" } }
 * ```
 */
export function buildPreview(value: unknown, config: PreviewConfig): Record<string, unknown> | undefined {
  const preview = new Preview(config);
  preview.visit(value, "", false);
  return preview.fields;
}

class Preview {
  fields: Record<string, unknown> | undefined;
  readonly #showsAll: boolean;
  readonly #include: Matcher;
  readonly #exclude: Matcher;
  readonly #mask: Matcher;
  readonly #maskString: string;
  readonly #maxBytes: number;
  /** The objects that lead to the one being visited: a value that contains itself is not followed. */
  readonly #ancestors = new Set<object>();
  /** The braces. */
  #bytes = 2;

  constructor(config: PreviewConfig) {
    // An unknown mode shows the least.
    this.#showsAll = config.mode === PreviewMode.INCLUDE_ALL;
    this.#include = matcherOf("include", config.include);
    this.#exclude = matcherOf("exclude", config.exclude);
    this.#mask = matcherOf("mask", config.mask);
    this.#maskString = config.maskString ?? "***";
    this.#maxBytes = config.maxPreviewBytes ?? DEFAULT_MAX_PREVIEW_BYTES;
  }

  /** Takes what is to be shown below `value`. False when the preview is full and nothing more is taken. */
  visit(value: unknown, path: string, isIncluded: boolean): boolean {
    if (typeof value !== "object" || value === null || this.#ancestors.has(value)) return true;
    this.#ancestors.add(value);
    const goesOn = Array.isArray(value)
      ? value.every((element) => this.visit(element, path, isIncluded))
      : Object.entries(value).every(([key, part]) => this.#visitField(key, part, path, isIncluded));
    this.#ancestors.delete(value);
    return goesOn;
  }

  #visitField(key: string, value: unknown, parentPath: string, isParentIncluded: boolean): boolean {
    if (key.includes(".") || UNSAFE_KEYS.has(key)) return true;
    const path = parentPath === "" ? key : `${parentPath}.${key}`;
    if (matches(this.#exclude, key, path)) return true;
    if (matches(this.#mask, key, path)) return this.#take(path, this.#maskString);
    // A name selects all that is below it; a path selects one value, so it is not handed down.
    const isIncluded = isParentIncluded || this.#showsAll || this.#include.names.has(key);
    if (typeof value === "object" && value !== null) return this.visit(value, path, isIncluded);
    return isIncluded || this.#include.paths.has(path) ? this.#take(path, value) : true;
  }

  #take(path: string, value: unknown): boolean {
    const json = jsonOf(value);
    if (json === undefined) return true;
    // Counted flat, as `"path":value,` with the path unescaped: near the size of the nested JSON, and cheap.
    this.#bytes += Buffer.byteLength(path) + Buffer.byteLength(json) + 4;
    if (this.#bytes > this.#maxBytes) return false;
    this.fields ??= {};
    setField(this.fields, path.split("."), value);
    return true;
  }
}

interface Matcher {
  readonly names: ReadonlySet<string>;
  readonly paths: ReadonlySet<string>;
}

function matcherOf(list: string, fields: readonly PreviewField[] | undefined): Matcher {
  const names = new Set<string>();
  const paths = new Set<string>();
  for (const field of fields ?? []) {
    if (typeof field?.name !== "string") {
      throw new TidemarkError(
        "TIDEMARK_PREVIEW_CONFIG",
        `${list} of the preview contains ${valueText(field)}: give objects with a name, for example { name: "email" }`,
      );
    }
    (field.match === FieldMatchMode.PATH ? paths : names).add(field.name);
  }
  return { names, paths };
}

function matches(matcher: Matcher, key: string, path: string): boolean {
  return matcher.names.has(key) || matcher.paths.has(path);
}

function setField(fields: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let holder = fields;
  for (const key of path.slice(0, -1)) {
    const next = Object.hasOwn(holder, key) ? holder[key] : undefined;
    if (typeof next === "object" && next !== null) {
      holder = next as Record<string, unknown>;
    } else {
      const made: Record<string, unknown> = {};
      holder[key] = made;
      holder = made;
    }
  }
  holder[path.at(-1) as string] = value;
}

/** The JSON of a primitive, or `undefined` when JSON does not carry it. */
function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}
