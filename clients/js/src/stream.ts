import type { Connection } from './connection.js';
import { StreamError } from './errors.js';
import { isKnownEvent, readLayout, type TaskEvent, type TaskEventKind, type UnknownEvent } from './events.js';
import { hear, iterate, Listeners } from './listeners.js';
import { applyEvent, emptyTask, isTerminal, type Task } from './task.js';

/** How far a stream is. `replaying`: history or missed events still arrive. */
export type StreamPhase = 'waiting' | 'replaying' | 'live' | 'ended' | 'failed';

/** How a stream stands. */
export interface StreamStatus {
  phase: StreamPhase;
  /** Seq of the newest event delivered. */
  at: number;
  /** Seq up to which the server had events when it answered the subscription. */
  to: number;
  /** Events that arrived twice and were dropped. */
  duplicates: number;
  /** Holes that were seen and filled. */
  gaps: number;
}

/** What a stream brings, where it starts, and when it ends. */
export interface TaskStreamOptions {
  /** Only events of these kinds; status changes always come. */
  events?: readonly Exclude<TaskEventKind, 'snapshot'>[];
  /** Of several `progress` events that wait for this client, only the newest. */
  coalesce?: boolean;
  /** The first `progress` and every `iteration_complete` carry `data.layout`. */
  layout?: boolean;
  /** Only events after this seq; 0 is the whole history. */
  afterSeq?: number;
  /** The log that `afterSeq` belongs to. */
  logId?: string;
  /** The task that the events are folded into. */
  task?: Task;
  /** Ends the stream when aborted. */
  signal?: AbortSignal;
}

/** What the server says to a subscription. */
export interface Subscribed {
  task_id?: string;
  head_seq?: number;
  log_id?: string;
  mode?: 'live' | 'replayed' | 'snapshot';
}

/** What the server says about a request that it refused. */
export interface Refusal {
  task_id?: string;
  code?: string;
  message?: string;
  /** With `events_missed`: of which tasks. */
  task_ids?: string[];
}

type Handlers = { [Kind in TaskEventKind]: (event: Extract<TaskEvent, { event_type: Kind }>, task: Task) => void } & {
  event: (event: TaskEvent, task: Task) => void;
  status: (status: StreamStatus) => void;
  end: (task: Task) => void;
  failure: (error: StreamError) => void;
};

/** Holes in a row, without one new event between them, after which a stream fails. */
const MAX_FRUITLESS_RESUMES = 5;

/** Pause before something is asked for again that failed by the server's own fault. */
export const RETRY_MS = 1000;

/**
 * One task, live. Every event is delivered exactly once and in order, whatever
 * happens to the connection: the stream remembers the last seq and resumes
 * after it, drops what it has seen, and asks again when it finds a hole.
 *
 * Listen with {@link on}, or iterate: `for await (const event of stream)`.
 */
export class TaskStream implements AsyncIterable<TaskEvent> {
  readonly taskId: string;
  #task: Task;
  #status: StreamStatus;
  #logId: string | undefined;
  /** Fields of the subscribe packet that say what is wanted. */
  readonly #wanted: { events?: string[]; coalesce?: true; layout?: true };
  #resuming = false;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #fruitless = 0;
  readonly #connection: Connection;
  readonly #listeners = new Listeners<Handlers>();
  readonly #release: (() => void)[] = [];
  #failure: StreamError | undefined;

  constructor(connection: Connection, taskId: string, options: TaskStreamOptions = {}) {
    this.taskId = taskId;
    this.#connection = connection;
    this.#task = options.task ?? emptyTask(taskId);
    this.#logId = options.logId;
    const { events, coalesce, layout } = options;
    this.#wanted = {
      // The end of a task is a status change; without it the stream would never end.
      ...(events ? { events: [...new Set([...events, 'status_change'])] } : {}),
      ...(coalesce ? { coalesce } : {}),
      ...(layout ? { layout } : {}),
    };
    const at = options.afterSeq ?? 0;
    this.#status = { phase: 'waiting', at, to: at, duplicates: 0, gaps: 0 };
    this.#listen(options.signal);
  }

  /** The task so far: the fold of the events. */
  get task(): Task {
    return this.#task;
  }

  /** How far the stream is. */
  get status(): StreamStatus {
    return this.#status;
  }

  /** Seq of the newest event delivered; together with {@link logId} enough to resume in another process. */
  get lastSeq(): number {
    return this.#status.at;
  }

  /** Which log the seq belongs to. */
  get logId(): string | undefined {
    return this.#logId;
  }

  /** Listens to one kind of event, to every `event`, to `status`, `end` or `failure`. Returns the function that stops it. */
  on<Name extends keyof Handlers>(name: Name, handler: Handlers[Name]): () => void {
    return this.#listeners.on(name, handler);
  }

  /** Resolves with the task when it has ended; rejects when the stream fails or is closed before. */
  finished(): Promise<Task> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure);
      if (isTerminal(this.#task.status)) return resolve(this.#task);
      if (this.#status.phase === 'ended') return reject(new StreamError('the stream was closed', 'closed', this.taskId));
      this.on('failure', reject);
      this.on('end', (task) => {
        if (isTerminal(task.status)) resolve(task);
        else reject(new StreamError('the stream was closed', 'closed', this.taskId));
      });
    });
  }

  /** Stops listening. The task itself goes on. */
  close(): void {
    if (this.#status.phase === 'ended' || this.#status.phase === 'failed') return;
    this.#end();
  }

  /** The events from now on; ends after the terminal one. Leaving the loop closes the stream. */
  [Symbol.asyncIterator](): AsyncGenerator<TaskEvent, void, undefined> {
    return iterate<TaskEvent>({
      taskId: this.taskId,
      onEvent: (handler) => this.on('event', handler),
      onChange: (handler) => this.on('status', handler),
      ended: () => this.#status.phase === 'ended',
      failure: () => this.#failure,
      fail: (error) => this.#fail(error),
      close: () => this.close(),
    });
  }

  #listen(signal: AbortSignal | undefined): void {
    this.#release.push(this.#connection.hold(this.taskId, this.#wanted));
    this.#release.push(
      () => clearTimeout(this.#retry),
      hear(this.#connection, {
        update: (event) => {
          if (event?.task_id === this.taskId) this.#take(event);
        },
        subscribed: (answer) => {
          if (answer?.task_id === this.taskId) this.#resumed(answer);
        },
        refused: (error) => {
          if (error?.task_id === this.taskId) this.#refused(error.message ?? 'refused', error.code);
        },
        connected: () => this.#resume(),
        away: () => this.#become({ phase: 'waiting' }),
      }),
    );
    if (signal) {
      const stop = (): void => this.close();
      signal.addEventListener('abort', stop);
      this.#release.push(() => signal.removeEventListener('abort', stop));
      if (signal.aborted) return this.close();
    }
    this.#connection.open();
  }

  /** Asks for everything after the last event seen. */
  #resume(): void {
    this.#resuming = true;
    const { at } = this.#status;
    this.#connection.socket.emit('subscribe', {
      task_id: this.taskId,
      ...(at > 0 ? { after_seq: at } : {}),
      ...(at > 0 && this.#logId !== undefined ? { log_id: this.#logId } : {}),
      ...this.#wanted,
    });
  }

  /** A refusal ends the stream, whatever its code, unless the server had trouble: then it is asked again. */
  #refused(message: string, code: string | undefined): void {
    if (code !== 'internal') return this.#fail(new StreamError(message, code, this.taskId));
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (this.#connection.socket.connected) this.#resume();
    }, RETRY_MS);
  }

  #resumed(answer: Subscribed): void {
    this.#resuming = false;
    if (answer.log_id !== undefined) {
      // Another log: the numbers seen so far mean nothing in it. The server sends a snapshot.
      if (this.#logId !== undefined && this.#logId !== answer.log_id) {
        // Events do not tell the request.
        this.#task = { ...emptyTask(this.taskId), config: this.#task.config };
        this.#become({ at: 0 });
      }
      this.#logId = answer.log_id;
    }
    const to = answer.head_seq ?? this.#status.at;
    this.#become({ to, phase: answer.mode !== 'snapshot' && to <= this.#status.at ? 'live' : 'replaying' });
  }

  #take(event: TaskEvent): void {
    readLayout(event);
    if (event.event_type === 'snapshot') {
      this.#task = applyEvent(this.#task, event);
      this.#fruitless = 0;
      // One less than the head: a status change with the head's number follows and repeats the status.
      this.#become({ at: Math.max(this.#task.head_seq - 1, 0), to: this.#task.head_seq, phase: 'replaying' });
      return this.#tell(event);
    }
    // Events without a number come from the original server: delivered as they are.
    const seq = Number.isSafeInteger(event.seq) ? event.seq : this.#status.at + 1;
    const { at } = this.#status;
    if (seq <= at) return this.#become({ duplicates: this.#status.duplicates + 1 });
    if (this.#before(event, seq) > at) return this.#hole();
    this.#fruitless = 0;
    this.#task = applyEvent(this.#task, seq === event.seq ? event : { ...event, seq });
    const to = Math.max(this.#status.to, seq);
    const phase = this.#status.phase === 'waiting' || seq < to ? this.#status.phase : 'live';
    this.#become({ at: seq, to, phase });
    this.#tell(event);
    this.#endIfTerminal();
  }

  /** Seq of the event before this one; a stream that leaves some out is told. */
  #before(event: TaskEvent, seq: number): number {
    const leavesOut = this.#wanted.events !== undefined || this.#wanted.coalesce !== undefined;
    // The status that follows a snapshot names the snapshot, whose seq is its own.
    return leavesOut && event.prev_seq !== undefined ? Math.min(event.prev_seq, seq - 1) : seq - 1;
  }

  /** An event is missing: this one will come again, after it. */
  #hole(): void {
    if (this.#resuming) return;
    this.#fruitless += 1;
    if (this.#fruitless > MAX_FRUITLESS_RESUMES) {
      return this.#fail(new StreamError(`the event after seq ${this.#status.at} does not arrive`, 'gap', this.taskId));
    }
    this.#become({ gaps: this.#status.gaps + 1, phase: 'replaying' });
    this.#resume();
  }

  #endIfTerminal(): void {
    if (isTerminal(this.#task.status)) this.#end();
  }

  #fail(error: StreamError): void {
    if (this.#failure || this.#status.phase === 'ended') return;
    this.#failure = error;
    this.#become({ phase: 'failed' });
    this.#listeners.call('failure', error);
    for (const release of this.#release.splice(0)) release();
  }

  #end(): void {
    for (const release of this.#release.splice(0)) release();
    this.#become({ phase: 'ended' });
    this.#listeners.call('end', this.#task);
  }

  #become(change: Partial<StreamStatus>): void {
    this.#status = { ...this.#status, ...change };
    this.#listeners.call('status', this.#status);
  }

  #tell(event: TaskEvent | UnknownEvent): void {
    if (isKnownEvent(event)) this.#listeners.call(event.event_type, event, this.#task);
    this.#listeners.call('event', event, this.#task);
  }
}
