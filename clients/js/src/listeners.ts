import type { Connection } from './connection.js';
import { StreamError } from './errors.js';
import type { TaskEvent } from './events.js';
import type { Refusal, Subscribed } from './stream.js';

type Handler = (...args: never[]) => void;

/** Events that an iterator may leave unread; a slower reader is told rather than fed from growing memory. */
const MAX_UNREAD = 100_000;

/** Who listens to a stream, by name. */
export class Listeners<Handlers extends { [Name in keyof Handlers]: Handler }> {
  readonly #handlers = new Map<keyof Handlers, Set<Handler>>();

  /** Returns the function that stops it. */
  on<Name extends keyof Handlers>(name: Name, handler: Handlers[Name]): () => void {
    const set = this.#handlers.get(name) ?? new Set();
    this.#handlers.set(name, set);
    set.add(handler);
    return () => set.delete(handler);
  }

  call(name: keyof Handlers, ...args: unknown[]): void {
    for (const handler of [...(this.#handlers.get(name) ?? [])]) {
      try {
        (handler as (...values: unknown[]) => void)(...args);
      } catch (error) {
        // A fault in a listener is the listener's, not the stream's.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

/** What a stream hears from its connection. */
interface Ears {
  update(event: TaskEvent): void;
  subscribed(answer: Subscribed): void;
  refused(error: Refusal): void;
  /** At every new connection; a change of transport is none. */
  connected(): void;
  /** Whenever there is no connection. */
  away(): void;
}

/** Lets a stream hear its connection from now on. Returns the function that stops it. */
export function hear(connection: Connection, ears: Ears): () => void {
  const { socket } = connection;
  const handlers = { task_update: ears.update, subscribed: ears.subscribed, error: ears.refused };
  for (const [name, handler] of Object.entries(handlers)) socket.on(name, handler);
  let connected = false;
  const stop = connection.onStatus(({ phase }) => {
    if (phase === 'connected' && !connected) ears.connected();
    if (phase !== 'connected') ears.away();
    connected = phase === 'connected';
  });
  return () => {
    for (const [name, handler] of Object.entries(handlers)) socket.off(name, handler);
    stop();
  };
}

/** What an iterator needs of a stream. */
interface Iterated<Event> {
  taskId: string;
  onEvent(handler: (event: Event) => void): () => void;
  onChange(handler: () => void): () => void;
  ended(): boolean;
  failure(): StreamError | undefined;
  fail(error: StreamError): void;
  close(): void;
}

/** The events from now on, until the stream ends. Leaving the loop closes the stream. */
export async function* iterate<Event>(stream: Iterated<Event>): AsyncGenerator<Event, void, undefined> {
  const unread: Event[] = [];
  let wake = (): void => {};
  const stops = [
    stream.onEvent((event) => {
      if (unread.length >= MAX_UNREAD) stream.fail(new StreamError(`${MAX_UNREAD} events wait to be read`, 'slow_reader', stream.taskId));
      else unread.push(event);
      wake();
    }),
    stream.onChange(() => wake()),
  ];
  try {
    for (;;) {
      const event = unread.shift();
      const failure = stream.failure();
      if (event) yield event;
      else if (failure) throw failure;
      else if (stream.ended()) return;
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    for (const stop of stops) stop();
    stream.close();
  }
}
