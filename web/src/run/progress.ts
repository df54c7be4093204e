import type { Task } from '@msgalaxy/client';

/** The default of the server when a task does not say. */
const DEFAULT_ITERATIONS = 20;

/** Percent done, 0 to 100; a task that ran to its end is at 100 whatever it said last. */
export function percentOf(task: Task): number {
  if (task.status === 'completed') return 100;
  const percent = task.progress?.progress_percent;
  return typeof percent === 'number' && Number.isFinite(percent) ? Math.min(100, Math.max(0, percent)) : 0;
}

/** Iterations that the task may use. */
export function maxIterations(task: Task): number {
  const told = task.progress?.max_iterations ?? task.config.max_iterations;
  return typeof told === 'number' ? told : DEFAULT_ITERATIONS;
}

/** The file's name of the task's BOM. */
export function bomName(task: Task): string | null {
  const file = task.config.bom_file;
  return typeof file === 'string' && file !== '' ? file.slice(file.lastIndexOf('/') + 1) : null;
}
