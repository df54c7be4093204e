/**
 * Start MsGalaxy tasks and watch them live. Read in this order.
 */

/** What the server says about a task, one fact at a time. */
export type {
  ErrorEvent,
  IterationCompleteEvent,
  IterationMetrics,
  LiveLayout,
  Progress,
  ProgressEvent,
  SnapshotEvent,
  StatusChangeEvent,
  TaskEvent,
  TaskEventKind,
  UnknownEvent,
  Vector,
} from './events.js';
export { isKnownEvent } from './events.js';

/** A task as the fold of its events. */
export type { Task, TaskResult, TaskStatus } from './task.js';
export { applyEvent, emptyTask, isTerminal } from './task.js';

/** One task, live: callbacks, an async iterator, the task so far. */
export type { StreamPhase, StreamStatus, TaskStreamOptions } from './stream.js';
export { TaskStream } from './stream.js';

/** The status changes of all tasks, live. */
export type { AllTasksOptions, AllTasksPhase } from './all-tasks.js';
export { AllTasksStream } from './all-tasks.js';

/** The one socket under all streams of a client. */
export type { ConnectionOptions, ConnectionPhase, ConnectionStatus, Token } from './connection.js';
export { Connection } from './connection.js';

/** REST operations, addresses, and the door to the streams. */
export type {
  BomCheck,
  BomEntry,
  ClientOptions,
  ComponentState,
  ConstraintState,
  CreatedTask,
  CreateTask,
  DesignState,
  Experiment,
  TaskList,
  TaskResultDocument,
  Uploaded,
} from './client.js';
export { Client } from './client.js';

/** What administrators see of the server. */
export type { ConnectionList, ServerConnection, Worker, WorkerList } from './admin.js';

/** What went wrong. */
export type { Problem } from './errors.js';
export { ApiError, StreamError, UnreachableError } from './errors.js';
