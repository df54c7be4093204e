import { useEffect, useRef } from 'preact/hooks';
import type uPlotClass from 'uplot';
import { number, withUnit } from '../format';
import { type Key, t } from '../i18n';
import { theme } from '../theme';
import { library, libraryFailed, loadLibrary } from './library';
import type { RunModel } from './model';
import type { SeriesName } from './series';

interface Chart {
  name: SeriesName;
  title: Key;
  unit: string;
  decimals: number;
  /** Constraint group whose limit is one line for the whole run. */
  limitOf?: string;
  /** A line that is always there, such as a margin of zero. */
  zero?: boolean;
  /** Whole numbers from zero. */
  count?: boolean;
}

const CHARTS: readonly Chart[] = [
  { name: 'max_temp', title: 'kpi.max_temp', unit: '°C', decimals: 1 },
  { name: 'temp_margin', title: 'kpi.temp_margin', unit: 'K', decimals: 1, zero: true },
  { name: 'min_clearance', title: 'kpi.min_clearance', unit: 'mm', decimals: 1, limitOf: 'clearance' },
  { name: 'cg_offset', title: 'kpi.cg_offset', unit: 'mm', decimals: 1, limitOf: 'cg_limit' },
  { name: 'num_violations', title: 'kpi.num_violations', unit: '', decimals: 0, count: true },
  { name: 'score', title: 'charts.score', unit: '', decimals: 2 },
];

/** The metrics over the iterations, drawn while they arrive. A click picks the iteration. */
export function Charts({ run }: { run: RunModel }) {
  useEffect(loadLibrary, []);
  run.version.value;
  const count = run.series.iterations.length;
  return (
    <section class="card" aria-labelledby="charts-title" data-testid="charts">
      <div class="card-head">
        <h2 id="charts-title">{t('charts.title')}</h2>
      </div>
      {libraryFailed.value && (
        <p class="strip" role="status">
          {t('charts.error')}{' '}
          <button type="button" class="quiet" onClick={loadLibrary}>
            {t('run.retry')}
          </button>
        </p>
      )}
      {count === 0 ? <p class="empty">{t('charts.empty')}</p> : <div class="charts">{CHARTS.map((chart) => <ChartView key={chart.name} run={run} chart={chart} />)}</div>}
    </section>
  );
}

function ChartView({ run, chart }: { run: RunModel; chart: Chart }) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlotClass | null>(null);
  const uPlot = library.value;
  const version = run.version.value;
  const column = run.series.columns[chart.name];
  const constraint = run.layout.state.value?.metadata.constraints?.find(({ group }) => group === chart.limitOf);
  const limit = chart.zero ? 0 : constraint?.limit;

  const data = (): uPlotClass.AlignedData => [
    run.series.iterations,
    column,
    run.series.iterations.map(() => limit ?? null),
  ];

  // Made anew with the theme, whose colors are drawn into the canvas.
  useEffect(() => {
    const element = place.current;
    if (!uPlot || !element) return;
    const made = new uPlot(options(element, chart.count === true), data(), element);
    plot.current = made;
    made.over.addEventListener('click', () => {
      const index = made.cursor.idx;
      const iteration = index === null || index === undefined ? undefined : run.series.iterations[index];
      if (iteration !== undefined) run.picked.value = iteration;
    });
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [uPlot, theme.value]);

  useEffect(() => {
    plot.current?.setData(data());
  }, [version, limit, uPlot]);

  const [first, last] = [column[0], column.at(-1)];
  const title = t(chart.title);
  const text = (value: unknown): string => withUnit(value, chart.unit, chart.decimals);
  return (
    <figure class="chart">
      <figcaption>
        <span>{title}</span>
        <span class="num">
          {text(last)}
          {limit !== undefined && !chart.zero && <span class="muted"> · {t('charts.limit', { limit: text(limit) })}</span>}
        </span>
      </figcaption>
      <div
        ref={place}
        class="plot"
        role="img"
        aria-label={t('charts.alt', { name: title, n: column.length, first: text(first), last: text(last) })}
      />
    </figure>
  );
}

function options(element: HTMLElement, count: boolean): uPlotClass.Options {
  const style = getComputedStyle(document.documentElement);
  const color = (name: string): string => style.getPropertyValue(name).trim();
  const axis = {
    stroke: color('--muted'),
    font: `11px ${style.fontFamily || 'system-ui'}`,
    grid: { stroke: color('--grid'), width: 1 },
    ticks: { show: false },
  };
  const whole = (_: unknown, values: number[]): string[] => values.map((value) => (Number.isInteger(value) ? String(value) : ''));
  return {
    width: element.clientWidth,
    height: element.clientHeight,
    padding: [8, 8, 0, 0],
    legend: { show: false },
    cursor: { sync: { key: 'iterations' }, y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: { x: { time: false, range: (_, low, high) => (low === high ? [low - 1, high + 1] : [low, high]) }, y: { range: count ? fromZero : spread } },
    axes: [
      { ...axis, size: 22, gap: 3, values: whole },
      { ...axis, size: 42, gap: 4, space: 24, values: count ? whole : (_, values) => values.map((value) => number(value, tickDecimals(values))) },
    ],
    series: [
      {},
      { stroke: color('--accent'), width: 2, points: { show: (_, __, ___, idx1) => idx1 < 2, size: 5 }, fill: color('--accent-wash') },
      { stroke: color('--bad'), width: 1.25, dash: [5, 4], points: { show: false } },
    ],
  };
}

/** Some air above and below; a flat line gets a band of its own. */
function spread(_: unknown, low: number | null, high: number | null): [number, number] {
  if (low === null || high === null) return [0, 1];
  const span = high - low;
  const air = span > 0 ? span * 0.12 : Math.max(Math.abs(high) * 0.05, 0.5);
  return [low - air, high + air];
}

/** At least from 0 to 1, so that nothing at all is a line on the ground. */
function fromZero(_: unknown, __: number | null, high: number | null): [number, number] {
  return [0, Math.max(1, (high ?? 0) * 1.1)];
}

/** As many decimals as the step between two ticks needs. */
function tickDecimals(values: number[]): number {
  const step = values.length > 1 ? Math.abs(values[1]! - values[0]!) : 1;
  const enough = [0, 1, 2].find((decimals) => Math.abs(step * 10 ** decimals - Math.round(step * 10 ** decimals)) < 1e-6);
  return enough ?? 3;
}
