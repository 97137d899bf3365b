/**
 * Owns the errors of the protocol: their stable codes and how far they reach.
 *
 * Every code has a page in `docs/errors`. Branch on `code`, not on `instanceof`.
 */

/** How far a failure reaches: this invocation, or the whole execution. */
export const DurableExecutionClientErrorScope = {
  /** The execution can go on in a new invocation. */
  INVOCATION: "INVOCATION",
  /** The execution cannot go on and fails. */
  EXECUTION: "EXECUTION",
} as const;
export type DurableExecutionClientErrorScope =
  (typeof DurableExecutionClientErrorScope)[keyof typeof DurableExecutionClientErrorScope];

export interface DurableExecutionClientErrorOptions {
  scope?: DurableExecutionClientErrorScope;
  cause?: unknown;
  code?: string;
}

/**
 * Thrown by a {@link DurableExecutionClient} to say how a failed call is to be treated.
 *
 * The default scope is `INVOCATION`: an error that is not understood gets another attempt.
 *
 * @example
 * ```ts
 * throw new DurableExecutionClientError("the table is throttled", { scope: "INVOCATION" });
 * ```
 */
export class DurableExecutionClientError extends Error {
  readonly isDurableExecutionClientError = true;
  readonly scope: DurableExecutionClientErrorScope;
  readonly code: string;

  constructor(message: string, options: DurableExecutionClientErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "DurableExecutionClientError";
    this.scope = options.scope ?? DurableExecutionClientErrorScope.INVOCATION;
    this.code = options.code ?? "TIDEMARK_CLIENT";
  }
}

/** Recognises a {@link DurableExecutionClientError} by shape, also one of another copy of the package. */
export function isDurableExecutionClientError(error: unknown): error is DurableExecutionClientError {
  if (typeof error !== "object" || error === null) return false;
  const candidate = error as { isDurableExecutionClientError?: unknown; scope?: unknown };
  return (
    candidate.isDurableExecutionClientError === true &&
    (candidate.scope === "INVOCATION" || candidate.scope === "EXECUTION")
  );
}

/**
 * An error of Tidemark itself, with a stable `code`.
 *
 * @example
 * ```ts
 * try {
 *   await client.result(executionId);
 * } catch (error) {
 *   if (error instanceof TidemarkError && error.code === "TIDEMARK_EXECUTION_NOT_FOUND") return null;
 *   throw error;
 * }
 * ```
 */
export class TidemarkError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options: { cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "TidemarkError";
    this.code = code;
  }
}
