/** Owns what a context passes on to the children created in it: serdes and logger. */

import type { DurableLogger } from "./logger.js";
import type { AnySerdes, AnySerdesDeserializer } from "./serdes.js";

export interface ContextSettings {
  readonly serdes: AnySerdes;
  /** Reads callback payloads; without one they are texts. */
  readonly callbackDeserializer: AnySerdesDeserializer | undefined;
  readonly logger: DurableLogger;
  /** Log lines of a replay are dropped. */
  readonly isModeAware: boolean;
}
