import type { ConnectionList, WorkerList } from '@msgalaxy/client';

/** What the server said at one time. */
export interface Reading {
  connections: ConnectionList;
  workers: WorkerList;
}

/** Events per second between two readings. */
export interface Rates {
  appended: number;
  delivered: number;
  replayed: number;
}

/** The rates between two readings; null where they say nothing, as after a restart of the server. */
export function rates(before: ConnectionList | null, now: ConnectionList): Rates | null {
  if (!before) return null;
  const seconds = (Date.parse(now.timestamp) - Date.parse(before.timestamp)) / 1000;
  const of = (name: keyof Rates): number => (now.events[name] - before.events[name]) / seconds;
  const all = { appended: of('appended'), delivered: of('delivered'), replayed: of('replayed') };
  return seconds > 0 && Object.values(all).every((rate) => rate >= 0) ? all : null;
}

/** How many connections are behind. The server names those first, so when all that it names are, there may be more. */
export function lagging({ connections, total }: ConnectionList): { count: number; more: boolean } {
  const count = connections.filter((connection) => connection.lag_events > 0).length;
  return { count, more: count === connections.length && total > count };
}
