import type { ConstraintState, IterationMetrics } from '@msgalaxy/client';
import { NONE, number, signed } from '../format';
import { type Key, t } from '../i18n';
import { constraintLevel, type Level } from './constraints';
import type { RunModel } from './model';

/** Headline numbers of the shown iteration, with the change since the first. */
export function KpiTiles({ run }: { run: RunModel }) {
  run.version.value; // drawn again when events have arrived
  const k = run.shown.value;
  const first = run.series.rows.get(run.series.iterations[0] ?? 0);
  const state = run.layout.state.value;
  const shown = state?.iteration === k ? state.metadata : undefined;
  const metrics = metricsOf(run, k) ?? shown?.metrics;
  // The start is judged, but its numbers are not told.
  const constraints = metrics && shown?.constraints;
  const level = (group: string): Level | undefined => {
    const constraint = constraints?.find((one: ConstraintState) => one.group === group);
    return constraint && constraintLevel(constraint);
  };
  const single = metrics !== undefined && metrics.min_clearance === null;
  return (
    <section class="kpis" aria-label={t('kpi.title')} data-testid="kpis">
      <Tile name="max_temp" unit="°C" decimals={1} metrics={metrics} first={first} good={-1} level={level('thermal')} />
      <Tile name="temp_margin" unit="K" decimals={1} metrics={metrics} first={first} good={1} level={sign(metrics?.temp_margin)} />
      <Tile
        name="min_clearance"
        unit="mm"
        decimals={1}
        metrics={metrics}
        first={first}
        good={1}
        level={level('clearance')}
        note={single ? t('kpi.single') : undefined}
      />
      <Tile name="cg_offset" unit="mm" decimals={1} metrics={metrics} first={first} good={-1} level={level('cg_limit')} />
      <Tile name="num_violations" unit="" decimals={0} metrics={metrics} first={first} good={-1} level={sign(negative(metrics?.num_violations))} />
      <div class={`kpi ${levelClass(sign(feasibility(metrics)))}`} data-kpi="feasible">
        <h3>{t('kpi.feasible')}</h3>
        <p class="kpi-value kpi-word">
          {metrics?.feasible === undefined ? NONE : metrics.feasible ? `✓ ${t('kpi.yes')}` : `✗ ${t('kpi.no')}`}
        </p>
      </div>
    </section>
  );
}

/** What the events say of an iteration. They never tell of the start: its numbers stand in its layout alone. */
function metricsOf(run: RunModel, k: number): IterationMetrics | undefined {
  return run.series.rows.get(k) ?? (run.picked.value === null ? run.task.value?.last_iteration?.metrics : undefined);
}

interface TileProps {
  name: 'max_temp' | 'temp_margin' | 'min_clearance' | 'cg_offset' | 'num_violations';
  unit: string;
  decimals: number;
  metrics: IterationMetrics | undefined;
  first: IterationMetrics | undefined;
  /** Which direction is an improvement. */
  good: 1 | -1;
  level: Level | undefined;
  note?: string | undefined;
}

function Tile({ name, unit, decimals, metrics, first, good, level, note }: TileProps) {
  const value = metrics?.[name];
  const before = first?.[name];
  const delta = typeof value === 'number' && typeof before === 'number' ? value - before : undefined;
  // A change that does not show is none.
  const better = delta === undefined || Number(delta.toFixed(decimals)) === 0 ? '' : Math.sign(delta) === good ? 'better' : 'worse';
  return (
    <div class={`kpi ${levelClass(level)}`} data-kpi={name}>
      <h3>{t(`kpi.${name}` as Key)}</h3>
      <p class="kpi-value num">
        {number(value, decimals)}
        {unit !== '' && typeof value === 'number' && <span class="kpi-unit"> {unit}</span>}
      </p>
      <p class={`kpi-note num ${better}`}>
        {note ?? (delta === undefined ? ' ' : t('kpi.delta', { delta: signed(delta, decimals) }))}
      </p>
    </div>
  );
}

const levelClass = (level: Level | undefined): string => (level ? `kpi-${level}` : '');
const negative = (value: number | undefined): number | undefined => (value === undefined ? undefined : -value);
const feasibility = (metrics: IterationMetrics | undefined): number | undefined =>
  metrics?.feasible === undefined ? undefined : metrics.feasible ? 1 : -1;
const sign = (value: number | undefined): Level | undefined =>
  value === undefined ? undefined : value < 0 ? 'violated' : 'met';
