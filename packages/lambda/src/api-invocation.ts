/**
 * Owns one invocation of a function as the API sees it: what goes into it, and the two calls that it makes until it
 * has ended.
 *
 * 1. A token is good for one checkpoint, and only the newest is (invariant 3). The same request again, with the same
 *    `ClientToken`, gets the same answer: its first answer was lost.
 * 2. A checkpoint of the EXECUTION ends the invocation, whatever the function answers afterwards.
 */

import {
  type CheckpointDurableExecutionResponse,
  type DurableExecutionClient,
  type DurableExecutionInvocationInput,
  type DurableExecutionInvocationInputWithClient,
  type DurableExecutionInvocationOutput,
  InvocationStatus,
  isSettled,
  type OperationUpdate,
  type WireOperation,
} from "@tidemark/protocol";
import { invalid, invalidToken } from "./api-errors.js";
import { itemsOf, MAX_PAGE_BYTES, marker, type PageLimits, pageOf, readMarker } from "./api-pages.js";
import { wireOperation, wireUpdate } from "./api-shapes.js";

/** A request for a checkpoint, as it comes: nothing of it has been checked. */
export interface CheckpointRequest {
  readonly CheckpointToken?: unknown;
  readonly ClientToken?: unknown;
  readonly Updates?: unknown;
}

interface ServedInvocationOptions {
  readonly event: DurableExecutionInvocationInputWithClient;
  /** What goes into the event; the rest is fetched. */
  readonly firstPage: PageLimits;
  /** The function that a chained invoke means: names of functions come with qualifiers and as ARNs. */
  readonly functionNameOf: (name: string) => Promise<string>;
}

/** A checkpoint: what was asked for, and the answer. */
export interface Answered {
  readonly token: unknown;
  readonly clientToken: unknown;
  readonly answer: Promise<CheckpointDurableExecutionResponse>;
}

/** True for a request that is made again because its first answer was lost. */
export function isRepeated(answered: Answered | undefined, request: CheckpointRequest): answered is Answered {
  const { CheckpointToken, ClientToken } = request;
  if (typeof ClientToken !== "string" || ClientToken === "") return false;
  return answered?.clientToken === ClientToken && answered.token === CheckpointToken;
}

/** Source: Lambda API, `OperationUpdate`. */
const ID = /^[a-zA-Z0-9_-]{1,64}$/;
const NAME = /^[\x20-\x7e]{1,256}$/;

const STATE = "state";

export class ServedInvocation {
  /** Settles when a checkpoint has ended the execution. */
  readonly ended: Promise<DurableExecutionInvocationOutput>;
  readonly #options: ServedInvocationOptions;
  readonly #client: DurableExecutionClient;
  /** What can bring the execution on when the function suspends. */
  readonly #waiting = new Set<string>();
  #end!: (output: DurableExecutionInvocationOutput) => void;
  /** The state as the newest token shows it. */
  #state: { readonly token: string; readonly operations: readonly WireOperation[] };
  #token: string;
  #last: Answered | undefined;
  #isClosed = false;
  #ending: Answered | undefined;

  constructor(options: ServedInvocationOptions) {
    const { event } = options;
    this.#options = options;
    this.#client = event.durableExecutionClient;
    this.#token = event.CheckpointToken;
    this.#state = {
      token: this.#token,
      operations: event.InitialExecutionState.Operations.map(wireOperation),
    };
    this.#seen(this.#state.operations);
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** The checkpoint that has ended the execution, if one has. */
  get ending(): Answered | undefined {
    return this.#ending;
  }

  /** The event of the invocation, as plain JSON. */
  input(): DurableExecutionInvocationInput {
    const { event, firstPage } = this.#options;
    const { page, next } = pageOf(this.#state.operations, 0, firstPage);
    return throughJson({
      DurableExecutionArn: event.DurableExecutionArn,
      CheckpointToken: this.#token,
      UpdatedOperationIds: event.UpdatedOperationIds ?? [],
      InitialExecutionState: {
        Operations: [...page],
        ...(next === undefined ? {} : { NextMarker: marker(STATE, next) }),
      },
    });
  }

  checkpoint(request: CheckpointRequest): Promise<CheckpointDurableExecutionResponse> {
    const { CheckpointToken: token, ClientToken: clientToken } = request;
    if (isRepeated(this.#last, request)) return this.#last.answer;
    if (this.#isClosed || token !== this.#token) return Promise.reject(invalidToken());
    const answer = this.#checkpoint(request);
    this.#last = { token, clientToken, answer };
    answer.catch(() => {
      // What was refused or could not be written may be asked for again, with the same token.
      if (this.#last?.answer === answer) this.#last = undefined;
    });
    return answer;
  }

  async #checkpoint({ Updates }: CheckpointRequest): Promise<CheckpointDurableExecutionResponse> {
    const updates = await this.#updates(Updates ?? []);
    const end = updates.at(-1)?.Type === "EXECUTION" ? updates.pop() : undefined;
    const response = await this.#client.checkpoint({
      DurableExecutionArn: this.#options.event.DurableExecutionArn,
      CheckpointToken: this.#token,
      Updates: updates,
    });
    const Operations = (response.NewExecutionState?.Operations ?? []).map(wireOperation);
    this.#token = response.CheckpointToken as string;
    this.#seen(Operations);
    if (end === undefined) return { CheckpointToken: this.#token, NewExecutionState: { Operations } };
    this.close();
    this.#ending = this.#last;
    this.#end(outputOf(end));
    // No token: there is nothing more to record.
    return { NewExecutionState: { Operations } };
  }

  /** A page of the state that the token stands for. */
  async state(
    query: URLSearchParams,
  ): Promise<{ Operations: readonly WireOperation[]; NextMarker?: string }> {
    if (this.#isClosed || query.get("CheckpointToken") !== this.#token) throw invalidToken();
    const items = itemsOf(query.get("MaxItems"));
    const from = readMarker(STATE, query.get("Marker")) ?? 0;
    if (this.#state.token !== this.#token) {
      const { Operations = [] } = await this.#client.getExecutionState({
        DurableExecutionArn: this.#options.event.DurableExecutionArn,
        CheckpointToken: this.#token,
      });
      this.#state = { token: this.#token, operations: Operations.map(wireOperation) };
    }
    const { page, next } = pageOf(this.#state.operations, from, { items, bytes: MAX_PAGE_BYTES });
    return { Operations: page, ...(next === undefined ? {} : { NextMarker: marker(STATE, next) }) };
  }

  /** From now on no token is good. What has been answered may be asked for again. */
  close(): void {
    this.#isClosed = true;
    this.#state = { token: "", operations: [] };
  }

  /** What the function has answered. One that suspends without waiting for anything would never go on. */
  checked(output: DurableExecutionInvocationOutput): DurableExecutionInvocationOutput {
    if (Object(output).Status !== InvocationStatus.PENDING || this.#waiting.size > 0) return output;
    return {
      Status: InvocationStatus.FAILED,
      Error: {
        ErrorType: "InvalidParameterValueException",
        ErrorMessage: "Cannot return PENDING status with no pending operations.",
      },
    };
  }

  #seen(operations: readonly WireOperation[]): void {
    for (const operation of operations) {
      const id = operation.Id as string;
      if (canWait(operation)) this.#waiting.add(id);
      else this.#waiting.delete(id);
    }
  }

  async #updates(given: unknown): Promise<OperationUpdate[]> {
    if (!Array.isArray(given)) throw invalid("Updates is not a list");
    const updates = given.map(wireUpdate);
    for (const [index, update] of updates.entries()) {
      const { Id, Name, Type, ChainedInvokeOptions } = update;
      if (typeof Id !== "string" || !ID.test(Id)) {
        throw invalid(`Updates[${index}].Id must match ${ID.source}`);
      }
      if (Name !== undefined && !NAME.test(Name)) {
        throw invalid(`operation ${Id}: Name must match ${NAME.source}`);
      }
      if (Type === "EXECUTION" && index < updates.length - 1) {
        throw invalid("EXECUTION checkpoint must be the last update.");
      }
      if (ChainedInvokeOptions?.FunctionName !== undefined) {
        ChainedInvokeOptions.FunctionName = await this.#options.functionNameOf(
          ChainedInvokeOptions.FunctionName,
        );
      }
    }
    return updates;
  }
}

/** True for what time or others bring on: a wait, a step between attempts, a callback, a chained invoke. */
function canWait(operation: WireOperation): boolean {
  if (isSettled(operation)) return false;
  if (operation.Type === "STEP") return operation.Status === "PENDING" || operation.Status === "READY";
  return operation.Type === "WAIT" || operation.Type === "CALLBACK" || operation.Type === "CHAINED_INVOKE";
}

function outputOf({ Action, Payload, Error: error }: OperationUpdate): DurableExecutionInvocationOutput {
  if (Action === "FAIL") return { Status: InvocationStatus.FAILED, Error: error ?? {} };
  return { Status: InvocationStatus.SUCCEEDED, ...(Payload === undefined ? {} : { Result: Payload }) };
}

function throughJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
