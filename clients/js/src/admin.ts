/** Somebody who is connected to the server. */
export interface ServerConnection {
  /** Names the connection; never used again. */
  id: number;
  /** Null until they have joined. */
  principal: string | null;
  address: string | null;
  transport: 'polling' | 'websocket' | 'sse' | 'stream';
  since: string;
  /** Tasks that it follows. */
  subscriptions: number;
  follows_every_task: boolean;
  /** Subscriptions that were not handed the newest event of their task. */
  lagging: number;
  /** Events by which the slowest of them is behind. */
  lag_events: number;
  /** The 20 furthest behind. */
  tasks: { task_id: string; lag_events: number }[];
  /** Bytes that wait for the client; of Socket.IO only. */
  queued_bytes: number | null;
  /** Whether it was told to end. */
  ending: boolean;
}

/** Connections, those furthest behind first. */
export interface ConnectionList {
  connections: ServerConnection[];
  total: number;
  /** Since the server started. */
  events: { appended: number; delivered: number; replayed: number };
  timestamp: string;
}

/** A process that runs tasks; null in place of its name for tasks that wait to be taken over. */
export interface Worker {
  worker: string | null;
  /** Whether it is the process that answers. */
  here: boolean;
  /** Tasks that it runs at the same time. */
  slots: number | null;
  tasks: {
    task_id: string;
    started_at: string | null;
    /** Runs since its last checkpoint. */
    attempts: number;
    /** For how long its worker has given no sign of life. */
    lease_age_s: number | null;
  }[];
}

/** Who works, and what waits. */
export interface WorkerList {
  workers: Worker[];
  /** Tasks in the store, by status. */
  tasks: Record<string, number>;
  /** How long the oldest pending task has waited; 0 when none waits. */
  queue_age_s: number;
  timestamp: string;
}
