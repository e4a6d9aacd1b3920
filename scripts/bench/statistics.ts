// Figures of many runs: the smallest, the middle one, one in a hundred, the largest.

export interface Statistics {
  readonly runs: number;
  readonly minimum: number;
  readonly median: number;
  readonly p99: number;
  readonly maximum: number;
}

export function summarize(figures: readonly number[]): Statistics {
  const sorted = [...figures].sort((a, b) => a - b);
  return { runs: sorted.length, minimum: quantile(sorted, 0), median: quantile(sorted, 0.5), p99: quantile(sorted, 0.99), maximum: quantile(sorted, 1) };
}

/** Nearest rank: a figure that was measured, never one between two. */
const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
