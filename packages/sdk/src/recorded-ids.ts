/**
 * Owns the ids under which operations are recorded.
 *
 * In stores of Tidemark an id is the position itself: `3-1-2`. The managed service takes at most 64 characters, which a
 * deep position exceeds, and it may hold what AWS's SDK has begun: there an id is the hash that AWS's SDK sends, so that
 * either SDK goes on with what the other has recorded.
 */

import { createRequire } from "node:module";

/** Gives the id of a position. */
export type IdOf = (position: string) => string;

export const positionItself: IdOf = (position) => position;

/**
 * Loaded at the first hash: stores of Tidemark need none, and as an import it is a third of what loading the SDK takes,
 * which every cold start pays. The path is any that is absolute: only a module of Node's own is asked for.
 */
let crypto: typeof import("node:crypto") | undefined;

function loadedCrypto(): typeof import("node:crypto") {
  crypto ??= createRequire(process.execPath)("node:crypto") as typeof import("node:crypto");
  return crypto;
}

/** The first 16 digits of the MD5 hash: no secret, only short. Source: AWS SDK 2.4. */
export const hashedPosition: IdOf = (position) =>
  loadedCrypto().createHash("md5").update(position).digest("hex").slice(0, 16);
