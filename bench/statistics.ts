/** A figure that was measured in several rounds. */
export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Undefined where nothing was measured. */
export function toFigure(rounds: readonly (number | undefined)[]): Figure | undefined {
  const known = rounds.filter((value) => value !== undefined && Number.isFinite(value)) as number[];
  if (known.length === 0) return undefined;
  return { median: percentile(known, 0.5), min: Math.min(...known), max: Math.max(...known) };
}

/** The value below which this share (0 to 1) lies; the mean of the two nearest where it falls between. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * share;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/** Round by round, so that what slowed the machine down for a while slowed both. */
export function eachRound<T>(
  a: readonly T[],
  b: readonly T[],
  combine: (a: T, b: T) => number | undefined,
): (number | undefined)[] {
  return a.map((value, at) => {
    const other = b[at];
    return other === undefined ? undefined : combine(value, other);
  });
}
