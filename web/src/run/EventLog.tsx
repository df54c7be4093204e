import type { TaskEvent } from '@msgalaxy/client';
import { signal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { clock, number } from '../format';
import { t, textOr } from '../i18n';
import type { RunModel } from './model';

/** Lines that are drawn; the rest is in the server's log. */
const SHOWN = 400;

const follow = signal(true);

/** The task's events as they came. All of it is text: nothing that a BOM says becomes markup. */
export function EventLog({ run }: { run: RunModel }) {
  const version = run.version.value;
  const list = useRef<HTMLOListElement>(null);
  useLayoutEffect(() => {
    if (follow.value && list.current) list.current.scrollTop = list.current.scrollHeight;
  }, [version, follow.value]);
  const events = run.log.slice(-SHOWN);
  const total = run.log.length + run.dropped;
  return (
    <section class="card log-card" aria-labelledby="log-title" data-testid="log">
      <div class="card-head">
        <h2 id="log-title">{t('log.title')}</h2>
        <label class="check">
          <input type="checkbox" checked={follow.value} onChange={(event) => (follow.value = event.currentTarget.checked)} />
          {t('log.follow')}
        </label>
      </div>
      {total > SHOWN && <p class="muted small">{t('log.hidden', { n: SHOWN, total })}</p>}
      {events.length === 0 ? (
        <p class="empty">{t('log.empty')}</p>
      ) : (
        <ol ref={list} class="log" tabIndex={0} aria-labelledby="log-title">
          {events.map((event) => (
            <li key={event.seq} class={`log-line log-${kind(event)}`} data-seq={event.seq}>
              <time class="num" dateTime={event.timestamp}>
                {clock(event.timestamp)}
              </time>
              <span class="log-seq num">#{event.seq}</span>
              <span class="log-text">{describe(event)}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function kind(event: TaskEvent): string {
  if (event.event_type !== 'status_change') return event.event_type;
  return event.data.status === 'completed' ? 'good' : event.data.status === 'failed' ? 'error' : 'status';
}

function describe(event: TaskEvent): string {
  switch (event.event_type) {
    case 'status_change': {
      const { status, message, error } = event.data;
      return [textOr(`status.${status}`, status), error ?? message].filter(Boolean).join(' · ');
    }
    case 'progress': {
      const { current_iteration, max_iterations, progress_percent, message } = event.data;
      if (message === 'Generating visualizations...') return t('log.visualizing');
      if (message) return message;
      const percent = t('log.progress', { percent: number(progress_percent, 0) });
      return current_iteration === undefined ? percent : `${percent} · ${current_iteration}/${max_iterations ?? '?'}`;
    }
    case 'iteration_complete': {
      const { iteration, metrics } = event.data;
      const facts = [
        typeof metrics.max_temp === 'number' && `${number(metrics.max_temp, 1)} °C`,
        typeof metrics.min_clearance === 'number' && `${number(metrics.min_clearance, 1)} mm`,
        typeof metrics.feasible === 'boolean' && (metrics.feasible ? `✓ ${t('kpi.yes')}` : `✗ ${t('kpi.no')}`),
      ].filter((fact) => typeof fact === 'string');
      return [t('log.iteration', { k: iteration }), ...facts].join(' · ');
    }
    case 'error':
      return event.data.error;
    case 'snapshot':
      return t('log.snapshot');
    default:
      // A kind of a later server.
      return (event as { event_type: string }).event_type;
  }
}
