/**
 * Owns the form of texts that stand for a payload: kept elsewhere, encoded, or escaped.
 *
 * Wherever a record has a text (an input, a result, error data), it may have such a stand-in. To the
 * log and the state machine it is a text like any other.
 */

import { TidemarkError } from "./errors.js";

const PREFIX = "tidemark-payload:";
const VERSION = 1;
const MARK = `${PREFIX}${VERSION}:`;

/** Marks a wrapped handler that reads stand-ins itself, when it needs the text. Others are given the texts. */
export const READS_STAND_INS: unique symbol = Symbol.for("tidemark.reads-stand-ins");

/** A payload that is kept in a payload store. */
export interface PayloadPointer {
  /** Name of the object in the payload store. */
  readonly key: string;
  /** Size of the object in bytes. */
  readonly bytes: number;
  /** SHA-256 of the object, base64url. */
  readonly hash: string;
  /** Names of the codecs that made the object, the first first. */
  readonly codecs?: readonly string[];
  /** What the payload is, for people and lists: see `PayloadSummary` in the store package. */
  readonly summary?: unknown;
}

/** What stands for a text. */
export type PayloadStandIn =
  | { readonly kind: "pointer"; readonly pointer: PayloadPointer }
  /** Encoded, and small enough for the log. `data` is base64. */
  | { readonly kind: "encoded"; readonly data: string; readonly codecs: readonly string[] }
  /** A text that looks like a stand-in. */
  | { readonly kind: "escaped"; readonly text: string };

/** True for a stand-in of any version. */
export function isStandIn(text: string | undefined): text is string {
  return text?.startsWith(PREFIX) === true;
}

/** The stand-in as text. */
export function formatStandIn(standIn: PayloadStandIn): string {
  return MARK + JSON.stringify(standIn);
}

/** @throws TidemarkError `TIDEMARK_PAYLOAD_FORMAT` for a stand-in of a newer version, and for a damaged one. */
export function parseStandIn(text: string): PayloadStandIn {
  if (!text.startsWith(MARK)) {
    throw new TidemarkError(
      "TIDEMARK_PAYLOAD_FORMAT",
      `a payload was written in a newer format (${JSON.stringify(text.slice(0, 40))}); upgrade the process that reads it`,
    );
  }
  try {
    return JSON.parse(text.slice(MARK.length)) as PayloadStandIn;
  } catch (cause) {
    throw new TidemarkError(
      "TIDEMARK_PAYLOAD_FORMAT",
      "a payload's pointer is damaged; restore the store from a backup",
      { cause },
    );
  }
}
