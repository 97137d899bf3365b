/** Owns the operations of one execution as far as they are known, and how they are found. Finding one scans nothing. */

import type { Operation } from "@tidemark/protocol";

/** Which operation a test means. With a name, `index` counts those of the name; else all operations. */
export interface OperationQuery {
  readonly id?: string;
  readonly name?: string;
  readonly index?: number;
}

export class OperationIndex {
  /** In the order of their starts. */
  readonly #ids: string[] = [];
  readonly #operations = new Map<string, Operation>();
  readonly #idsByName = new Map<string, string[]>();
  readonly #idsByParent = new Map<string, string[]>();

  /** Takes in an operation, or how it is now. */
  put(operation: Operation): void {
    const { Id, Name, ParentId } = operation;
    if (Id === undefined || operation.Type === "EXECUTION") return;
    if (!this.#operations.has(Id)) {
      this.#ids.push(Id);
      if (Name !== undefined) push(this.#idsByName, Name, Id);
      if (ParentId !== undefined) push(this.#idsByParent, ParentId, Id);
    }
    this.#operations.set(Id, operation);
  }

  get ids(): readonly string[] {
    return this.#ids;
  }

  get(id: string): Operation | undefined {
    return this.#operations.get(id);
  }

  find(query: OperationQuery): Operation | undefined {
    const id = this.#idOf(query);
    return id === undefined ? undefined : this.#operations.get(id);
  }

  childrenOf(id: string): readonly Operation[] {
    return (this.#idsByParent.get(id) ?? []).map((child) => this.#operations.get(child) as Operation);
  }

  all(): Operation[] {
    return [...this.#operations.values()];
  }

  #idOf({ id, name, index = 0 }: OperationQuery): string | undefined {
    if (id !== undefined) return id;
    return (name === undefined ? this.#ids : this.#idsByName.get(name))?.at(index);
  }
}

function push(map: Map<string, string[]>, key: string, id: string): void {
  const ids = map.get(key);
  if (ids === undefined) map.set(key, [id]);
  else ids.push(id);
}

/** What the operation is, for messages: `"approve" (CALLBACK 2, STARTED)`. */
export function operationText({ Id, Name, Type, SubType, Status }: Operation): string {
  const kind = SubType === undefined ? Type : SubType;
  return `${Name === undefined ? "unnamed" : JSON.stringify(Name)} (${kind} ${Id}, ${Status})`;
}

export function queryText({ id, name, index }: OperationQuery): string {
  if (id !== undefined) return `operation with id ${JSON.stringify(id)}`;
  if (name === undefined) return `operation number ${index ?? 0}`;
  return `operation ${JSON.stringify(name)}${index === undefined || index === 0 ? "" : `, number ${index} of that name`}`;
}
