import { effect, signal } from '@preact/signals';
import { t } from '../i18n';
import { routeTask } from '../route';
import { client } from '../server';
import { RunModel } from './model';
import { percentOf } from './progress';

/** The task in view, followed; null on the start page. */
export const currentRun = signal<RunModel | null>(null);

effect(() => {
  const taskId = routeTask.value;
  const before = currentRun.peek();
  if (before?.taskId === taskId) return;
  before?.close();
  currentRun.value = taskId === null ? null : new RunModel(client, taskId);
});

// The window's title tells how far the task is while another window is in front.
effect(() => {
  const task = currentRun.value?.task.value;
  if (!task) document.title = `MsGalaxy · ${t('app.tagline')}`;
  else if (task.status === 'running') document.title = `${Math.floor(percentOf(task))}% · MsGalaxy`;
  else document.title = `${t(`status.${task.status}`)} · MsGalaxy`;
});
