import type { IterationMetrics } from '@msgalaxy/client';

/** Names of the series that are drawn. */
export const SERIES = ['max_temp', 'temp_margin', 'min_clearance', 'cg_offset', 'num_violations', 'score'] as const;
/** Name of a series. */
export type SeriesName = (typeof SERIES)[number];

/** Metrics over the iterations, in columns as the chart wants them. */
export interface Series {
  iterations: number[];
  columns: Record<SeriesName, (number | null)[]>;
  /** All metrics of each iteration. */
  rows: Map<number, IterationMetrics>;
}

/** Series without a point. */
export function emptySeries(): Series {
  const columns = Object.fromEntries(SERIES.map((name) => [name, [] as (number | null)[]])) as Series['columns'];
  return { iterations: [], columns, rows: new Map() };
}

/** Adds an iteration; one that is there already is left alone. */
export function pushIteration(series: Series, { iteration, metrics }: { iteration: number; metrics: IterationMetrics }): void {
  if (series.rows.has(iteration)) return;
  series.rows.set(iteration, metrics);
  series.iterations.push(iteration);
  for (const name of SERIES) {
    const value = metrics[name];
    series.columns[name].push(typeof value === 'number' && Number.isFinite(value) ? value : null);
  }
}
