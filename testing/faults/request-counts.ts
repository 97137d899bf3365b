/** Owns how many requests there were, and which execution they were for. */

import { parseExecutionId } from "@tidemark/protocol";
import type { PassingRequest } from "../engines/network";

/** What a request is for. */
type Purpose =
  /** An execution or one that it has invoked, by the id at the root. */
  | { readonly kind: "execution"; readonly root: string }
  /** To find what is due, and what has changed: as often as time passes and as processes look. */
  | { readonly kind: "look" }
  /** Names of functions. */
  | { readonly kind: "other" };

export class RequestCounts {
  readonly byAction: Record<string, number> = {};
  looks = 0;
  readonly #byRoot = new Map<string, number>();

  count(request: PassingRequest): void {
    const action = actionOf(request);
    this.byAction[action] = (this.byAction[action] ?? 0) + 1;
    const purpose = purposeOf(request);
    if (purpose.kind === "look") this.looks += 1;
    if (purpose.kind === "execution")
      this.#byRoot.set(purpose.root, (this.#byRoot.get(purpose.root) ?? 0) + 1);
  }

  /** Of all executions together. */
  get ofExecutions(): number {
    return [...this.#byRoot.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Of the execution that took most. */
  get most(): number {
    return Math.max(0, ...this.#byRoot.values());
  }
}

function actionOf({ method, path, headers }: PassingRequest): string {
  const target = headers["x-amz-target"];
  if (target !== undefined) return String(target).split(".")[1] as string;
  const isList = method === "GET" && path.includes("list-type=2");
  return `S3 ${isList ? "LIST" : method}`;
}

function purposeOf({ path, headers, body }: PassingRequest): Purpose {
  if (headers["x-amz-target"] === undefined) return ofPath(path);
  const text = body.toString("latin1");
  if (text.includes('"IndexName"') || actionOf({ method: "", path, headers, body }) === "BatchGetItem")
    return { kind: "look" };
  const [, executionId] = /"E#([^"]+)"/.exec(text) ?? [];
  return executionId === undefined ? { kind: "other" } : ofExecution(executionId);
}

/** `/bucket/<root>/<hash>`. */
function ofPath(path: string): Purpose {
  const [, , root] = path.split("/");
  return root === undefined ? { kind: "other" } : ofExecution(decodeURIComponent(root));
}

function ofExecution(executionId: string): Purpose {
  const [root = ""] = executionId.split("~");
  return { kind: "execution", root: parseExecutionId(root).executionId };
}
