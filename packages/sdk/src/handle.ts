/** Owns what the engine asks of an operation. */

import type { Operation } from "@tidemark/protocol";
import type { Delivery } from "./deliveries.js";

/** An operation that the code has asked for in this invocation. */
export interface Handle {
  readonly id: string;
  /** What the log says of it, as far as it is known here. The engine keeps it up to date. */
  record: Operation | undefined;
  /** False once an ancestor has ended: nothing more is delivered. */
  isLive(): boolean;
  /**
   * Gives a recorded outcome to whoever waits for it. Gives true when code of the user may run
   * now, and a promise when reading the outcome takes time.
   */
  deliver(kind: Delivery["kind"], isNew: boolean): boolean | Promise<boolean>;
  /** The operation has changed and has not settled. */
  progress(operation: Operation): void;
}
