/** Owns the reading of an error as plain data: everything of it that code can branch on. */

/** Class, name, message, code, data and causes of an error; anything else as it is. */
export function graphOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { code, errorType, errorData } = error as Error & Record<string, unknown>;
  const graph: Record<string, unknown> = {
    class: error.constructor.name,
    name: error.name,
    message: error.message,
  };
  if (code !== undefined) graph.code = code;
  if (errorType !== undefined) graph.errorType = errorType;
  if (errorData !== undefined) graph.errorData = errorData;
  if (error.cause !== undefined) graph.cause = graphOf(error.cause);
  return graph;
}

/** The graph of what a promise rejects with. */
export async function graphOfRejection(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    return { resolvedWith: await promise };
  } catch (error) {
    return graphOf(error);
  }
}
