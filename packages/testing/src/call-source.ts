/** Owns where in somebody's source an operation was asked for: read from the stack of the call. */

/** A call deep in libraries of its own must still show its caller. */
const STACK_LINES = 50;

interface StackError {
  readonly stack?: string | undefined;
}

/** The stack of the code that runs now. It is written out, which costs far more than it takes, only for who asks. */
export function currentStack(): () => string {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = STACK_LINES;
  const here: StackError = new Error("here");
  Error.stackTraceLimit = before;
  return () => here.stack ?? "";
}

/**
 * The place that called into the SDK: `/app/orders.ts:12:20`. `undefined` when the stack does not say.
 *
 * The SDK's own frames come first and are all in one directory, or in one file with everything else
 * after bundling; then the context's method is the last of them.
 */
export function callSource(stack: string): string | undefined {
  const frames = stack
    .split("\n")
    .slice(1)
    .map((line) => line.trim())
    .filter((line) => line.startsWith("at ") && !line.includes("node:"));
  const asked = frames.findIndex((frame) => /LiveOperation\.|\bperform\b|#perform/.test(frame));
  const method = frames.findLastIndex((frame) => /\bOperationContext\./.test(frame));
  const from = Math.max(asked, method, 0);
  const directory = directoryOf(placeOf(frames[from] ?? "") ?? "");
  const rest = frames.slice(from + 1);
  const caller = rest.find((frame) => {
    const place = placeOf(frame);
    return place !== undefined && (method >= 0 || directoryOf(place) !== directory);
  });
  return caller === undefined ? undefined : placeOf(caller);
}

function placeOf(frame: string): string | undefined {
  const place = /\(([^()]+:\d+:\d+)\)$/.exec(frame)?.[1] ?? /^at (?:async )?(\S+:\d+:\d+)$/.exec(frame)?.[1];
  return place?.replace(/^file:\/\//, "");
}

function directoryOf(place: string): string {
  return place.slice(0, place.lastIndexOf("/"));
}
