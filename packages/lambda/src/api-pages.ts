/** Owns how long lists are cut into pages, and the markers between them. */

import { invalid } from "./api-errors.js";

/** Default and most of a page. Source: Lambda API, `MaxItems`. */
const DEFAULT_ITEMS = 100;
const MAX_ITEMS = 1000;

/** Less than an answer of Lambda may have. Source: Lambda invocation payload quota, 6 MB. */
export const MAX_PAGE_BYTES = 5 * 1024 * 1024;

export interface PageLimits {
  readonly items: number;
  readonly bytes: number;
}

/** `MaxItems` of a request; absent and 0 are the default. */
export function itemsOf(text: string | null): number {
  const items = Number(text ?? 0);
  if (!Number.isInteger(items) || items < 0 || items > MAX_ITEMS) {
    throw invalid(`MaxItems is ${text}; a whole number from 0 to ${MAX_ITEMS} is needed`);
  }
  return items === 0 ? DEFAULT_ITEMS : items;
}

/** As many as fit, at least one, and where to go on. */
export function pageOf<T>(
  all: readonly T[],
  from: number,
  { items, bytes }: PageLimits,
): { readonly page: readonly T[]; readonly next: number | undefined } {
  let end = from;
  let size = 0;
  while (end < all.length && end - from < items) {
    size += Buffer.byteLength(JSON.stringify(all[end]));
    if (end > from && size > bytes) break;
    end += 1;
  }
  return { page: all.slice(from, end), next: end < all.length ? end : undefined };
}

/** A marker that says of which list it is: one of another request is told apart. */
export function marker(list: string, position: number): string {
  return Buffer.from(`${list}:${position}`).toString("base64url");
}

/** @throws ApiError for a marker that is not of this list. */
export function readMarker(list: string, text: string | null | undefined): number | undefined {
  if (text === null || text === undefined || text === "") return undefined;
  const match = /^([a-z]+):(\d{1,9})$/.exec(Buffer.from(text, "base64url").toString());
  if (match?.[1] !== list) throw invalid("Invalid Marker: pass the NextMarker of the page before, unchanged");
  return Number(match[2]);
}
