/** Owns what is read from samples: medians, ratios and whether a bar is met. Pure. */

export interface Bar {
  /** Of the ratio of our figure to the peer's, or of our figure itself. */
  readonly of: "ratio" | "figure";
  readonly kind: "at most" | "at least";
  readonly value: number;
}

/** One line of the table, before it is measured. */
export interface Row {
  readonly title: string;
  /** Which measurement it is read from; several rows may share one. */
  readonly measurement: string;
  readonly unit: string;
  /** Name of our series of samples. */
  readonly ours: string;
  readonly peer?: { readonly series: string; readonly title: string };
  /** Absent for a figure that is only stated. */
  readonly bar?: Bar;
}

export interface Figure {
  readonly title: string;
  readonly unit: string;
  readonly ours: number;
  readonly peer?: { readonly title: string; readonly figure: number; readonly ratio: number };
  readonly bar?: Bar;
  readonly passed?: boolean;
}

/**
 * Reads one row.
 *
 * The ratio is the median of the ratios of samples that were taken one right after the other, so
 * that what slows the machine for a while changes it little.
 */
export function figureOf(row: Row, samples: Readonly<Record<string, readonly number[]>>): Figure {
  const ours = seriesOf(samples, row.ours);
  const figure = { title: row.title, unit: row.unit, ours: median(ours) };
  const peer = row.peer === undefined ? undefined : comparison(ours, row.peer, samples);
  const withPeer = peer === undefined ? figure : { ...figure, peer };
  if (row.bar === undefined) return withPeer;
  const measured = row.bar.of === "ratio" ? peer?.ratio : figure.ours;
  if (measured === undefined) throw new Error(`${row.title}: a bar of a ratio needs a peer`);
  return { ...withPeer, bar: row.bar, passed: isMet(row.bar, measured) };
}

/** What stands in the table for a measurement that did not come to its end. */
export function failedFigure({ title, unit, bar }: Row): Figure {
  const figure = { title, unit, ours: Number.NaN };
  return bar === undefined ? figure : { ...figure, bar, passed: false };
}

function comparison(
  ours: readonly number[],
  { series, title }: { readonly series: string; readonly title: string },
  samples: Readonly<Record<string, readonly number[]>>,
): { title: string; figure: number; ratio: number } {
  const theirs = seriesOf(samples, series);
  const ratios = ours.map((own, index) => own / (theirs[index] as number));
  return { title, figure: median(theirs), ratio: median(ratios) };
}

function seriesOf(samples: Readonly<Record<string, readonly number[]>>, name: string): readonly number[] {
  const series = samples[name];
  if (series === undefined || series.length === 0) throw new Error(`no samples of ${name}`);
  return series;
}

/** What is not a number meets no bar. */
function isMet({ kind, value }: Bar, measured: number): boolean {
  return kind === "at most" ? measured <= value : measured >= value;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}
