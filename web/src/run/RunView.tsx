import { isTerminal, type Task } from '@msgalaxy/client';
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { clock, elapsed, number } from '../format';
import { t } from '../i18n';
import { Icon } from '../parts/Icon';
import { Failure, ProblemList } from '../parts/Problems';
import { Status } from '../parts/Status';
import { isHopeless, sortWarnings } from '../parts/warnings';
import { connection } from '../server';
import { launch, launchError, launching } from '../start/launch';
import { Charts } from './Charts';
import { ConstraintTable } from './ConstraintTable';
import { EventLog } from './EventLog';
import { Images } from './Images';
import { KpiTiles } from './KpiTiles';
import { LayoutPanel } from './LayoutPanel';
import type { RunModel } from './model';
import { bomName, maxIterations, percentOf } from './progress';

/** One task, live. */
export function RunView({ run }: { run: RunModel }) {
  const task = run.task.value;
  if (run.loading.value === 'unknown') return <Unknown run={run} />;
  if (!task) return run.loading.value === 'error' ? <LoadFailed run={run} /> : <p class="empty card">{t('run.loading')}</p>;

  const stale = !isTerminal(task.status) && connection.value.phase !== 'connected';
  // It ended before its first iteration: there is no curve to wait for, and perhaps no layout.
  const early = isTerminal(task.status) && run.newest.value === 0;
  return (
    <div class={stale ? 'run stale' : 'run'} data-testid="run" data-task={run.taskId}>
      <RunHead run={run} task={task} />
      {stale && connection.value.phase !== 'connecting' && (
        <p class="strip" role="status">
          {t('run.stale', { time: clock(run.asOf.value || task.created_at) })}
        </p>
      )}
      {run.loading.value === 'error' && <LoadFailed run={run} />}
      <Verdict run={run} task={task} />
      {launchError.value !== null && <Failure error={launchError.value} />}
      <Warnings task={task} />
      {early ? (
        <>
          {run.wanted.value === 0 && (
            <>
              <KpiTiles run={run} />
              <div class="columns">
                <LayoutPanel run={run} />
                <ConstraintTable run={run} />
              </div>
            </>
          )}
          <EventLog run={run} />
        </>
      ) : (
        <>
          <KpiTiles run={run} />
          <div class="columns">
            <LayoutPanel run={run} />
            <Charts run={run} />
          </div>
          <div class="columns">
            <ConstraintTable run={run} />
            <EventLog run={run} />
          </div>
        </>
      )}
      {(task.status === 'completed' || task.status === 'cancelled') && task.result && <Images run={run} task={task} />}
      <details class="card">
        <summary>{t('run.config')}</summary>
        <pre class="config" tabIndex={0}>{JSON.stringify(task.config, null, 2)}</pre>
      </details>
    </div>
  );
}

function RunHead({ run, task }: { run: RunModel; task: Task }) {
  const percent = percentOf(task);
  const ended = isTerminal(task.status);
  const iteration = run.newest.value;
  const seed = task.result?.seed ?? task.config.seed;
  return (
    <section class="card run-head" aria-labelledby="run-title">
      <a class="back" href="#/">
        <Icon name="back" />
        {t('run.back')}
      </a>
      <div class="run-title">
        <h1 id="run-title">{bomName(task) ?? t('tasks.inline')}</h1>
        <span role="status" data-testid="task-status">
          <Status status={task.status} />
        </span>
        <code class="run-id">{task.id}</code>
      </div>
      <div class="run-actions">{ended ? <RunAgain task={task} /> : <Cancel run={run} />}</div>
      <div class="run-progress">
        <div
          class={`bar bar-${task.status}`}
          role="progressbar"
          aria-label={t('run.progress')}
          aria-valuemin={0}
          aria-valuemax={100}
          aria-valuenow={Math.round(percent)}
          data-testid="progress"
        >
          <svg viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">
            <rect class="bar-fill" width={percent} height="1" />
          </svg>
        </div>
        <div class="run-line">
        <dl class="run-facts num">
          <div>
            <dt>{t('run.iteration')}</dt>
            <dd data-testid="iteration">
              {iteration}/{maxIterations(task)}
            </dd>
          </div>
          <div>
            <dt>{t('run.progress')}</dt>
            <dd>{number(percent, 0)}%</dd>
          </div>
          <div>
            <dt>{t('run.elapsed')}</dt>
            <dd>{elapsed(task.started_at, task.completed_at ?? (run.asOf.value || null))}</dd>
          </div>
          {typeof seed === 'number' && (
            <div>
              <dt>{t('run.seed')}</dt>
              <dd>{String(seed)}</dd>
            </div>
          )}
        </dl>
        <p class="run-step" role="status">
          {ended ? '' : stepText(task)}
        </p>
        </div>
      </div>
    </section>
  );
}

/** What is going on now, in words. */
function stepText(task: Task): string {
  if (task.status === 'pending') return t('run.waiting');
  if (task.status === 'paused') return '';
  const { progress } = task;
  if (progress && progress.current_iteration === undefined && progress.message) return t('run.visualizing');
  if (task.last_iteration) return '';
  return t(progress ? 'run.first' : 'run.starting');
}

function RunAgain({ task }: { task: Task }) {
  const { bom_file } = task.config;
  if (typeof bom_file !== 'string') return null;
  const { max_iterations, convergence_threshold } = task.config;
  const settings = {
    ...(typeof max_iterations === 'number' ? { max_iterations } : {}),
    ...(typeof convergence_threshold === 'number' ? { convergence_threshold } : {}),
  };
  return (
    <button type="button" disabled={launching.value !== null} onClick={() => launch(bom_file, settings)}>
      <Icon name="play" fill />
      {launching.value === null ? t('run.again') : t('sample.running')}
    </button>
  );
}

const asking = signal(false);
const cancelError = signal<unknown>(null);

/** Asks once, in place; the question takes the focus, so that the keyboard does not lose its way. */
function Cancel({ run }: { run: RunModel }) {
  const yes = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (asking.value) yes.current?.focus();
  }, [asking.value]);
  useEffect(() => {
    asking.value = false;
    cancelError.value = null;
  }, [run]);
  if (run.cancelling.value) return <p class="muted">{t('run.cancelling')}</p>;
  if (!asking.value) {
    return (
      <>
        {cancelError.value !== null && <Failure error={cancelError.value} />}
        <button type="button" class="danger-quiet" onClick={() => (asking.value = true)} data-testid="cancel">
          <Icon name="stop" />
          {t('run.cancel')}
        </button>
      </>
    );
  }
  return (
    <div class="ask" role="group" aria-label={t('run.cancel')}>
      <span>{t('run.cancel.ask')}</span>
      <button
        ref={yes}
        type="button"
        class="danger"
        data-testid="cancel-yes"
        onClick={() => {
          asking.value = false;
          cancelError.value = null;
          run.cancel().catch((error: unknown) => {
            cancelError.value = error;
          });
        }}
      >
        {t('run.cancel.yes')}
      </button>
      <button type="button" onClick={() => (asking.value = false)}>
        {t('run.cancel.no')}
      </button>
    </div>
  );
}

/** How it ended, in a sentence. */
function Verdict({ run, task }: { run: RunModel; task: Task }) {
  switch (task.status) {
    case 'completed':
      return task.result?.feasible === false ? (
        <p class="notice notice-warn" role="status" data-testid="verdict">
          △ {t(isHopeless(task.warnings ?? []) ? 'run.done.hopeless' : 'run.done.infeasible', { n: task.last_iteration?.metrics.num_violations ?? '' })}
        </p>
      ) : (
        <p class="notice notice-good" role="status" data-testid="verdict">
          ✓ {t('run.done.feasible')}
          {task.result?.stop_reason === 'converged' && ` ${t('run.done.converged', { n: task.result.final_iteration })}`}
        </p>
      );
    case 'failed':
      return (
        <div class="notice notice-bad" role="alert" data-testid="verdict">
          <p class="notice-title">✗ {t('run.failed')}</p>
          <p>{task.error}</p>
          {run.errorCode.value !== '' && (
            <p class="muted small">
              {t('run.failed.code')} <code>{run.errorCode.value}</code>
            </p>
          )}
        </div>
      );
    case 'cancelled':
      return (
        <p class="notice notice-warn" role="status" data-testid="verdict">
          ■ {cancelledText(run, task)}
        </p>
      );
    default:
      return null;
  }
}

/** What there is of a cancelled task depends on how far it came. */
function cancelledText(run: RunModel, task: Task): string {
  if (run.newest.value > 0) return t('run.done.cancelled', { n: run.newest.value });
  if (task.result) return t('run.done.cancelled.start');
  return t(task.started_at === null ? 'run.done.cancelled.early' : 'run.done.cancelled.nothing');
}

/** What the input says that has no effect, or that no layout can meet. Open when it decides how the task ends. */
function Warnings({ task }: { task: Task }) {
  const warnings = task.warnings ?? [];
  if (warnings.length === 0) return null;
  const { single, keys } = sortWarnings(warnings);
  return (
    <details class="card warnings" open={isHopeless(warnings)} data-testid="warnings">
      <summary>△ {t('run.warnings', { n: single.length + Math.min(1, keys.length) })}</summary>
      <ProblemList problems={warnings} />
    </details>
  );
}

function LoadFailed({ run }: { run: RunModel }) {
  return (
    <div class="notice notice-bad" role="alert">
      <p class="notice-title">{t('run.error')}</p>
      <p>{run.failure.value}</p>
      <button type="button" onClick={() => run.load()}>
        {t('run.retry')}
      </button>
    </div>
  );
}

function Unknown({ run }: { run: RunModel }) {
  return (
    <div class="notice notice-bad" role="alert">
      <h1 class="notice-title">{t('run.unknown')}</h1>
      <p>{t('run.unknown.text', { id: run.taskId })}</p>
      <a href="#/">{t('run.back')}</a>
    </div>
  );
}

