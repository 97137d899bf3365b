/**
 * Owns the cases that may fail, each with the reason why. At most {@link MAX_EXCEPTIONS} in a setting; one that
 * passes must leave the list.
 */

import type { PayloadsOptions } from "@tidemark/store";

/** 115 of the 118 cases at hand have to pass. */
export const MAX_EXCEPTIONS = 3;

export type Exceptions = Readonly<Record<string, string>>;

/** Without a payload store, and on any store that rebuilds the results of contexts as AWS's SDK does. */
export const EXCEPTIONS: Exceptions = {};

/** On stores with a payload store, by what becomes of the results of contexts over 256 KB. */
export const EXCEPTIONS_WITH_PAYLOADS: Readonly<
  Record<NonNullable<PayloadsOptions["contextResults"]>, Exceptions>
> = {
  rebuild: EXCEPTIONS,
  store: {
    "3-11":
      "it sees by a log line that the code of a context runs again for its result over 256 KB; here the result is read " +
      "from the payload store, and the code does not run again (decision 0029)",
  },
};
