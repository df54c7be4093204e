import type { ConstraintState } from './client.js';
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
  /** The event before this one on a subscription that leaves some out. */
  prev_seq?: number;
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
export type ProgressEvent = Envelope<
  'progress',
  Progress & {
    /** With `layout: true`, of the start, at 0 percent. */
    layout?: LiveLayout;
  }
> & {
  /** With `coalesce`: seq of the oldest event that this newer one stands for. */
  coalesced_from?: number;
};

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

/** x, y, z. */
export interface Vector {
  x: number;
  y: number;
  z: number;
}

/** What a live view draws of one layout: mm, degrees, °C, as in {@link DesignState}. */
export interface LiveLayout {
  components: {
    id: string;
    panel: string;
    /** Minimum corner of the rotated box, from the envelope's center. */
    position: Vector;
    center: Vector;
    /** Before rotation. */
    dimensions: Vector;
    rotation: Vector;
    temperature: number | null;
    /** Limit less uncertainty less temperature, K. */
    temp_margin: number | null;
    /** Distance to the nearest other component; null when alone. */
    clearance: number | null;
  }[];
  envelope: { inner_size: Vector };
  keepouts: { min_point: Vector; max_point: Vector; tag: string }[];
  constraints: ConstraintState[];
  panels: {
    /** Cells per panel edge, n. */
    mesh: number;
    /** 6 n² cells, °C: panel by panel (-X, +X, -Y, +Y, -Z, +Z), row by row. */
    temperatures: Float32Array;
  };
}

/** One iteration of the job is done. */
export type IterationCompleteEvent = Envelope<
  'iteration_complete',
  {
    iteration: number;
    metrics: IterationMetrics;
    /** With `layout: true`. */
    layout?: LiveLayout;
  }
>;

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

/** Turns the binary temperature field of a layout, as the socket brings it, into numbers. */
export function readLayout(event: TaskEvent | UnknownEvent): void {
  const data = event.data as { layout?: { panels?: { temperatures?: unknown } } } | null | undefined;
  const panels = data?.layout?.panels;
  const field = panels?.temperatures;
  if (!panels || field instanceof Float32Array) return;
  // A browser brings an ArrayBuffer, Node a view that may start anywhere: copied, it is aligned.
  if (field instanceof ArrayBuffer) panels.temperatures = new Float32Array(field);
  else if (ArrayBuffer.isView(field)) {
    const bytes = new Uint8Array(field.buffer, field.byteOffset, field.byteLength);
    panels.temperatures = new Float32Array(Uint8Array.from(bytes).buffer);
  }
}

/** Whether this version knows the kind of the event. */
export function isKnownEvent(event: UnknownEvent | TaskEvent): event is TaskEvent {
  return KNOWN.has(event.event_type);
}
