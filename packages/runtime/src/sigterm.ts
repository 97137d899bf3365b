/**
 * Owns the process's SIGTERM: whoever listens drains, and when the last one has, the signal ends the process.
 *
 * There is one listener for all: a worker that ended the process once it had drained itself would end it for
 * the others, too.
 */

type Drain = () => Promise<void>;

const drains = new Set<Drain>();

/** Calls `drain` on SIGTERM, before the signal takes its course. Gives the function that ends that. */
export function drainOnSigterm(drain: Drain): () => void {
  if (drains.size === 0) process.once("SIGTERM", onSigterm);
  drains.add(drain);
  return () => {
    if (drains.delete(drain) && drains.size === 0) process.removeListener("SIGTERM", onSigterm);
  };
}

function onSigterm(): void {
  // Nobody listens from now on: a second signal ends the process at once.
  const all = [...drains];
  drains.clear();
  void Promise.allSettled(all.map((drain) => drain())).then(() => process.kill(process.pid, "SIGTERM"));
}
