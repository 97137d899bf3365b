/**
 * Owns how samples are taken: the sides take turns within one process, so that what disturbs the
 * machine disturbs them alike.
 */

/** Samples of each side. Those at the same index were taken one right after the other. */
export type Samples = Record<string, number[]>;

/** Takes one sample: gives what was measured. */
export type Side = () => Promise<number>;

/** Every other round goes the other way, so that no side is always the first. */
export async function sampleInTurns(
  sides: Readonly<Record<string, Side>>,
  rounds: { readonly warmUp: number; readonly measured: number },
): Promise<Samples> {
  const names = Object.keys(sides);
  const samples: Samples = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds.warmUp + rounds.measured; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      collectYoungGarbage();
      const sample = await (sides[name] as Side)();
      if (round >= rounds.warmUp) samples[name]?.push(sample);
    }
  }
  return samples;
}

type Collect = (options?: { readonly type: "minor" }) => void;

// Needs `--expose-gc`.
const collect = (globalThis as { gc?: Collect }).gc as Collect;

/**
 * No side pays for what another has just left behind. Not a full collection: that makes V8 forget
 * what it has learned, which weighs on whatever runs next.
 */
export function collectYoungGarbage(): void {
  collect({ type: "minor" });
}

export function collectAllGarbage(): void {
  collect();
}

/** How many milliseconds `work` took. */
export async function millisecondsOf(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return performance.now() - startedMs;
}

/** Runs `count` times `work`, `inFlight` of them at a time; gives how many a second. */
export async function perSecond(
  count: number,
  inFlight: number,
  work: () => Promise<unknown>,
): Promise<number> {
  let begun = 0;
  const runLane = async (): Promise<void> => {
    while (begun < count) {
      begun += 1;
      await work();
    }
  };
  const tookMs = await millisecondsOf(() => Promise.all(Array.from({ length: inFlight }, runLane)));
  return (count * 1000) / tookMs;
}
