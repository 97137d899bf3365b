/**
 * Owns how the payloads of updates are recorded.
 *
 * The state of a session has stand-ins only. What an invocation has written itself it is given back
 * as it was, without reading it again.
 */

import type { ErrorObject, OperationUpdate, PayloadReader } from "@tidemark/protocol";
import { KnownPayloads, type Payloads } from "@tidemark/store";

/** Updates as they are recorded, and the texts that stand-ins in them stand for. */
interface WrittenUpdates {
  readonly updates: readonly OperationUpdate[];
  readonly reader: PayloadReader | undefined;
}

/** Writes payloads for as long as a session lasts: a large one that comes twice is one object, written once. */
export class SessionPayloads {
  readonly #payloads: Payloads;
  readonly #executionId: string;
  readonly #known = new KnownPayloads();

  constructor(payloads: Payloads, executionId: string) {
    this.#payloads = payloads;
    this.#executionId = executionId;
  }

  /** Writes the payloads of updates; those without a large or encoded one come back as they are. */
  write(updates: readonly OperationUpdate[]): WrittenUpdates | Promise<WrittenUpdates> {
    const isPlain = updates.every(
      ({ Payload, PayloadSummary, Error: error }) =>
        PayloadSummary === undefined &&
        (Payload === undefined || this.#payloads.staysAsItIs(Payload)) &&
        (error === undefined || this.#payloads.staysAsItIs(error)),
    );
    return isPlain ? { updates, reader: undefined } : this.#writeAll(updates);
  }

  async #writeAll(updates: readonly OperationUpdate[]): Promise<WrittenUpdates> {
    const texts = new Map<string, string>();
    const errors = new Map<string, ErrorObject>();
    const write = (update: OperationUpdate): OperationUpdate | Promise<OperationUpdate> => {
      const { Payload, PayloadSummary, Error: error } = update;
      const payload = Payload === undefined ? undefined : this.#writeText(Payload, PayloadSummary);
      const failure = error === undefined ? undefined : this.#payloads.writeError(error, this.#executionId);
      if (payload === Payload && failure === error && PayloadSummary === undefined) return update;
      const put = (text: string | undefined, written: ErrorObject | undefined): OperationUpdate => {
        const { PayloadSummary: _words, ...copy } = update;
        if (text !== undefined) {
          copy.Payload = text;
          texts.set(text, Payload as string);
        }
        if (written !== undefined) {
          copy.Error = written;
          if (written.ErrorData !== undefined) errors.set(written.ErrorData, error as ErrorObject);
        }
        return copy;
      };
      if (!(payload instanceof Promise) && !(failure instanceof Promise)) return put(payload, failure);
      return Promise.all([payload, failure]).then(([text, written]) => put(text, written));
    };
    const written = updates.map(write);
    const recorded = written.some((update) => update instanceof Promise)
      ? await Promise.all(written)
      : (written as OperationUpdate[]);
    if (texts.size === 0 && errors.size === 0) return { updates: recorded, reader: undefined };
    const reader: PayloadReader = {
      read: (text) => texts.get(text) ?? text,
      readError: (error) => errors.get(error.ErrorData ?? "") ?? error,
    };
    return { updates: recorded, reader };
  }

  #writeText(text: string, words: string | undefined): string | Promise<string> {
    return this.#payloads.write(text, this.#executionId, { words, known: this.#known });
  }
}
