/** Owns how the plugins of the suite `plugin` write: one JSON object a line, on plain stdout. */

import type { InvocationInfo, OperationInfo } from "@tidemark/sdk";

/** Writes the records of one plugin. */
export class PluginRecorder {
  readonly #plugin: string;
  #executionArn: string | undefined;

  constructor(plugin = "CONFPLUGIN") {
    this.#plugin = plugin;
  }

  /** Remembers the execution that all records name, as the first hook of an invocation tells it. */
  begin(info: InvocationInfo): void {
    this.#executionArn = info.executionArn;
  }

  write(hook: string, fields: Readonly<Record<string, unknown>> = {}): void {
    const record = { plugin: this.#plugin, hook, ...fields, durableExecutionArn: this.#executionArn };
    process.stdout.write(`${JSON.stringify(record)}\n`);
  }
}

export function isStep(info: OperationInfo): boolean {
  return info.type.toUpperCase() === "STEP";
}

/** All that an operation's info has, under the names of the cases; what it lacks is left out. */
export function operationFields(info: OperationInfo): Record<string, unknown> {
  return {
    id: info.id,
    name: info.name,
    type: info.type.toUpperCase(),
    subType: info.subType,
    parentId: info.parentId,
    status: info.status?.toUpperCase(),
    startTimestamp: info.startTimestamp?.toISOString(),
    endTimestamp: info.endTimestamp?.toISOString(),
    error: info.error?.message,
    attempt: info.attempt,
    isReplay: info.isReplay,
  };
}
