import {
  ApiError,
  type Client,
  type ConnectionStatus,
  isTerminal,
  type LiveLayout,
  type StreamStatus,
  type Task,
  type TaskEvent,
  type TaskStream,
} from '@msgalaxy/client';
import { batch, computed, effect, type ReadonlySignal, signal } from '@preact/signals';
import { connection, explain } from '../server';
import { LayoutFollower } from './follower';
import { emptySeries, pushIteration, type Series } from './series';

/** Events that are kept for the log; older ones are counted only. */
export const LOG_LIMIT = 2000;

/** Milliseconds between two drawings while events come one by one, and while they pour in, as in a replay of thousands. */
const DRAW_EVERY_MS = 40;
const DRAW_FLOOD_EVERY_MS = 200;
/** Events between two drawings that count as pouring in. */
const FLOOD = 12;

/** Events before a task was opened up to which its layouts come with them; of a longer history that would be megabytes. */
const SHORT_HISTORY = 24;

/** Whether the task is there. */
export type Loading = 'loading' | 'ready' | 'unknown' | 'error';

/** Whether the server says that there is no such task. */
const isUnknown = (error: unknown): boolean => error instanceof ApiError && (error.status === 404 || error.status === 400);

/** One task as the page shows it: the stream's fold, its series and log, and the layout in view. */
export class RunModel {
  readonly taskId: string;
  readonly loading = signal<Loading>('loading');
  readonly failure = signal('');
  readonly task = signal<Task | null>(null);
  readonly stream = signal<StreamStatus>({ phase: 'waiting', at: 0, to: 0, duplicates: 0, gaps: 0 });
  /** Changes whenever {@link series} or {@link log} have grown. */
  readonly version = signal(0);
  readonly series: Series = emptySeries();
  readonly log: TaskEvent[] = [];
  /** Events before those in {@link log}. */
  dropped = 0;
  /** Stable code of the newest error event. */
  readonly errorCode = signal('');
  /** The iteration that the user picked; null follows the newest. */
  readonly picked = signal<number | null>(null);
  readonly newest = signal(0);
  readonly shown: ReadonlySignal<number>;
  /** Iteration whose layout is wanted: as {@link shown}, but null while there is no layout. */
  readonly wanted: ReadonlySignal<number | null>;
  readonly layout: LayoutFollower;
  /** Timestamp of the newest event: what the page is "as of". */
  readonly asOf = signal('');
  readonly cancelling = signal(false);
  #events: TaskStream | undefined;
  #pending: TaskEvent[] = [];
  #flood = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  /** The connection was lost and is not back yet. */
  #lost = false;
  readonly #client: Client;
  readonly #stop: () => void;

  constructor(client: Client, taskId: string) {
    this.#client = client;
    this.taskId = taskId;
    this.shown = computed(() => this.picked.value ?? this.newest.value);
    this.wanted = computed(() => {
      const k = this.shown.value;
      const task = this.task.value;
      // Of the start there is a layout only when the task ended with it.
      return task && (k > 0 || task.result?.final_iteration === 0) ? k : null;
    });
    this.layout = new LayoutFollower((k) => client.iteration(taskId, k));
    const stops = [
      // Also when the connection is back: what failed meanwhile is asked for again.
      effect(() => {
        const connected = connection.value.phase === 'connected';
        this.layout.want(this.wanted.value);
        if (connected && this.loading.peek() === 'error') void this.load();
      }),
      effect(() => this.#followConnection(connection.value.phase)),
    ];
    this.#stop = () => stops.forEach((stop) => stop());
    void this.load();
  }

  /** Reads the task and follows its events. Called again to retry. */
  async load(): Promise<void> {
    this.loading.value = 'loading';
    try {
      const task = await this.#client.getTask(this.taskId);
      if (!this.#closed) this.#follow(task);
    } catch (error) {
      this.#failed(error, explain(error));
    }
  }

  /** Stops following. */
  close(): void {
    this.#closed = true;
    this.#stop();
    this.layout.close();
    this.#unfollow();
  }

  async cancel(): Promise<void> {
    this.cancelling.value = true;
    try {
      await this.#client.cancelTask(this.taskId);
    } catch (error) {
      // It ended by itself in the meantime: its last event says so.
      if (!(error instanceof ApiError && error.status === 409)) {
        this.cancelling.value = false;
        throw error;
      }
    }
    if (this.task.value && isTerminal(this.task.value.status)) this.cancelling.value = false;
  }

  /** A server that is back may have another store. Of a task under way the stream is told; about one that has ended, ask. */
  #followConnection(phase: ConnectionStatus['phase']): void {
    if (phase === 'reconnecting') this.#lost = true;
    if (phase !== 'connected' || !this.#lost) return;
    this.#lost = false;
    const loading = this.loading.peek();
    const task = this.task.peek();
    if (loading === 'unknown') void this.load();
    else if (loading === 'ready' && task && isTerminal(task.status)) void this.#stillThere();
  }

  /** Leaves a task that the server does not know any more; other trouble is no reason to. */
  async #stillThere(): Promise<void> {
    try {
      await this.#client.getTask(this.taskId);
    } catch (error) {
      if (isUnknown(error)) this.#failed(error, '');
    }
  }

  /** The stream was refused. Whether that is for want of the task, the server says by its plain interface. */
  async #refused(message: string): Promise<void> {
    try {
      await this.#client.getTask(this.taskId);
      this.#failed(undefined, message);
    } catch (error) {
      this.#failed(error, message);
    }
  }

  #failed(error: unknown, message: string): void {
    if (this.#closed) return;
    const unknown = isUnknown(error);
    batch(() => {
      this.failure.value = message;
      this.loading.value = unknown ? 'unknown' : 'error';
      // What was known of it is of another store.
      if (unknown) this.task.value = null;
    });
    if (unknown) this.#unfollow();
  }

  #unfollow(): void {
    this.#events?.close();
    this.#events = undefined;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pending = [];
  }

  #follow(task: Task): void {
    this.#unfollow();
    // All events come again.
    this.log.length = 0;
    this.dropped = 0;
    // The history is replayed from the first event, for chart and log; until it
    // is here, the page shows the task as the server told it.
    const layout = !isTerminal(task.status) && task.head_seq <= SHORT_HISTORY;
    const stream = this.#client.subscribeTask(this.taskId, { layout, task: { ...task, head_seq: 0 } });
    this.#events = stream;
    batch(() => {
      this.task.value = task;
      this.newest.value = task.last_iteration?.iteration ?? task.result?.final_iteration ?? 0;
      this.loading.value = 'ready';
    });
    stream.on('status', (status) => {
      // A new phase at once, the counting with the next drawing.
      if (status.phase !== this.stream.peek().phase) this.stream.value = status;
    });
    stream.on('failure', (error) => {
      if (this.#events === stream) void this.#refused(error.message);
    });
    stream.on('event', (event) => {
      this.#pending.push(event);
      this.#timer ??= setTimeout(() => this.#flush(), this.#flood ? DRAW_FLOOD_EVERY_MS : DRAW_EVERY_MS);
    });
    this.stream.value = stream.status;
  }

  #flush(): void {
    this.#timer = undefined;
    const events = this.#pending.splice(0);
    this.#flood = events.length > FLOOD;
    batch(() => {
      if (this.#events) this.stream.value = this.#events.status;
      for (const event of events) this.#take(event);
      const task = this.#events?.task;
      // During a replay the fold lags behind what is known already.
      if (task && task.head_seq >= (this.task.value?.head_seq ?? 0)) this.task.value = task;
      this.version.value += 1;
    });
  }

  #take(told: TaskEvent): void {
    const { event, layout } = withoutLayout(told);
    this.log.push(event);
    if (this.log.length > LOG_LIMIT) {
      this.log.shift();
      this.dropped += 1;
    }
    this.asOf.value = event.timestamp;
    if (event.event_type === 'iteration_complete') {
      pushIteration(this.series, event.data);
      if (layout) this.layout.tell(event.data.iteration, layout);
      this.newest.value = Math.max(this.newest.value, event.data.iteration);
    } else if (event.event_type === 'progress') {
      if (layout) this.layout.tell(0, layout);
    } else if (event.event_type === 'error') {
      this.errorCode.value = event.data.code ?? '';
    } else if (event.event_type === 'status_change' && isTerminal(event.data.status)) {
      this.cancelling.value = false;
    }
  }
}

/** The log keeps thousands of events, but not their layouts. */
function withoutLayout(event: TaskEvent): { event: TaskEvent; layout?: LiveLayout | undefined } {
  if (event.event_type !== 'iteration_complete' && event.event_type !== 'progress') return { event };
  const { layout, ...data } = event.data;
  return { event: { ...event, data } as TaskEvent, layout };
}
