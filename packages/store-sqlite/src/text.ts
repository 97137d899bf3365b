/**
 * Owns how text is written, so that every string comes back as it was.
 *
 * The binding ends a text at its first NUL and replaces halves of surrogate pairs. A string that
 * has either is written as a blob of its UTF-16 code units; all others are text, readable with any
 * SQLite tool. One string always has one form, so keys and filters compare.
 */

/** Text as the file holds it. */
export type StoredText = string | Uint8Array;

// Node.js 20 has `isWellFormed`; the declarations of ES2023 do not.
interface WellFormed {
  isWellFormed(): boolean;
}

export function storedText(text: string): StoredText {
  if (!text.includes("\0") && (text as unknown as WellFormed).isWellFormed()) return text;
  return Buffer.from(text, "utf16le");
}

export function textOf(stored: StoredText): string {
  return typeof stored === "string" ? stored : Buffer.from(stored).toString("utf16le");
}

/** The same for what may be absent, which is NULL. */
export function storedTextOrNull(text: string | undefined): StoredText | null {
  return text === undefined ? null : storedText(text);
}
