import type { Problem } from './errors.js';
import type { IterationCompleteEvent, Progress, TaskEvent, UnknownEvent } from './events.js';
import { isKnownEvent } from './events.js';

/** Where a task is in its life. The last three are terminal. */
export type TaskStatus = 'pending' | 'running' | 'paused' | 'completed' | 'failed' | 'cancelled';

/** What the job gave back. */
export interface TaskResult {
  experiment_dir: string;
  final_iteration: number;
  num_components: number;
  feasible?: boolean;
  seed?: number;
  score?: number;
  stop_reason?: string;
  /** Whether images were drawn. */
  images?: boolean;
  [name: string]: unknown;
}

/** A task: the fold of its events. The same object as `GET /api/tasks/{id}`. */
export interface Task {
  id: string;
  task_id: string;
  status: TaskStatus;
  /** The request body, verbatim. */
  config: Record<string, unknown>;
  created_at: string;
  started_at: string | null;
  completed_at: string | null;
  result: TaskResult | null;
  error: string | null;
  /** Data of the newest `progress` event. */
  progress: Progress | null;
  /** Data of the newest `iteration_complete` event. */
  last_iteration: Omit<IterationCompleteEvent['data'], 'layout'> | null;
  /** What the input says that has no effect, or that no layout can meet. Not told in lists, nor by older servers. */
  warnings?: Problem[];
  /** Seq of the newest event that was folded in. */
  head_seq: number;
}

const STATUSES: ReadonlySet<string> = new Set<TaskStatus>(['pending', 'running', 'paused', 'completed', 'failed', 'cancelled']);

/** Whether nothing more will happen to a task of this status. */
export function isTerminal(status: TaskStatus): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}

/** A task of which nothing but the id is known yet. */
export function emptyTask(taskId: string): Task {
  return {
    id: taskId,
    task_id: taskId,
    status: 'pending',
    config: {},
    created_at: '',
    started_at: null,
    completed_at: null,
    result: null,
    error: null,
    progress: null,
    last_iteration: null,
    head_seq: 0,
  };
}

/**
 * The task after one more event. Pure: the given task is left as it is, and is
 * returned itself when the event is old news (`seq` at or below `head_seq`) or
 * about another task. The server folds by the same rule; protocol/folds holds
 * the cases that both must meet.
 */
export function applyEvent(task: Task, event: TaskEvent | UnknownEvent): Task {
  if (event.task_id !== task.id) return task;
  if (event.event_type === 'snapshot') return { ...task, ...(event.data as Task) };
  if (event.seq <= task.head_seq) return task;
  const next: Task = { ...task, head_seq: event.seq };
  if (task.head_seq === 0) next.created_at = event.timestamp;
  if (!isKnownEvent(event)) return next;
  switch (event.event_type) {
    case 'status_change': {
      const { status, result, error } = event.data;
      // A status that this version does not know leaves the task as it was.
      if (!STATUSES.has(status)) return next;
      next.status = status;
      if (status === 'running' && task.started_at === null) next.started_at = event.timestamp;
      if (isTerminal(status)) {
        next.completed_at = event.timestamp;
        next.result = result ?? null;
        next.error = typeof error === 'string' ? error : null;
      }
      return next;
    }
    // A layout is of its event alone: a task object never has it.
    case 'progress': {
      const { layout: _, ...data } = event.data;
      next.progress = data;
      return next;
    }
    case 'iteration_complete': {
      const { layout: _, ...data } = event.data;
      next.last_iteration = data;
      return next;
    }
    case 'error':
      // Only the status change that follows in the same transaction counts.
      return next;
  }
}
