/**
 * Owns what the engine tells plugins, and when it waits for them.
 *
 * Without plugins there is no observer and nothing is paid. Hooks are awaited; meanwhile nothing is
 * delivered to the code, so the order of what it sees does not change (invariant 14).
 */

import type { Operation } from "@tidemark/protocol";
import { operationInfo } from "./operation-info.js";
import type { AttemptInfo, OperationInfo } from "./plugin.js";
import type { PluginRunner } from "./plugin-runner.js";

interface PluginObserverOptions {
  readonly runner: PluginRunner;
  readonly executionArn: string;
  /** As they are when the invocation begins. */
  readonly operations: ReadonlyMap<string, Operation>;
  readonly updatedIds: ReadonlySet<string>;
  readonly childOperationsDepth: number;
}

export class PluginObserver {
  readonly runner: PluginRunner;
  /** How many levels of children stay in the state for plugins to see. */
  readonly childOperationsDepth: number;
  readonly wantsChanges: boolean;
  readonly wantsStarts: boolean;
  readonly wantsEnds: boolean;
  readonly wantsAttemptEnds: boolean;
  /** All operations as plugins see them; kept up to date one by one, never rebuilt. */
  readonly infos: Record<string, OperationInfo> = {};
  readonly #executionArn: string;

  constructor(options: PluginObserverOptions) {
    const { runner } = options;
    this.runner = runner;
    this.childOperationsDepth = options.childOperationsDepth;
    this.wantsChanges = true;
    this.wantsStarts = runner.has("onOperationStart");
    this.wantsEnds = runner.has("onOperationEnd");
    this.wantsAttemptEnds = runner.has("onOperationAttemptEnd");
    this.#executionArn = options.executionArn;
    for (const [id, operation] of options.operations) {
      this.infos[id] = operationInfo(operation, !options.updatedIds.has(id));
    }
  }

  started(operation: Operation, isReplay: boolean): Promise<void> {
    return this.runner.onOperationStart(operationInfo(operation, isReplay));
  }

  ended(operation: Operation, isReplay: boolean): Promise<void> {
    return this.runner.onOperationEnd(operationInfo(operation, isReplay));
  }

  async changed(operations: readonly Operation[]): Promise<void> {
    const updatedOperations: Record<string, OperationInfo> = {};
    for (const operation of operations) {
      const info = operationInfo(operation, false);
      this.infos[info.id] = info;
      updatedOperations[info.id] = info;
    }
    if (!this.runner.has("onOperationChange")) return;
    await this.runner.onOperationChange({
      executionArn: this.#executionArn,
      updatedOperations,
      operations: this.infos,
    });
  }

  /** Runs one attempt after its start hook; the end hook follows when the end is recorded. */
  async attempt<T>(operation: Operation, attempt: number, fn: () => T | Promise<T>): Promise<T> {
    const { status: _status, error: _error, ...info } = operationInfo(operation, false);
    const attemptInfo: AttemptInfo = { ...info, status: "STARTED", attempt };
    await this.runner.onOperationAttemptStart(attemptInfo);
    return this.runner.wrapOperationAttemptFn(attemptInfo, fn);
  }

  /** An attempt has ended with this record: settled, or pending the next attempt. */
  async attemptEnded(operation: Operation): Promise<void> {
    const info = operationInfo(operation, false);
    const outcome = operation.StepDetails?.Error === undefined ? "SUCCEEDED" : "FAILED";
    await this.runner.onOperationAttemptEnd({ ...info, attempt: info.attempt ?? 1, outcome });
  }

  /** Runs the code of a context. */
  context<T>(operation: Operation, isReplay: boolean, fn: () => Promise<T>): Promise<T> {
    const isReplayingChildren = operation.Status === "SUCCEEDED";
    return this.runner.wrapChildContextFn({ ...operationInfo(operation, isReplay), isReplayingChildren }, fn);
  }
}
