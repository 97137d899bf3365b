/**
 * Owns how a text becomes an attribute, compressed when that saves write units, and how large items are. Pure.
 *
 * A string attribute is the text itself. A binary one begins with a byte that says what follows: compressed
 * UTF-8, or UTF-16 code units for a text that has halves of surrogate pairs, which UTF-8 cannot hold.
 */

import { promisify } from "node:util";
import { deflateRaw, inflateRawSync } from "node:zlib";
import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { packingError } from "./store-errors.js";

export type Item = Record<string, AttributeValue>;

/** Source: DynamoDB limits, an item has at most 400 KB with the names of its attributes. */
export const MAX_ITEM_BYTES = 400 * 1024;

/** Source: DynamoDB capacity, a write unit takes 1 KB. */
const WRITE_UNIT_BYTES = 1024;

/** Below this, compressing costs more time than a write unit is worth, and people can read the table. */
const COMPRESS_FROM_BYTES = 3 * 1024;

/** What an attribute is unpacked to at most: far above what any caller writes. */
const MAX_TEXT_BYTES = 256 * 1024 * 1024;

const DEFLATED_UTF8 = 1;
const UTF16 = 2;

const compress = promisify(deflateRaw);

// Node.js 20 has `isWellFormed`; the declarations of ES2023 do not.
interface WellFormed {
  isWellFormed(): boolean;
}

/**
 * `beside`: the rest of the item, whose size decides whether a unit is saved. Most texts are small and are there at
 * once: a turn through the queue of microtasks costs more after every answer of the network than anywhere else.
 */
export function textAttribute(text: string, beside: Item): AttributeValue | Promise<AttributeValue> {
  if (!(text as unknown as WellFormed).isWellFormed())
    return { B: tagged(UTF16, Buffer.from(text, "utf16le")) };
  if (!isLongerThan(text, COMPRESS_FROM_BYTES)) return { S: text };
  return compressed(text, Buffer.byteLength(text), itemBytes(beside));
}

/** In UTF-8. What is short is not counted: a code unit takes at most three bytes. */
export function isLongerThan(text: string, bytes: number): boolean {
  return text.length * 3 > bytes && Buffer.byteLength(text) > bytes;
}

async function compressed(text: string, bytes: number, besideBytes: number): Promise<AttributeValue> {
  const packed = tagged(DEFLATED_UTF8, await compress(text));
  const saves = writeUnits(packed.length + besideBytes) < writeUnits(bytes + besideBytes);
  return saves ? { B: packed } : { S: text };
}

/**
 * The text of an attribute; `undefined` when there is none.
 *
 * @throws Error when it cannot be unpacked, TidemarkError `TIDEMARK_STORE_VERSION` when a newer version packed it.
 */
export function textOf(attribute: AttributeValue | undefined): string | undefined {
  if (attribute?.S !== undefined) return attribute.S;
  if (attribute?.B === undefined) return undefined;
  const [tag] = attribute.B;
  const body = Buffer.from(attribute.B.buffer, attribute.B.byteOffset + 1, attribute.B.byteLength - 1);
  if (tag === UTF16) return body.toString("utf16le");
  if (tag === DEFLATED_UTF8) return inflateRawSync(body, { maxOutputLength: MAX_TEXT_BYTES }).toString();
  throw packingError(tag);
}

export function numberOf(attribute: AttributeValue | undefined): number | undefined {
  return attribute?.N === undefined ? undefined : Number(attribute.N);
}

function writeUnits(bytes: number): number {
  return Math.ceil(bytes / WRITE_UNIT_BYTES);
}

/** Source: DynamoDB item sizes. Of a number the upper bound of its size, 21 bytes. */
export function itemBytes(item: Item): number {
  let bytes = 0;
  for (const [name, { S, B }] of Object.entries(item)) {
    bytes += Buffer.byteLength(name);
    if (S !== undefined) bytes += Buffer.byteLength(S);
    else if (B !== undefined) bytes += B.byteLength;
    else bytes += MAX_NUMBER_BYTES;
  }
  return bytes;
}

const MAX_NUMBER_BYTES = 21;

function tagged(tag: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(body.length + 1);
  bytes[0] = tag;
  bytes.set(body, 1);
  return bytes;
}
