/**
 * Owns rejections that code of an execution leaves unhandled.
 *
 * Node.js ends the process for one of these, and with it all executions that run there; the one at fault would do that
 * again at each replay. It need not be careless: code that is suspended at one `await` has not come to the next, where
 * it would have caught what a helper of its own throws meanwhile. So they are told of, and end nothing. All other
 * rejections take their course.
 */

import { reportRejection } from "@tidemark/sdk";

let isListening = false;

/** From now on, for as long as the process lives: what has been left behind may be rejected at any time. */
export function listenForRejections(): void {
  if (isListening) return;
  isListening = true;
  process.on("unhandledRejection", onRejection);
}

function onRejection(reason: unknown): void {
  if (reportRejection(reason)) return;
  // Without this listener Node.js would have ended the process, unless it was told otherwise.
  if (process.listenerCount("unhandledRejection") === 1 && isEndedByRejections()) throw reason;
}

const MODE = "--unhandled-rejections=";

function isEndedByRejections(): boolean {
  const flags = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? "").split(/\s+/)];
  const mode = flags.find((flag) => flag.startsWith(MODE))?.slice(MODE.length);
  return mode === undefined || mode === "throw";
}
