// The status changes of all tasks: nothing twice, in order, and what was missed
// is read from the log. The socket is a stand-in; e2e has the real server.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { AllTasksStream, ApiError, type Connection, type StatusChangeEvent, type TaskEvent } from '../src/index.js';
import { FakeConnection } from './fake-connection.js';

let connection: FakeConnection;
/** What the server has stored. */
let logs: Record<string, TaskEvent[]>;
let reads: string[];
/** Reading waits for this. */
let readable: Promise<unknown>;

beforeEach(() => {
  connection = new FakeConnection();
  logs = {};
  reads = [];
  readable = Promise.resolve();
});

const change = (task_id: string, seq: number, status: string): StatusChangeEvent =>
  ({ task_id, event_type: 'status_change', data: { status }, timestamp: '2026-11-24T06:00:00.000+00:00', seq, v: 1 }) as StatusChangeEvent;
const progress = (task_id: string, seq: number): TaskEvent => ({ ...change(task_id, seq, ''), event_type: 'progress', data: {} }) as TaskEvent;
const update = (...events: TaskEvent[]): void => events.forEach((event) => connection.socket.receive('task_update', event));
const subscribed = (log_id = 'L1'): void => connection.socket.receive('subscribed', { task_id: '*', log_id, mode: 'live' });
const missed = (...task_ids: string[]): void =>
  connection.socket.receive('error', { code: 'events_missed', message: 'missed', task_id: '*', ...(task_ids.length > 0 ? { task_ids } : {}) });
const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

function open(log_id = 'L1') {
  const readLog = async (id: string, after: number) => {
    reads.push(`${id} ${after}`);
    await readable;
    const log = logs[id];
    if (!log) throw new ApiError(404, { error: 'Task not found', code: 'task_not_found' });
    // Pages of two.
    const events = log.filter(({ seq }) => seq > after).slice(0, 2);
    return { events, log_id, next_after: events.at(-1)?.seq ?? after };
  };
  const stream = new AllTasksStream(connection as unknown as Connection, readLog);
  const heard: string[] = [];
  stream.on('status_change', ({ task_id, seq, data }) => heard.push(`${task_id} ${seq} ${data.status}`));
  stream.on('missed', (id) => heard.push(`missed ${id}`));
  connection.become('connected');
  return { stream, heard };
}

describe('the stream of all tasks', () => {
  it('brings status changes once', () => {
    const { stream, heard } = open();
    expect(connection.socket.sent).toEqual([{ name: 'subscribe', body: { task_id: '*' } }]);
    expect(stream.status.phase).toBe('waiting');
    subscribed();
    expect(stream.status.phase).toBe('live');
    update(change('a', 1, 'pending'), change('b', 9, 'completed'), change('a', 1, 'pending'), progress('a', 2), change('a', 3, 'running'));
    expect(heard).toEqual(['a 1 pending', 'b 9 completed', 'a 3 running']);
  });

  it('reads what it missed while it was away, and says so', async () => {
    const { heard } = open();
    subscribed();
    update(change('a', 1, 'pending'), change('b', 8, 'running'), change('b', 9, 'failed'));
    connection.become('reconnecting');
    logs.a = [change('a', 1, 'pending'), change('a', 2, 'running'), progress('a', 3), progress('a', 4), change('a', 5, 'cancelled')];
    connection.become('connected');
    subscribed();
    await settled();
    expect(heard.slice(3)).toEqual(['missed *', 'a 2 running', 'a 5 cancelled']);
    // Of a task that has ended nothing can have been missed.
    expect(reads).toEqual(['a 1', 'a 3', 'a 5']);
  });

  it('does not let what arrives overtake what is read', async () => {
    const { heard } = open();
    subscribed();
    update(change('a', 1, 'pending'));
    let let_go = (): void => {};
    readable = new Promise<void>((resolve) => (let_go = resolve));
    logs.a = [change('a', 2, 'running')];
    missed('a');
    update(change('a', 2, 'running'), change('a', 4, 'completed'), change('b', 1, 'pending'));
    await settled();
    expect(heard).toEqual(['a 1 pending', 'missed a', 'b 1 pending']);
    let_go();
    await settled();
    expect(heard.slice(3)).toEqual(['a 2 running', 'a 4 completed']);
  });

  it('reads again what was missed while it read', async () => {
    const { heard } = open();
    subscribed();
    let let_go = (): void => {};
    readable = new Promise<void>((resolve) => (let_go = resolve));
    logs.a = [];
    missed('a');
    await settled();
    missed('a');
    const late = logs.a;
    logs.a = [change('a', 2, 'running')];
    expect(late).toEqual([]);
    let_go();
    await settled();
    expect(heard).toEqual(['missed a', 'missed a', 'a 2 running']);
  });

  it('catches up with a task that it never heard of', async () => {
    const { stream, heard } = open();
    subscribed();
    logs.a = [change('a', 1, 'pending'), change('a', 2, 'running')];
    stream.catchUp('a');
    stream.catchUp('gone');
    await settled();
    expect(heard).toEqual(['a 1 pending', 'a 2 running']);
    expect(stream.status.phase).toBe('live');
  });

  it('tries again when the log cannot be read', async () => {
    const { stream, heard } = open();
    subscribed();
    logs.a = [change('a', 1, 'pending')];
    readable = Promise.reject(new Error('no answer'));
    readable.catch(() => {});
    vi.useFakeTimers();
    stream.catchUp('a');
    await vi.advanceTimersByTimeAsync(500);
    expect(heard).toEqual([]);
    readable = Promise.resolve();
    await vi.advanceTimersByTimeAsync(1000);
    vi.useRealTimers();
    expect(heard).toEqual(['a 1 pending']);
  });

  it('reads the tasks that are named, and what it knows of when none is', async () => {
    const { heard } = open();
    subscribed();
    update(change('a', 1, 'pending'), change('b', 1, 'pending'), change('c', 4, 'failed'));
    logs.a = logs.b = [];
    missed('a', 'b');
    missed();
    await settled();
    expect(heard.slice(3)).toEqual(['missed a', 'missed b', 'missed *']);
    expect([...new Set(reads)].sort()).toEqual(['a 1', 'b 1']);
  });

  it('forgets the numbers of another log', async () => {
    const { heard } = open('L2');
    subscribed('L1');
    update(change('a', 7, 'running'));
    connection.become('reconnecting');
    connection.become('connected');
    subscribed('L2');
    await settled();
    expect(reads).toEqual([]);
    update(change('a', 2, 'running'));
    expect(heard).toEqual(['a 7 running', 'missed *', 'a 2 running']);
  });

  it('asks again when the server had trouble, and fails at any other refusal', () => {
    vi.useFakeTimers();
    const { stream } = open();
    connection.socket.receive('error', { task_id: '*', code: 'internal', message: 'try again' });
    vi.advanceTimersByTime(2000);
    vi.useRealTimers();
    expect(connection.socket.sent).toHaveLength(2);
    const failures: string[] = [];
    stream.on('failure', ({ code }) => failures.push(code));
    connection.socket.receive('error', { task_id: 'other', code: 'task_not_found', message: 'not ours' });
    connection.socket.receive('error', { task_id: '*', code: 'of_a_later_version', message: 'no' });
    expect(failures).toEqual(['of_a_later_version']);
    expect(stream.status.phase).toBe('failed');
  });

  it('lets go of the subscription when its loop is left', async () => {
    const { stream } = open();
    setTimeout(() => update(change('a', 1, 'pending'), change('a', 2, 'running')));
    for await (const { seq } of stream) {
      expect(seq).toBe(1);
      break;
    }
    expect(stream.status.phase).toBe('ended');
    expect(connection.socket.sent.at(-1)?.name).toBe('unsubscribe');
    update(change('a', 3, 'completed'));
  });

  it('has no options of a task', () => {
    const open = (options: object) => new AllTasksStream(connection as unknown as Connection, async () => ({ events: [], log_id: '', next_after: 0 }), options);
    expect(() => open({ events: ['progress'], coalesce: true })).toThrow(/no option events, coalesce/);
  });
});
