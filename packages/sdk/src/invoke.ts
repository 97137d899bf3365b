/** Owns chained invokes: another function is run and its outcome is this operation's. */

import type { Operation } from "@tidemark/protocol";
import { errorFromObject, InvokeError } from "./errors.js";
import type { LiveOperation, OperationKind, Settled } from "./lifecycle.js";
import { readValue, serialize } from "./payload.js";
import { type AnySerdes, isDefaultSerdes, type Serdes, serializeJson } from "./serdes.js";

export interface InvokeConfig<I, O> {
  /** Serializes the input. Default: the context's serdes, else JSON. */
  payloadSerdes?: Serdes<I>;
  /** Reads the result. Default: the context's serdes, else JSON. */
  resultSerdes?: Serdes<O>;
  /** Tenant of a function with tenant isolation. */
  tenantId?: string;
}

interface InvokeSpec {
  readonly name: string | undefined;
  readonly functionName: string;
  readonly input: unknown;
  readonly tenantId: string | undefined;
  readonly payloadSerdes: AnySerdes;
  readonly resultSerdes: AnySerdes;
}

export class InvokeKind<T> implements OperationKind<T> {
  readonly type = "CHAINED_INVOKE";
  readonly subType = "ChainedInvoke";
  readonly isContext = false;
  readonly name: string | undefined;
  readonly #spec: InvokeSpec;
  /** Written at the call, so that an input that JSON cannot hold throws there. */
  readonly #json: string | undefined;
  #operation!: LiveOperation<T>;

  constructor(spec: InvokeSpec) {
    this.name = spec.name;
    this.#spec = spec;
    this.#json = isDefaultSerdes(spec.payloadSerdes) ? serializeJson(spec.input) : undefined;
  }

  begin(operation: LiveOperation<T>, record: Operation | undefined): void {
    this.#operation = operation;
    if (record !== undefined) return this.progress(operation);
    if (isDefaultSerdes(this.#spec.payloadSerdes)) return this.#start(this.#json);
    const written = Promise.resolve(serialize(operation, this.#spec.payloadSerdes, this.#spec.input));
    operation.engine.pauseFor(written).then(
      (text) => this.#start(text),
      (error: unknown) => operation.engine.fail(error),
    );
  }

  #start(payload: string | undefined): void {
    const { functionName, tenantId } = this.#spec;
    const ChainedInvokeOptions =
      tenantId === undefined
        ? { FunctionName: functionName }
        : { FunctionName: functionName, TenantId: tenantId };
    const Payload = payload === undefined ? {} : { Payload: payload };
    this.#operation.update("START", { ...Payload, ChainedInvokeOptions }, true);
  }

  progress(operation: LiveOperation<T>): void {
    operation.engine.wait(operation, undefined);
  }

  read(record: Operation, operation: LiveOperation<T>): Settled<T> | Promise<Settled<T>> {
    const { Result, Error: error } = record.ChainedInvokeDetails ?? {};
    if (record.Status === "SUCCEEDED") return readValue(operation, this.#spec.resultSerdes, Result);
    const message = error?.ErrorMessage ?? `the invoked function ended as ${record.Status}`;
    return { ok: false, error: new InvokeError(message, errorFromObject(error), error?.ErrorData) };
  }
}
