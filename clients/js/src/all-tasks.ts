import type { Connection } from './connection.js';
import { ApiError, StreamError } from './errors.js';
import type { StatusChangeEvent, TaskEvent } from './events.js';
import { hear, iterate, Listeners } from './listeners.js';
import { type Refusal, RETRY_MS, type Subscribed } from './stream.js';
import { isTerminal } from './task.js';

/** Stands for all tasks where a task is named. */
export const ALL_TASKS = '*';

/** How a stream of all tasks stands: one that waits has no connection at the moment. */
export type AllTasksPhase = 'waiting' | 'live' | 'ended' | 'failed';

/** When the stream of all tasks ends. There is nothing else to choose. */
export interface AllTasksOptions {
  /** Ends the stream when aborted. */
  signal?: AbortSignal;
}

/** Reads a page of a task's log; {@link Client.listEvents} is one. */
export type ReadLog = (taskId: string, after: number) => Promise<{ events: TaskEvent[]; log_id: string; next_after: number }>;

type Handlers = {
  status_change: (event: StatusChangeEvent) => void;
  missed: (taskId: string) => void;
  status: (status: { phase: AllTasksPhase }) => void;
  end: () => void;
  failure: (error: StreamError) => void;
};

/** How far one task was heard. */
interface Mark {
  seq: number;
  ended: boolean;
  /** While its log is read: what arrives meanwhile comes after that. */
  waiting?: StatusChangeEvent[];
  /** Something was missed that the reading may have passed already. */
  again?: boolean;
}

/** Tasks remembered; of the finished ones the oldest is forgotten first. */
const MAX_REMEMBERED = 10_000;

/**
 * The status changes of all tasks from now on, of each task in order and once.
 *
 * What was missed of a task that was heard of (the connection broke, or the server says so) is read
 * from its log. Which others changed meanwhile only the list of tasks can tell: `missed` says when
 * to read it again.
 */
export class AllTasksStream implements AsyncIterable<StatusChangeEvent> {
  readonly taskId = ALL_TASKS;
  #phase: AllTasksPhase = 'waiting';
  #logId: string | undefined;
  #wasAway = false;
  #failure: StreamError | undefined;
  #reading: Promise<void> = Promise.resolve();
  #retry: ReturnType<typeof setTimeout> | undefined;
  readonly #marks = new Map<string, Mark>();
  readonly #connection: Connection;
  readonly #readLog: ReadLog;
  readonly #listeners = new Listeners<Handlers>();
  readonly #release: (() => void)[] = [];

  constructor(connection: Connection, readLog: ReadLog, options: AllTasksOptions = {}) {
    const unknown = Object.keys(options).filter((name) => name !== 'signal');
    if (unknown.length > 0) throw new StreamError(`the stream of all tasks has no option ${unknown.join(', ')}`, 'options', ALL_TASKS);
    this.#connection = connection;
    this.#readLog = readLog;
    this.#listen(options.signal);
  }

  /** How the stream stands. */
  get status(): { phase: AllTasksPhase } {
    return { phase: this.#phase };
  }

  /**
   * Listens to `status_change`, to `status`, `end` or `failure`, or to `missed`: with the id of a task, whose status
   * changes then follow, or with `*`, when any task's may have been missed. Returns the function that stops it.
   */
  on<Name extends keyof Handlers>(name: Name, handler: Handlers[Name]): () => void {
    return this.#listeners.on(name, handler);
  }

  /** Reads the status changes of a task that were not heard yet, from its first one on when none was. */
  catchUp(taskId: string): void {
    const mark = this.#mark(taskId);
    if (mark.ended) return;
    mark.again = true;
    if (mark.waiting) return;
    mark.waiting = [];
    // One task after the other: all of a long list may have to be read.
    this.#reading = this.#reading.then(() => this.#read(taskId, mark));
  }

  /** Stops listening. The tasks go on. */
  close(): void {
    if (this.#isOver()) return;
    for (const release of this.#release.splice(0)) release();
    this.#become('ended');
    this.#listeners.call('end');
  }

  /** The status changes from now on. Leaving the loop closes the stream. */
  [Symbol.asyncIterator](): AsyncGenerator<StatusChangeEvent, void, undefined> {
    return iterate<StatusChangeEvent>({
      taskId: ALL_TASKS,
      onEvent: (handler) => this.on('status_change', handler),
      onChange: (handler) => this.on('status', handler),
      ended: () => this.#phase === 'ended',
      failure: () => this.#failure,
      fail: (error) => this.#fail(error),
      close: () => this.close(),
    });
  }

  #listen(signal: AbortSignal | undefined): void {
    this.#release.push(this.#connection.hold(ALL_TASKS, {}));
    this.#release.push(
      () => clearTimeout(this.#retry),
      hear(this.#connection, {
        update: (event) => {
          if (event?.event_type === 'status_change') this.#take(event);
        },
        subscribed: (answer) => {
          if (answer?.task_id === ALL_TASKS) this.#subscribed(answer);
        },
        refused: (error) => {
          if (error?.code === 'events_missed') for (const id of error.task_ids ?? [ALL_TASKS]) this.#missed(id);
          else if (error?.task_id === ALL_TASKS) this.#refused(error);
        },
        connected: () => this.#subscribe(),
        away: () => {
          this.#wasAway ||= this.#phase === 'live';
          this.#become('waiting');
        },
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

  #subscribe(): void {
    this.#connection.socket.emit('subscribe', { task_id: ALL_TASKS });
  }

  #subscribed(answer: Subscribed): void {
    // Another log: the numbers heard so far mean nothing in it.
    if (this.#logId !== undefined && this.#logId !== answer.log_id) this.#marks.clear();
    this.#logId = answer.log_id;
    this.#become('live');
    if (!this.#wasAway) return;
    this.#wasAway = false;
    this.#missed(ALL_TASKS);
  }

  #missed(taskId: string): void {
    // First what was heard of, so that nothing that arrives overtakes it.
    const known = taskId === ALL_TASKS ? [...this.#marks].filter(([, { ended }]) => !ended).map(([id]) => id) : [taskId];
    for (const id of known) this.catchUp(id);
    this.#listeners.call('missed', taskId);
  }

  #refused({ message, code }: Refusal): void {
    if (code !== 'internal') return this.#fail(new StreamError(message ?? 'refused', code, ALL_TASKS));
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (this.#connection.socket.connected) this.#subscribe();
    }, RETRY_MS);
  }

  #take(event: StatusChangeEvent): void {
    const mark = this.#mark(event.task_id);
    if (mark.waiting) mark.waiting.push(event);
    else this.#handOn(mark, event);
  }

  #handOn(mark: Mark, event: StatusChangeEvent): void {
    if (this.#isOver()) return;
    // Events without a number come from the original server: delivered as they are.
    if (Number.isSafeInteger(event.seq)) {
      if (event.seq <= mark.seq) return;
      mark.seq = event.seq;
    }
    mark.ended = isTerminal(event.data.status);
    this.#listeners.call('status_change', event);
  }

  async #read(taskId: string, mark: Mark): Promise<void> {
    while (!this.#isOver() && this.#marks.get(taskId) === mark && mark.waiting) {
      mark.again = false;
      try {
        await this.#readPages(taskId, mark);
      } catch (error) {
        // Unless there is no such task, for instance: waiting would not help.
        if (!isForGood(error)) {
          await new Promise<void>((resolve) => setTimeout(resolve, RETRY_MS));
          continue;
        }
      }
      if (mark.again) continue;
      const { waiting } = mark;
      delete mark.waiting;
      for (const event of waiting) this.#handOn(mark, event);
    }
  }

  async #readPages(taskId: string, mark: Mark): Promise<void> {
    for (let after = mark.seq; ; ) {
      const page = await this.#readLog(taskId, after);
      // Another log's numbers: the subscription will say so, too, and forget everything.
      if (this.#isOver() || this.#marks.get(taskId) !== mark) return;
      if (this.#logId !== undefined && page.log_id !== this.#logId) throw new StreamError('the log is another one', 'log', taskId);
      if (page.events.length === 0) return;
      for (const event of page.events) if (event.event_type === 'status_change') this.#handOn(mark, event);
      after = page.next_after;
    }
  }

  #mark(taskId: string): Mark {
    const known = this.#marks.get(taskId);
    if (known) return known;
    const mark: Mark = { seq: 0, ended: false };
    this.#marks.set(taskId, mark);
    if (this.#marks.size > MAX_REMEMBERED) this.#forgetOne();
    return mark;
  }

  #forgetOne(): void {
    const ids = [...this.#marks.keys()];
    const id = ids.find((id) => this.#marks.get(id)?.ended) ?? ids[0];
    if (id !== undefined) this.#marks.delete(id);
  }

  #isOver(): boolean {
    return this.#phase === 'ended' || this.#phase === 'failed';
  }

  #fail(error: StreamError): void {
    if (this.#isOver()) return;
    this.#failure = error;
    for (const release of this.#release.splice(0)) release();
    this.#become('failed');
    this.#listeners.call('failure', error);
  }

  #become(phase: AllTasksPhase): void {
    if (this.#isOver() || this.#phase === phase) return;
    this.#phase = phase;
    this.#listeners.call('status', this.status);
  }
}

/** Whether the server refused what would be refused again. */
function isForGood(error: unknown): boolean {
  return error instanceof ApiError && error.status < 500 && error.status !== 408 && error.status !== 429;
}
