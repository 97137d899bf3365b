/**
 * Owns the turns of the event loop while a simulation runs: they are taken one at a time, and it is
 * known when there is none left. Nothing is guessed from silence, so a run is the same every time.
 *
 * It must be loaded before the SDK, which binds `setImmediate` when it loads. Outside of a
 * simulation, turns are those of the process.
 */

type Turn = () => void;

const turnOfProcess = globalThis.setImmediate;

/** Turns that have been asked for, while a simulation runs. */
let waiting: Turn[] | undefined;

function setTurn(callback: (...args: unknown[]) => void, ...args: unknown[]): unknown {
  if (waiting === undefined) return turnOfProcess(callback, ...args);
  waiting.push(() => callback(...args));
  return undefined;
}

Object.assign(globalThis, { setImmediate: setTurn });

/** Settles when everything that was about to happen in this turn has happened. */
function endOfTurn(): Promise<void> {
  return new Promise((resolve) => turnOfProcess(resolve));
}

/** Takes turns until none is asked for. */
export async function settle(): Promise<void> {
  const turns = waiting ?? [];
  for (let next = 0; ; next++) {
    await endOfTurn();
    const turn = turns[next];
    if (turn === undefined) break;
    turn();
  }
  turns.length = 0;
}

/** Runs `work` with turns that {@link settle} takes. The turns of a process are those of one simulation. */
export async function withTurns<T>(work: () => Promise<T>): Promise<T> {
  if (waiting !== undefined) throw new Error("a simulation is running in this process; await it first");
  waiting = [];
  try {
    return await work();
  } finally {
    waiting = undefined;
  }
}
