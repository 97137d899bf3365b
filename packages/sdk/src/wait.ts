/** Owns waits: time that passes without compute. */

import type { Operation } from "@tidemark/protocol";
import type { LiveOperation, OperationKind, Settled } from "./lifecycle.js";

export class WaitKind implements OperationKind<void> {
  readonly type = "WAIT";
  readonly subType = "Wait";
  readonly isContext = false;
  readonly name: string | undefined;
  readonly #seconds: number;

  constructor(name: string | undefined, seconds: number) {
    this.name = name;
    this.#seconds = seconds;
  }

  begin(operation: LiveOperation<void>, record: Operation | undefined): void {
    if (record === undefined)
      operation.update("START", { WaitOptions: { WaitSeconds: this.#seconds } }, true);
    else this.progress(operation, record);
  }

  progress(operation: LiveOperation<void>, record: Operation): void {
    operation.engine.wait(operation, record.WaitDetails?.ScheduledEndTimestamp?.getTime());
  }

  read(): Settled<void> {
    return { ok: true, value: undefined };
  }
}
