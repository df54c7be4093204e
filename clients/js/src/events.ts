import type { Task, TaskResult, TaskStatus } from './task.js';

interface Envelope<Kind extends string, Data> {
  task_id: string;
  event_type: Kind;
  data: Data;
  /** RFC 3339, UTC. */
  timestamp: string;
  /** Place in the task's log: from 1, gapless. */
  seq: number;
  /** Version of the event format. */
  v?: number;
}

/** The task has a new status. */
export type StatusChangeEvent = Envelope<
  'status_change',
  { status: TaskStatus; message?: string; result?: TaskResult; error?: string }
>;

/** Numbers of a progress event; a note such as "Generating visualizations..." has no iteration numbers. */
export interface Progress {
  current_iteration?: number;
  max_iterations?: number;
  progress_percent?: number;
  message?: string;
}

/** The job got further. */
export type ProgressEvent = Envelope<'progress', Progress>;

/** Headline numbers of one iteration. Servers may add more. */
export interface IterationMetrics {
  /** Hottest component, °C. */
  max_temp?: number;
  /** Smallest distance between two components, mm; null with one component. */
  min_clearance?: number | null;
  /** Center of mass from the envelope's center, mm. */
  cg_offset?: number;
  num_violations?: number;
  /** What the search minimizes; lower is better. */
  score?: number;
  /** Smallest distance of a component to its temperature limit, K. */
  temp_margin?: number;
  /** Mass of the components, kg. */
  total_mass?: number;
  feasible?: boolean;
  [name: string]: number | boolean | null | undefined;
}

/** One iteration of the job is done. */
export type IterationCompleteEvent = Envelope<'iteration_complete', { iteration: number; metrics: IterationMetrics }>;

/** The job failed; a `status_change` to `failed` follows. */
export type ErrorEvent = Envelope<'error', { status?: string; error: string; code?: string }>;

/** The whole task at once: history was not available from where the client stood. */
export type SnapshotEvent = Envelope<'snapshot', Task>;

/** What the server says about a task. Kinds that this version does not know may arrive, see {@link isKnownEvent}. */
export type TaskEvent = StatusChangeEvent | ProgressEvent | IterationCompleteEvent | ErrorEvent | SnapshotEvent;

/** An event of a kind that this version does not know. */
export type UnknownEvent = Envelope<string, unknown>;

/** The name of a kind of event. */
export type TaskEventKind = TaskEvent['event_type'];

const KNOWN: ReadonlySet<string> = new Set<TaskEventKind>([
  'status_change',
  'progress',
  'iteration_complete',
  'error',
  'snapshot',
]);

/** Whether this version knows the kind of the event. */
export function isKnownEvent(event: UnknownEvent | TaskEvent): event is TaskEvent {
  return KNOWN.has(event.event_type);
}
