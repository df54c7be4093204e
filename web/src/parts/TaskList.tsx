import { isTerminal, type Task } from '@msgalaxy/client';
import { useEffect } from 'preact/hooks';
import { signal } from '@preact/signals';
import { clock, moment, NONE, number } from '../format';
import { t } from '../i18n';
import { hashOfTask, routeTask } from '../route';
import { currentRun } from '../run/current';
import { bomName, maxIterations, percentOf } from '../run/progress';
import { client, connection } from '../server';
import { Status } from './Status';

const PAGE = 10;
/** Milliseconds between two readings while a task is under way, and while none is. */
const BUSY_MS = 2000;
const IDLE_MS = 10_000;

const tasks = signal<Task[] | null>(null);
const total = signal(0);
const limit = signal(PAGE);
const failed = signal(false);
const readAt = signal('');

/** Reads the list now. */
export async function refreshTasks(): Promise<void> {
  try {
    const list = await client.listTasks({ limit: limit.value });
    tasks.value = list.tasks.slice(0, limit.value);
    total.value = list.total;
    failed.value = false;
    readAt.value = new Date().toISOString();
  } catch {
    failed.value = true;
  }
}

/** Tasks, newest first; a click opens one. */
export function TaskList() {
  const run = currentRun.value;
  const runStatus = run?.task.value?.status;
  const connected = connection.value.phase === 'connected';

  // Read again when the task in view changes its status, and when the server is back.
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    let over = false;
    const read = async (): Promise<void> => {
      if (document.visibilityState === 'visible') await refreshTasks();
      if (over) return;
      const busy = tasks.value?.some(({ status }) => !isTerminal(status)) ?? true;
      timer = setTimeout(read, busy ? BUSY_MS : IDLE_MS);
    };
    void read();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, [runStatus, connected, limit.value]);

  const list = tasks.value;
  return (
    <section class="card" aria-labelledby="tasks-title" data-testid="tasks">
      <div class="card-head">
        <h2 id="tasks-title">{t('tasks.title')}</h2>
        {list !== null && list.length > 0 && <span class="muted">{t('tasks.total', { n: total.value })}</span>}
      </div>
      {failed.value && list !== null && <p class="strip">{t('tasks.stale', { time: clock(readAt.value) })}</p>}
      {list === null && <p class="empty">{failed.value ? t('error.unreachable') : t('tasks.loading')}</p>}
      {list?.length === 0 && <p class="empty">{t('tasks.empty')}</p>}
      {list !== null && list.length > 0 && (
        <ul class="task-list">
          {list.map((task) => (
            <TaskRow key={task.id} task={run?.taskId === task.id ? (run.task.value ?? task) : task} />
          ))}
        </ul>
      )}
      {list !== null && total.value > list.length && list.length >= limit.value && (
        <button type="button" class="quiet" onClick={() => (limit.value += 20)}>
          {t('tasks.more')}
        </button>
      )}
    </section>
  );
}

function TaskRow({ task }: { task: Task }) {
  const iteration = task.last_iteration?.iteration ?? task.result?.final_iteration ?? 0;
  const current = routeTask.value === task.id;
  return (
    <li>
      <a class="task-row" href={hashOfTask(task.id)} {...(current ? { 'aria-current': 'page' as const } : {})}>
        <Status status={task.status} />
        <span class="task-bom">{bomName(task) ?? t('tasks.inline')}</span>
        <span class="task-iteration num">
          {isTerminal(task.status) ? `${t('tasks.col.iteration')} ${iteration}` : `${iteration}/${maxIterations(task)} · ${number(percentOf(task), 0)}%`}
        </span>
        <span class="task-result">{resultText(task)}</span>
        <time class="task-created num" dateTime={task.created_at} title={moment(task.created_at)}>
          {moment(task.created_at)}
        </time>
      </a>
    </li>
  );
}

function resultText(task: Task): string {
  if (task.status === 'failed') return task.error ?? NONE;
  const feasible = task.result?.feasible ?? task.last_iteration?.metrics.feasible;
  if (typeof feasible !== 'boolean') return NONE;
  return feasible ? `✓ ${t('kpi.yes')}` : `✗ ${t('kpi.no')}`;
}
