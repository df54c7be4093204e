// The model of one run, with a client that answers from memory.
import {
  ApiError,
  type Client,
  type ConnectionStatus,
  type DesignState,
  emptyTask,
  type LiveLayout,
  type Task,
  type TaskEvent,
  type TaskStream,
  type TaskStreamOptions,
  UnreachableError,
} from '@msgalaxy/client';
import { beforeEach, describe, expect, it, type Mock, vi } from 'vitest';
import { constraintLevel, marginShare, subjectText } from '../src/run/constraints';
import { LayoutFollower } from '../src/run/follower';
import { RunModel } from '../src/run/model';
import { percentOf } from '../src/run/progress';
import { emptySeries, pushIteration } from '../src/run/series';
import { connection } from '../src/server';

beforeEach(() => {
  vi.useFakeTimers();
  connection.value = { phase: 'connected', attempt: 0 };
});

const event = (seq: number, event_type: string, data: unknown): TaskEvent =>
  ({ task_id: 't', event_type, data, seq, v: 1, timestamp: `2026-11-24T06:00:0${seq}.000+00:00` }) as TaskEvent;

/** A stream that the test feeds. */
class FakeStream {
  task: Task = emptyTask('t');
  status = { phase: 'replaying', at: 0, to: 0, duplicates: 0, gaps: 0 };
  closed = false;
  readonly #handlers = new Map<string, (value: unknown) => void>();
  on(name: string, handler: (value: unknown) => void): () => void {
    this.#handlers.set(name, handler);
    return () => {};
  }
  close(): void {
    this.closed = true;
  }
  tell(given: TaskEvent, task: Partial<Task> = {}): void {
    this.task = { ...this.task, ...task, head_seq: given.seq };
    this.#handlers.get('event')?.(given);
  }
  fail(message: string): void {
    this.#handlers.get('failure')?.(new Error(message));
  }
}

/** What the server answers when asked for the task; a test may change it. */
interface Answer {
  task: Partial<Task>;
  error?: Error | undefined;
}

interface Opened {
  run: RunModel;
  stream: FakeStream;
  asked: number[];
  answer: Answer;
  cancelled: Mock<() => Promise<Task>>;
  /** Options of each subscription. */
  subscribed: TaskStreamOptions[];
}

function open(task: Partial<Task> = {}): Opened {
  const answer: Answer = { task };
  const stream = new FakeStream();
  const asked: number[] = [];
  const subscribed: TaskStreamOptions[] = [];
  const cancelled = vi.fn(async () => emptyTask('t'));
  const client = {
    getTask: async () => {
      if (answer.error) throw answer.error;
      return { ...emptyTask('t'), ...answer.task };
    },
    cancelTask: cancelled,
    subscribeTask: (_: string, options: TaskStreamOptions) => {
      subscribed.push(options);
      return stream as unknown as TaskStream;
    },
    iteration: async (_: string, k: number) => {
      asked.push(k);
      return { iteration: k } as DesignState;
    },
  } as unknown as Client;
  return { run: new RunModel(client, 't'), stream, asked, answer, cancelled, subscribed };
}

describe('a run', () => {
  it('shows what the server knows at once, and does not fall back during the replay', async () => {
    const { run, stream } = open({ status: 'running', head_seq: 9, last_iteration: { iteration: 4, metrics: {} } });
    await vi.advanceTimersByTimeAsync(0);
    expect(run.loading.value).toBe('ready');
    expect(run.newest.value).toBe(4);
    stream.tell(event(1, 'status_change', { status: 'pending' }), { status: 'pending' });
    await vi.advanceTimersByTimeAsync(50);
    expect(run.task.value?.status).toBe('running');
    stream.tell(event(9, 'progress', { progress_percent: 40 }), { status: 'running' });
    await vi.advanceTimersByTimeAsync(50);
    expect(run.task.value?.head_seq).toBe(9);
  });

  it('draws a flood of events in one go', async () => {
    const { run, stream } = open();
    await vi.advanceTimersByTimeAsync(0);
    for (let k = 1; k <= 500; k += 1) {
      stream.tell({ ...event(k, 'iteration_complete', { iteration: k, metrics: { max_temp: k } }), timestamp: 'x' });
    }
    await vi.advanceTimersByTimeAsync(50);
    expect(run.version.value).toBe(1);
    expect(run.series.columns.max_temp).toHaveLength(500);
    expect(run.newest.value).toBe(500);
  });

  it('asks for the newest layout only, not for each on the way', async () => {
    const { run, stream, asked } = open();
    await vi.advanceTimersByTimeAsync(0);
    for (let k = 1; k <= 30; k += 1) stream.tell({ ...event(1, 'iteration_complete', { iteration: k, metrics: {} }), seq: k });
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked).toEqual([30]);
    expect(run.layout.state.value?.iteration).toBe(30);
    run.picked.value = 3;
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked).toEqual([30, 3]);
    run.picked.value = null;
    await vi.advanceTimersByTimeAsync(2000);
    expect(asked).toEqual([30, 3]); // it still had the newest
    expect(run.layout.state.value?.iteration).toBe(30);
  });

  it('can be cancelled again when the server was not there to hear it', async () => {
    const { run, cancelled } = open({ status: 'running' });
    await vi.advanceTimersByTimeAsync(0);
    cancelled.mockRejectedValueOnce(new UnreachableError('http://server/'));
    await expect(run.cancel()).rejects.toThrow(UnreachableError);
    expect(run.cancelling.value).toBe(false);
    cancelled.mockRejectedValueOnce(new ApiError(409, { error: 'it has ended' }));
    await run.cancel();
    expect(run.cancelling.value).toBe(true);
  });

  it('lets go of the stream', async () => {
    const { run, stream } = open();
    await vi.advanceTimersByTimeAsync(0);
    run.close();
    expect(stream.closed).toBe(true);
  });
});

describe('a task that ended with its start layout', () => {
  const result = { experiment_dir: 'd', final_iteration: 0, num_components: 2 };

  it('shows the layout of iteration 0', async () => {
    const { run, asked } = open({ status: 'cancelled', started_at: 'x', result });
    await vi.advanceTimersByTimeAsync(500);
    expect(asked).toEqual([0]);
    expect(run.layout.state.value?.iteration).toBe(0);
  });

  it('does so, too, when it ends while it is watched', async () => {
    const { stream, asked } = open({ status: 'running', started_at: 'x' });
    await vi.advanceTimersByTimeAsync(500);
    expect(asked).toEqual([]);
    stream.tell(event(3, 'status_change', { status: 'cancelled', result }), { status: 'cancelled', result });
    await vi.advanceTimersByTimeAsync(500);
    expect(asked).toEqual([0]);
  });

  it('has none when there is no result', async () => {
    const { asked } = open({ status: 'cancelled' });
    await vi.advanceTimersByTimeAsync(500);
    expect(asked).toEqual([]);
  });
});

describe('a server that does not know the task any more', () => {
  const unknown = new ApiError(404, { error: 'Task not found', code: 'task_not_found' });
  const phase = (name: ConnectionStatus['phase']): void => {
    connection.value = { phase: name, attempt: 0 };
  };

  it('is told from trouble when it refuses the stream', async () => {
    const { run, stream, answer } = open({ status: 'running', head_seq: 3 });
    await vi.advanceTimersByTimeAsync(0);
    answer.error = unknown;
    stream.fail('Task not found');
    await vi.advanceTimersByTimeAsync(0);
    expect(run.loading.value).toBe('unknown');
    expect(run.task.value).toBeNull();
    expect(stream.closed).toBe(true);
  });

  it('is not assumed when the stream was refused for another cause', async () => {
    const { run, stream } = open({ status: 'running', head_seq: 3 });
    await vi.advanceTimersByTimeAsync(0);
    stream.fail('too many subscriptions');
    await vi.advanceTimersByTimeAsync(0);
    expect(run.loading.value).toBe('error');
    expect(run.failure.value).toBe('too many subscriptions');
    expect(run.task.value?.status).toBe('running');
  });

  it('is asked about a task that has ended, and about one it did not know, when it is back', async () => {
    const { run, answer } = open({ status: 'completed', head_seq: 9 });
    await vi.advanceTimersByTimeAsync(0);
    phase('reconnecting');
    answer.error = unknown;
    phase('connected');
    await vi.advanceTimersByTimeAsync(0);
    expect(run.loading.value).toBe('unknown');
    phase('reconnecting');
    answer.error = undefined;
    phase('connected');
    await vi.advanceTimersByTimeAsync(0);
    expect(run.loading.value).toBe('ready');
    expect(run.task.value?.status).toBe('completed');
  });

  it('is not confused with one in trouble', async () => {
    const { run, answer } = open({ status: 'completed', head_seq: 9 });
    await vi.advanceTimersByTimeAsync(0);
    phase('reconnecting');
    answer.error = new ApiError(500, {});
    phase('connected');
    await vi.advanceTimersByTimeAsync(0);
    expect(run.loading.value).toBe('ready');
    expect(run.task.value?.status).toBe('completed');
  });

  it('gives the log once when the task is followed anew', async () => {
    const { run, stream } = open({ status: 'running' });
    await vi.advanceTimersByTimeAsync(0);
    stream.tell(event(1, 'status_change', { status: 'pending' }));
    await vi.advanceTimersByTimeAsync(50);
    await run.load();
    stream.tell(event(1, 'status_change', { status: 'pending' }));
    await vi.advanceTimersByTimeAsync(50);
    expect(run.log.map(({ seq }) => seq)).toEqual([1]);
  });
});

describe('the layout follower', () => {
  it('says which layout could not be had, and tries again when asked', async () => {
    let broken = true;
    const follower = new LayoutFollower(async (k) => {
      if (broken) throw new Error('gone');
      return { iteration: k } as DesignState;
    });
    follower.want(2);
    await vi.advanceTimersByTimeAsync(500);
    expect(follower.failed.value).toBe(2);
    broken = false;
    follower.want(2);
    await vi.advanceTimersByTimeAsync(500);
    expect(follower.failed.value).toBeNull();
    expect(follower.state.value?.iteration).toBe(2);
  });
});

/** A layout as events tell it: one component, at `x`. */
const told = (x: number): LiveLayout => ({
  components: [{ id: 'a', panel: '+X', temperature: 20, temp_margin: 30, clearance: null, ...places(x) }],
  envelope: { inner_size: { x: 100, y: 100, z: 100 } },
  keepouts: [],
  constraints: [],
  panels: { mesh: 1, temperatures: new Float32Array(6) },
});
const places = (x: number) => {
  const at = { x, y: 0, z: 0 };
  return { position: at, center: at, dimensions: at, rotation: at };
};
/** The same as the server's file. */
const read = (k: number, x: number): DesignState => ({
  iteration: k,
  components: [{ id: 'a', name: 'A', mass: 2, power: 3, category: 'c', ...places(x) }],
  envelope: { inner_size: { x: 100, y: 100, z: 100 } },
  keepouts: [],
  metadata: {},
});

describe('a layout that comes with its event', () => {
  const shown = (follower: LayoutFollower) => {
    const state = follower.state.value;
    return state && { k: state.iteration, x: state.components[0]!.position.x, mass: state.components[0]!.mass };
  };

  it('is shown at once, and the server asked once for what never changes', async () => {
    const asked: number[] = [];
    const follower = new LayoutFollower(async (k) => {
      asked.push(k);
      return read(k, k);
    });
    follower.tell(1, told(1));
    follower.want(1);
    expect(shown(follower)).toEqual({ k: 1, x: 1, mass: undefined });
    await vi.advanceTimersByTimeAsync(500);
    expect(shown(follower)).toEqual({ k: 1, x: 1, mass: 2 });
    for (let k = 2; k <= 9; k += 1) {
      follower.tell(k, told(k));
      follower.want(k);
      expect(shown(follower)).toEqual({ k, x: k, mass: 2 });
      await vi.advanceTimersByTimeAsync(500);
    }
    expect(asked).toEqual([1]);
    // Back to one that is known, and to one that no event told.
    follower.want(3);
    expect(shown(follower)).toEqual({ k: 3, x: 3, mass: 2 });
    follower.want(20);
    expect(shown(follower)?.k).toBe(3);
    await vi.advanceTimersByTimeAsync(500);
    expect(shown(follower)?.k).toBe(20);
    expect(asked).toEqual([1, 20]);
  });

  it('is not called missing when only what never changes could not be had', async () => {
    const follower = new LayoutFollower(async () => Promise.reject(new Error('gone')));
    follower.tell(1, told(1));
    follower.want(1);
    await vi.advanceTimersByTimeAsync(500);
    expect(follower.failed.value).toBeNull();
    expect(shown(follower)?.k).toBe(1);
  });

  it('of the start is shown until there is another one, and does not cover one that is wanted', () => {
    const follower = new LayoutFollower(async () => new Promise(() => {}));
    follower.tell(0, told(7));
    expect(shown(follower)).toEqual({ k: 0, x: 7, mass: undefined });
    const later = new LayoutFollower(async () => new Promise(() => {}));
    later.want(4);
    later.tell(0, told(7));
    expect(later.state.value).toBeNull();
  });

  it('is asked for with the events of a task that has just begun, and kept out of the log', async () => {
    const { run, stream, subscribed, asked } = open({ status: 'running', head_seq: 2 });
    await vi.advanceTimersByTimeAsync(0);
    expect(subscribed[0]?.layout).toBe(true);
    stream.tell(event(3, 'progress', { progress_percent: 0, layout: told(7) }), { status: 'running' });
    await vi.advanceTimersByTimeAsync(50);
    expect(shown(run.layout)).toEqual({ k: 0, x: 7, mass: undefined });
    expect(asked).toEqual([]);
    stream.tell(event(4, 'iteration_complete', { iteration: 1, metrics: { max_temp: 5 }, layout: told(8) }), { status: 'running' });
    await vi.advanceTimersByTimeAsync(50);
    expect(run.log.map(({ data }) => data)).toEqual([{ progress_percent: 0 }, { iteration: 1, metrics: { max_temp: 5 } }]);
    expect(asked).toEqual([1]);
  });

  it('is left out of a long history, and of a task that has ended', async () => {
    for (const task of [{ status: 'running', head_seq: 900 }, { status: 'completed', head_seq: 9 }] as const) {
      const { subscribed } = open(task);
      await vi.advanceTimersByTimeAsync(0);
      expect(subscribed[0]?.layout).toBe(false);
    }
  });
});

describe('numbers of a run', () => {
  it('keep one point per iteration, with gaps where there is no number', () => {
    const series = emptySeries();
    pushIteration(series, { iteration: 1, metrics: { max_temp: 50, min_clearance: null } });
    pushIteration(series, { iteration: 1, metrics: { max_temp: 99 } });
    pushIteration(series, { iteration: 2, metrics: { max_temp: 48, min_clearance: 3 } });
    expect(series.iterations).toEqual([1, 2]);
    expect(series.columns.max_temp).toEqual([50, 48]);
    expect(series.columns.min_clearance).toEqual([null, 3]);
  });

  it('stay between 0 and 100 percent', () => {
    const task = { ...emptyTask('t'), status: 'running' as const };
    expect(percentOf(task)).toBe(0);
    expect(percentOf({ ...task, progress: { progress_percent: 40 } })).toBe(40);
    expect(percentOf({ ...task, progress: { progress_percent: 140 } })).toBe(100);
    expect(percentOf({ ...task, status: 'completed' })).toBe(100);
  });
});

describe('a constraint', () => {
  const constraint = { group: 'clearance', value: 5, limit: 3, margin: 2, unit: 'mm', violations: 0 };
  it('is met, tight or violated', () => {
    expect(constraintLevel(constraint)).toBe('met');
    expect(constraintLevel({ ...constraint, margin: 0.1 })).toBe('tight');
    expect(constraintLevel({ ...constraint, margin: -0.1 })).toBe('violated');
    expect(constraintLevel({ ...constraint, violations: 2 })).toBe('violated');
    expect(constraintLevel({ ...constraint, limit: 0, margin: 0 })).toBe('met');
  });

  it('names its components, and has a share only of a limit', () => {
    expect(subjectText({ ...constraint, subject: ['a', 'b'] })).toBe('a ↔ b');
    expect(subjectText({ ...constraint, subject: [] })).toBe('');
    expect(marginShare({ ...constraint, margin: 9 })).toBe(1);
    expect(marginShare({ ...constraint, limit: 0 })).toBeNull();
  });
});
