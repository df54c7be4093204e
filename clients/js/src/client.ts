import type { ConnectionList, WorkerList } from './admin.js';
import { ALL_TASKS, type AllTasksOptions, AllTasksStream } from './all-tasks.js';
import { Connection, type ConnectionOptions, readToken } from './connection.js';
import { ApiError, type Problem, UnreachableError } from './errors.js';
import type { IterationMetrics, TaskEvent, Vector } from './events.js';
import { TaskStream, type TaskStreamOptions } from './stream.js';
import type { Task } from './task.js';

/** Settings of a client. */
export interface ClientOptions extends ConnectionOptions {
  /** `Accept-Language` of the texts for people, for instance `zh-CN` or `en`. */
  language?: string;
  /** Milliseconds after which a request is given up; 30,000 by default. */
  timeoutMs?: number;
  /** Another implementation of fetch. */
  fetch?: typeof fetch;
}

/** What to optimize, and how. Exactly one of `bom_file` and `bom`, unless the configuration has components. */
export interface CreateTask {
  /** Path of a BOM on the server. */
  bom_file?: string;
  /** The BOM itself. */
  bom?: unknown;
  config_path?: string;
  max_iterations?: number;
  /** 0 never ends early. */
  convergence_threshold?: number;
  /** Equal seeds give equal layouts. */
  seed?: number;
  constraints?: Record<string, number>;
}

/** The answer to a created task. */
export interface CreatedTask {
  id: string;
  task_id: string;
  status: 'pending';
  created_at: string;
  /** The task runs all the same; absent when there are none. */
  warnings?: Problem[];
}

/** A page of tasks, newest first. */
export interface TaskList {
  tasks: Task[];
  total: number;
  /** Asks for the next page. */
  next_cursor?: string | null;
}

/** The files of a finished task, read. */
export interface TaskResultDocument {
  task_id: string;
  summary: Record<string, unknown>;
  /** Rows of evolution_trace.csv; all values are strings. */
  evolution: Record<string, string>[];
  experiment_dir: string;
}

/** What the server thinks of a BOM. */
export interface BomCheck {
  valid: boolean;
  /** Entries of the BOM. */
  num_components: number;
  /** Components after quantity expansion; only of a valid BOM. */
  num_units?: number;
  errors: string[];
  /** Of a valid BOM these are warnings. */
  problems?: Problem[];
  components: { id: string; name: string; mass: number; power: number; category: string }[];
}

/** A BOM that the server has. */
export interface BomEntry {
  bom_file: string;
  name: string;
  description?: string | null;
  num_components: number;
  /** kg */
  total_mass?: number | null;
  /** W */
  total_power?: number | null;
  /** Whether a task can be made of it. */
  valid?: boolean;
  source: 'example' | 'upload';
}

/** The answer to an uploaded BOM. */
export interface Uploaded {
  /** Usable in {@link CreateTask}. */
  bom_file: string;
  valid: boolean;
  /** Entries of the BOM. */
  num_components: number;
  /** Components after quantity expansion; only of a valid BOM. */
  num_units?: number;
  /** Of a valid BOM these are warnings. */
  problems: Problem[];
}

/** One directory of results. */
export interface Experiment {
  name: string;
  path: string;
  summary: Record<string, unknown>;
}

/** One component of a layout: mm, kg, W, °C. */
export interface ComponentState {
  id: string;
  name?: string;
  /** Minimum corner of the rotated box, from the envelope's center. */
  position: Vector;
  center?: Vector;
  /** Before rotation. */
  dimensions: Vector;
  /** Degrees, Rz Ry Rx about the center. */
  rotation: Vector;
  mass: number;
  power: number;
  category: string;
  /** Distance to the nearest other component. */
  clearance?: number | null;
  containment?: number | null;
  temperature?: number | null;
  temp_margin?: number | null;
  panel?: string | null;
}

/** One limit and how a layout stands to it. */
export interface ConstraintState {
  group: string;
  value: number;
  limit: number;
  /** Positive is good. */
  margin: number;
  unit: string;
  /** Ids of the components concerned; none for the satellite as a whole. */
  subject?: string[];
  violations: number;
}

/** One layout with everything known of it, as in design_state_iter_NN.json. */
export interface DesignState {
  iteration: number;
  components: ComponentState[];
  envelope: { outer_size?: Vector; inner_size: Vector; thickness?: number; origin?: string };
  keepouts: { min_point: Vector; max_point: Vector; tag?: string }[];
  metadata: {
    metrics?: IterationMetrics;
    constraints?: ConstraintState[];
    feasible?: boolean;
    score?: number;
    seed?: number;
    [name: string]: unknown;
  };
}

type Query = Record<string, string | number | undefined>;

/** REST operations of one server, and live streams of its tasks. */
export class Client {
  /** With a slash at the end. */
  readonly baseUrl: string;
  /** Language of the server's texts; may be changed at any time. */
  language: string | undefined;
  readonly #options: ClientOptions;
  #connection: Connection | undefined;

  constructor(baseUrl = 'http://localhost:5000', options: ClientOptions = {}) {
    this.baseUrl = baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`;
    this.language = options.language;
    this.#options = options;
  }

  /** The socket under all streams, made when first asked for. */
  get connection(): Connection {
    this.#connection ??= new Connection(this.baseUrl, this.#options);
    return this.#connection;
  }

  /** Follows the status changes of all tasks from now on. */
  subscribeTask(taskId: typeof ALL_TASKS, options?: AllTasksOptions): AllTasksStream;
  /** Follows a task from its first event, or from `afterSeq`. */
  subscribeTask(taskId: string, options?: TaskStreamOptions): TaskStream;
  subscribeTask(taskId: string, options?: TaskStreamOptions): TaskStream | AllTasksStream {
    if (taskId !== ALL_TASKS) return new TaskStream(this.connection, taskId, options);
    return new AllTasksStream(this.connection, (id, after) => this.listEvents(id, after), options);
  }

  /** Ends the socket and with it all streams. */
  close(): void {
    this.#connection?.close();
  }

  health(): Promise<{ status: string; timestamp: string }> {
    return this.#json('GET', 'api/health');
  }

  createTask(task: CreateTask): Promise<CreatedTask> {
    return this.#json('POST', 'api/tasks', { json: task });
  }

  getTask(taskId: string): Promise<Task> {
    return this.#json('GET', this.#task(taskId));
  }

  listTasks(page: { limit?: number; cursor?: string } = {}): Promise<TaskList> {
    return this.#json('GET', 'api/tasks', { query: page });
  }

  getResult(taskId: string): Promise<TaskResultDocument> {
    return this.#json('GET', `${this.#task(taskId)}/result`);
  }

  cancelTask(taskId: string): Promise<Task> {
    return this.#json('POST', `${this.#task(taskId)}/cancel`);
  }

  /** Events after a seq, in order. */
  listEvents(
    taskId: string,
    after = 0,
    limit?: number,
  ): Promise<{ events: TaskEvent[]; head_seq: number; log_id: string; next_after: number }> {
    return this.#json('GET', `${this.#task(taskId)}/events`, { query: { after, limit } });
  }

  /** The layout of iteration `k`, with all its numbers. */
  iteration(taskId: string, k: number): Promise<DesignState> {
    return this.#json('GET', `${this.#task(taskId)}/iterations/${k}`);
  }

  /** BOMs that the server has: its examples and what was uploaded. */
  listBoms(): Promise<{ boms: BomEntry[] }> {
    return this.#json('GET', 'api/boms');
  }

  /** Stores a BOM; the ending of `filename` (json, csv, yaml) tells its format. */
  uploadBom(filename: string, content: string | Blob): Promise<Uploaded> {
    return this.#json('POST', 'api/boms', { query: { filename }, body: content });
  }

  /** Checks a BOM on the server. */
  validateBom(bomFile: string): Promise<BomCheck> {
    return this.#json('POST', 'api/bom/validate', { json: { bom_file: bomFile } });
  }

  /** Who is connected, those furthest behind first; for administrators. */
  listConnections(page: { limit?: number } = {}): Promise<ConnectionList> {
    return this.#json('GET', 'api/admin/connections', { query: page });
  }

  /** Tells a connection why, and ends it; for administrators. */
  endConnection(id: number): Promise<{ id: number; ending: true }> {
    return this.#json('DELETE', `api/admin/connections/${id}`);
  }

  /** Who holds which running task, and what waits; for administrators. */
  listWorkers(): Promise<WorkerList> {
    return this.#json('GET', 'api/admin/workers');
  }

  listExperiments(): Promise<{ experiments: Experiment[]; total: number }> {
    return this.#json('GET', 'api/experiments');
  }

  /** Address of one of the images of a completed task. */
  visualizationUrl(taskId: string, filename: string): string {
    return this.#url(`${this.#task(taskId)}/visualizations/${encodeURIComponent(filename)}`).href;
  }

  /** Address of one of the files of a task. */
  fileUrl(taskId: string, name: string): string {
    return this.#url(`${this.#task(taskId)}/files/${encodeURIComponent(name)}`).href;
  }

  /** Address of the result of a completed task. */
  resultUrl(taskId: string): string {
    return this.#url(`${this.#task(taskId)}/result`).href;
  }

  #task(taskId: string): string {
    return `api/tasks/${encodeURIComponent(taskId)}`;
  }

  #url(path: string, query: Query = {}): URL {
    const url = new URL(path, this.baseUrl);
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    return url;
  }

  async #json<T>(
    method: string,
    path: string,
    content: { json?: unknown; body?: string | Blob; query?: Query } = {},
  ): Promise<T> {
    const url = this.#url(path, content.query);
    const headers = new Headers({ Accept: 'application/json' });
    if (this.language !== undefined) headers.set('Accept-Language', this.language);
    const token = await readToken(this.#options.token);
    if (token !== undefined) headers.set('Authorization', `Bearer ${token}`);
    if (content.json !== undefined) headers.set('Content-Type', 'application/json');
    if (content.body !== undefined) headers.set('Content-Type', 'application/octet-stream');
    let response: Response;
    let text: string;
    try {
      const send = this.#options.fetch ?? fetch;
      response = await send(url, {
        method,
        headers,
        body: content.json === undefined ? (content.body ?? null) : JSON.stringify(content.json),
        signal: AbortSignal.timeout(this.#options.timeoutMs ?? 30_000),
      });
      text = await response.text();
    } catch (cause) {
      throw new UnreachableError(url.href, { cause });
    }
    let body: unknown;
    try {
      body = JSON.parse(text);
    } catch (cause) {
      // A proxy's error page, for instance.
      if (response.ok) throw new UnreachableError(url.href, { cause });
    }
    if (!response.ok) throw new ApiError(response.status, body);
    return body as T;
  }
}
