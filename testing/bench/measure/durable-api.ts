/**
 * Owns the backend for an SDK on its own: the two calls of the Lambda durable API, answered at once
 * from memory.
 *
 * Answers are right (every operation that a request touches, with status, attempts, times and
 * results), and as cheap as they can be: no validation, no log, no tokens. So what is measured is the SDK.
 */

interface Update {
  readonly Id: string;
  readonly ParentId?: string;
  readonly Name?: string;
  readonly Type: string;
  readonly SubType?: string;
  readonly Action: string;
  readonly Payload?: string;
  readonly Error?: object;
  readonly WaitOptions?: { readonly WaitSeconds: number };
}

export interface BackendOperation {
  Id: string;
  Type: string;
  Status: string;
  StartTimestamp: Date;
  EndTimestamp?: Date;
  ParentId?: string | undefined;
  Name?: string | undefined;
  SubType?: string | undefined;
  ExecutionDetails?: { InputPayload: string };
  StepDetails?: object;
  ContextDetails?: object;
  WaitDetails?: object;
  CallbackDetails?: object;
}

export class DurableApi {
  readonly #operations = new Map<string, Map<string, BackendOperation>>();
  #callbacks = 0;
  #nowMs = 0;

  /** The event of the first or next invocation of an execution. */
  event(arn: string) {
    let operations = this.#operations.get(arn);
    if (operations === undefined) {
      const execution = {
        Id: arn,
        Type: "EXECUTION",
        Status: "STARTED",
        StartTimestamp: new Date(),
        ExecutionDetails: { InputPayload: "{}" },
      };
      operations = new Map([[arn, execution]]);
      this.#operations.set(arn, operations);
    }
    return {
      DurableExecutionArn: arn,
      CheckpointToken: "token",
      InitialExecutionState: { Operations: [...operations.values()] },
    };
  }

  /** Settles whatever callbacks are open, as their caller would. */
  completeCallbacks(arn: string): void {
    for (const operation of this.#operations.get(arn)?.values() ?? []) {
      if (operation.Type !== "CALLBACK") continue;
      operation.Status = "SUCCEEDED";
      this.#nextRequest();
      operation.EndTimestamp = new Date(this.#nowMs);
      operation.CallbackDetails = { ...operation.CallbackDetails, Result: "{}" };
    }
  }

  forget(arn: string): void {
    this.#operations.delete(arn);
  }

  async checkpoint(request: { DurableExecutionArn?: unknown; Updates?: readonly unknown[] | undefined }) {
    const operations = this.#operations.get(request.DurableExecutionArn as string);
    if (operations === undefined) throw new Error(`no execution ${request.DurableExecutionArn}`);
    const changed = new Map<string, BackendOperation>();
    this.#nextRequest();
    for (const update of (request.Updates ?? []) as readonly Update[]) {
      const operation = this.#after(update, operations.get(update.Id));
      operations.set(update.Id, operation);
      changed.set(update.Id, operation);
    }
    return { CheckpointToken: "token", NewExecutionState: { Operations: [...changed.values()] } };
  }

  async getExecutionState(): Promise<{ Operations: never[] }> {
    return { Operations: [] };
  }

  /** Two requests never share a millisecond, as over a network they would not. */
  #nextRequest(): void {
    this.#nowMs = Math.max(Date.now(), this.#nowMs + 1);
  }

  #after(update: Update, current: BackendOperation | undefined): BackendOperation {
    if (update.Action === "START") return this.#started(update);
    if (update.Action !== "SUCCEED") throw new Error(`${update.Action} is not part of these workloads`);
    const operation: BackendOperation = {
      ...(current ?? this.#started(update)),
      Status: "SUCCEEDED",
      EndTimestamp: new Date(this.#nowMs),
    };
    if (update.Type === "STEP") operation.StepDetails = { Attempt: 1, Result: update.Payload };
    else operation.ContextDetails = { Result: update.Payload };
    return operation;
  }

  #started(update: Update): BackendOperation {
    const operation: BackendOperation = {
      Id: update.Id,
      ParentId: update.ParentId,
      Name: update.Name,
      Type: update.Type,
      SubType: update.SubType,
      Status: "STARTED",
      StartTimestamp: new Date(this.#nowMs),
    };
    switch (update.Type) {
      case "STEP":
        operation.StepDetails = { Attempt: 0 };
        break;
      case "CONTEXT":
        operation.ContextDetails = {};
        break;
      case "WAIT":
        operation.WaitDetails = {
          ScheduledEndTimestamp: new Date(this.#nowMs + (update.WaitOptions?.WaitSeconds as number) * 1000),
        };
        break;
      case "CALLBACK":
        operation.CallbackDetails = { CallbackId: `callback-${this.#callbacks++}` };
        break;
    }
    return operation;
  }
}
