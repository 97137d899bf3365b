/** Owns what the processes of `sqlite-processes.test.ts` write to. */

/** Everybody appends to this one, without a lease. */
export const CONTESTED = "contested";

/** These are appended to under a lease. */
export const LEASED = ["leased-1", "leased-2", "leased-3"];
