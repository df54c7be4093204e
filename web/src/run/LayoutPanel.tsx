import { signal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { NONE, number, withUnit } from '../format';
import { type Key, t } from '../i18n';
import { categoryColor, diverging, roundRange, viridis } from './color';
import type { View } from './geometry';
import type { LayoutComponent, LayoutState } from './layout';
import { LayoutDrawing, VIEWS, type ViewName } from './LayoutDrawing';
import type { RunModel } from './model';

type ColorBy = 'temperature' | 'margin' | 'category';

const colorBy = signal<ColorBy>('temperature');
const view = signal<View>(VIEWS.iso);
const labels = signal(true);
const hovered = signal<string | null>(null);

/** More names than this would cover the boxes. */
const MAX_LABELS = 16;

/** The layout of the shown iteration: a drawing to turn, a slider through the iterations, and a table that says the same. */
export function LayoutPanel({ run }: { run: RunModel }) {
  const state = run.layout.state.value;
  const failed = run.layout.failed.value;
  return (
    <section class="card layout-card" aria-labelledby="layout-title" data-testid="layout">
      <div class="card-head">
        <h2 id="layout-title">{t('layout.title')}</h2>
        {state && <Tools />}
      </div>
      {failed !== null && (
        <p class="strip" role="status">
          {t('layout.error', { n: failed })}{' '}
          <button type="button" class="quiet" onClick={() => run.layout.want(run.wanted.value)}>
            {t('run.retry')}
          </button>
        </p>
      )}
      {state ? <Ready run={run} state={state} /> : failed === null && <div class="empty layout-empty">{t('layout.empty')}</div>}
    </section>
  );
}

function Tools() {
  return (
    <div class="layout-tools">
      <div class="segments" role="group" aria-label={t('layout.views')}>
        {(Object.keys(VIEWS) as ViewName[]).map((name) => (
          <button key={name} type="button" aria-pressed={view.value === VIEWS[name]} onClick={() => (view.value = VIEWS[name])}>
            {t(`layout.view.${name}` as Key)}
          </button>
        ))}
      </div>
      <select
        aria-label={t('layout.color')}
        value={colorBy.value}
        onChange={(event) => (colorBy.value = event.currentTarget.value as ColorBy)}
      >
        {(['temperature', 'margin', 'category'] as const).map((name) => (
          <option key={name} value={name}>
            {t(`layout.color.${name}` as Key)}
          </option>
        ))}
      </select>
      <label class="check">
        <input type="checkbox" checked={labels.value} onChange={(event) => (labels.value = event.currentTarget.checked)} />
        {t('layout.labels')}
      </label>
    </div>
  );
}

function Ready({ run, state }: { run: RunModel; state: LayoutState }) {
  const scale = useMemo(() => colorScale(state, colorBy.value), [state, colorBy.value]);
  const { components } = state;
  const hottest = components.reduce<LayoutComponent | null>(
    (best, one) => (typeof one.temperature === 'number' && one.temperature > (best?.temperature ?? Number.NEGATIVE_INFINITY) ? one : best),
    null,
  );
  const alt = hottest
    ? t('layout.alt', { n: components.length, k: state.iteration, hottest: hottest.id, temp: withUnit(hottest.temperature, '°C') })
    : t('layout.alt.plain', { n: components.length, k: state.iteration });
  const at = components.find(({ id }) => id === hovered.value);
  return (
    <>
      <LayoutDrawing
        state={state}
        view={view}
        color={scale.color}
        label={alt}
        showLabels={labels.value && components.length <= MAX_LABELS}
        hovered={hovered}
      />
      <Legend scale={scale} />
      <p class="layout-detail num" aria-live="off">
        {at ? detail(at) : <span class="muted">{t('layout.drag')}</span>}
      </p>
      <Scrubber run={run} />
      <ComponentTable components={components} />
    </>
  );
}

function detail({ id, name, temperature, temp_margin, power, mass, panel }: LayoutComponent): string {
  return [
    name && name !== id ? `${id} (${name})` : id,
    panel,
    withUnit(temperature, '°C'),
    typeof temp_margin === 'number' && `${t('layout.col.margin')} ${withUnit(temp_margin, 'K')}`,
    withUnit(power, 'W'),
    withUnit(mass, 'kg', 2),
  ]
    .filter(Boolean)
    .join(' · ');
}

interface Scale {
  color: (component: LayoutComponent) => string;
  ramp: { stops: string[]; low: string; high: string } | null;
  categories: { name: string; color: string }[];
}

function colorScale({ components }: LayoutState, by: ColorBy): Scale {
  if (by === 'category') {
    const names = [...new Set(components.map(({ category = NONE }) => category))].sort();
    const of = new Map(names.map((name, index) => [name, categoryColor(index)]));
    return {
      color: ({ category = NONE }) => of.get(category)!,
      ramp: null,
      categories: names.map((name) => ({ name, color: of.get(name)! })),
    };
  }
  const field = by === 'temperature' ? 'temperature' : 'temp_margin';
  const values = components.map((component) => component[field]).filter((value) => typeof value === 'number');
  const ramp = by === 'temperature' ? viridis : diverging;
  let [low, high] = roundRange(values);
  if (by === 'margin') {
    high = Math.max(Math.abs(low), Math.abs(high));
    low = -high;
  }
  const unit = by === 'temperature' ? '°C' : 'K';
  return {
    color: (component) => {
      const value = component[field];
      return typeof value === 'number' ? ramp((value - low) / (high - low)) : 'rgb(140 140 140)';
    },
    ramp: {
      stops: Array.from({ length: 9 }, (_, index) => ramp(index / 8)),
      low: withUnit(low, unit, 0),
      high: withUnit(high, unit, 0),
    },
    categories: [],
  };
}

function Legend({ scale }: { scale: Scale }) {
  if (!scale.ramp) {
    return (
      <ul class="legend-categories">
        {scale.categories.map(({ name, color }) => (
          <li key={name}>
            <svg viewBox="0 0 10 10" width="10" height="10" aria-hidden="true">
              <rect width="10" height="10" rx="2" fill={color} />
            </svg>
            {name}
          </li>
        ))}
      </ul>
    );
  }
  const { stops, low, high } = scale.ramp;
  return (
    <div class="legend num">
      <span>{low}</span>
      <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <defs>
          <linearGradient id="ramp">
            {stops.map((color, index) => (
              <stop key={index} offset={index / (stops.length - 1)} stop-color={color} />
            ))}
          </linearGradient>
        </defs>
        <rect width="100" height="6" fill="url(#ramp)" />
      </svg>
      <span>{high}</span>
    </div>
  );
}

/** Goes through the iterations; at its end it follows the newest. */
function Scrubber({ run }: { run: RunModel }) {
  const newest = run.newest.value;
  const shown = run.shown.value;
  const following = run.picked.value === null;
  if (newest < 2) return null;
  return (
    <div class="scrubber">
      <label for="scrub">{t('layout.scrub')}</label>
      <input
        id="scrub"
        type="range"
        min={1}
        max={newest}
        value={shown}
        onInput={(event) => {
          const picked = Number(event.currentTarget.value);
          run.picked.value = picked >= newest ? null : picked;
        }}
        aria-valuetext={`${shown}/${newest}`}
      />
      <span class="num">
        {shown}/{newest}
      </span>
      <button type="button" class="quiet" disabled={following} onClick={() => (run.picked.value = null)}>
        {t(following ? 'layout.following' : 'layout.live')}
      </button>
    </div>
  );
}

function ComponentTable({ components }: { components: readonly LayoutComponent[] }) {
  const rows = [...components].sort((a, b) => (a.temp_margin ?? Number.POSITIVE_INFINITY) - (b.temp_margin ?? Number.POSITIVE_INFINITY));
  return (
    <details class="component-table">
      <summary>{t('layout.table', { n: components.length })}</summary>
      <div class="scroll-x" tabIndex={0} role="region" aria-label={t('layout.table', { n: components.length })}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t('layout.col.component')}</th>
              <th scope="col">{t('layout.col.panel')}</th>
              <th scope="col" class="right">{t('layout.col.temperature')} °C</th>
              <th scope="col" class="right">{t('layout.col.margin')} K</th>
              <th scope="col" class="right">{t('layout.col.clearance')} mm</th>
              <th scope="col" class="right">{t('layout.col.power')} W</th>
              <th scope="col" class="right">{t('layout.col.mass')} kg</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((one) => (
              <tr key={one.id} onMouseEnter={() => (hovered.value = one.id)} onMouseLeave={() => (hovered.value = null)}>
                <th scope="row" title={one.name}>{one.id}</th>
                <td>{one.panel ?? NONE}</td>
                <td class="right num">{number(one.temperature, 1)}</td>
                <td class={typeof one.temp_margin === 'number' && one.temp_margin < 0 ? 'right num bad' : 'right num'}>{number(one.temp_margin, 1)}</td>
                <td class="right num">{number(one.clearance, 1)}</td>
                <td class="right num">{number(one.power, 1)}</td>
                <td class="right num">{number(one.mass, 2)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}
