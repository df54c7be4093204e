// The model of one run, with a client that answers from memory.
import { type Client, type DesignState, emptyTask, type Task, type TaskEvent, type TaskStream } from '@msgalaxy/client';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { constraintLevel, marginShare, subjectText } from '../src/run/constraints';
import { LayoutFollower } from '../src/run/follower';
import { RunModel } from '../src/run/model';
import { percentOf } from '../src/run/progress';
import { emptySeries, pushIteration } from '../src/run/series';

beforeEach(() => {
  vi.useFakeTimers();
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
}

function open(task: Partial<Task> = {}): { run: RunModel; stream: FakeStream; asked: number[] } {
  const stream = new FakeStream();
  const asked: number[] = [];
  const client = {
    getTask: async () => ({ ...emptyTask('t'), ...task }),
    subscribeTask: () => stream as unknown as TaskStream,
    iteration: async (_: string, k: number) => {
      asked.push(k);
      return { iteration: k } as DesignState;
    },
  } as unknown as Client;
  return { run: new RunModel(client, 't'), stream, asked };
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

  it('lets go of the stream', async () => {
    const { run, stream } = open();
    await vi.advanceTimersByTimeAsync(0);
    run.close();
    expect(stream.closed).toBe(true);
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
    expect(follower.failed.value).toBe(0);
    expect(follower.state.value?.iteration).toBe(2);
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
