/**
 * Owns the capture of what a run writes: plugins and the SDK's own logger write to the real stdout
 * and stderr, as in a process whose output is the log.
 */

import { Console } from "node:console";

export interface Captured<T> {
  readonly value: T;
  readonly lines: readonly string[];
}

/** Runs `body` and gives its value with every line that was written meanwhile, in order. */
export async function captureOutput<T>(body: () => Promise<T>): Promise<Captured<T>> {
  const chunks: string[] = [];
  const streams = [process.stdout, process.stderr];
  const originals = streams.map((stream) => stream.write);
  const originalConsole = globalThis.console;
  for (const stream of streams) stream.write = writerTo(chunks);
  // A test framework's console does not write to the streams.
  globalThis.console = new Console(process.stdout, process.stderr);
  try {
    const value = await body();
    return { value, lines: chunks.join("").split("\n") };
  } finally {
    globalThis.console = originalConsole;
    for (const [index, stream] of streams.entries()) stream.write = originals[index] as typeof stream.write;
  }
}

function writerTo(chunks: string[]): typeof process.stdout.write {
  return (chunk: string | Uint8Array, encoding?: unknown, callback?: unknown): boolean => {
    chunks.push(typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8"));
    const done = typeof encoding === "function" ? encoding : callback;
    if (typeof done === "function") done();
    return true;
  };
}
