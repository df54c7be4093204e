// What a stream makes of the packets of a server: nothing lost, nothing twice,
// in order. The socket is a stand-in; e2e/browser has the real server.
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { type Connection, StreamError, type TaskEvent, TaskStream } from '../src/index.js';
import { FakeConnection } from './fake-connection.js';

let connection: FakeConnection;
beforeEach(() => {
  connection = new FakeConnection();
});
const open = (options = {}): TaskStream => new TaskStream(connection as unknown as Connection, 't', options);
const progress = (seq: number): TaskEvent =>
  ({ task_id: 't', event_type: 'progress', data: { progress_percent: seq }, timestamp: '2026-11-24T06:00:00.000+00:00', seq, v: 1 });
const status = (seq: number, name: string): TaskEvent => ({ ...progress(seq), event_type: 'status_change', data: { status: name } }) as TaskEvent;
const update = (...events: TaskEvent[]): void => events.forEach((event) => connection.socket.receive('task_update', event));
const subscribed = (head_seq: number, mode = 'replayed', log_id = 'L1'): void =>
  connection.socket.receive('subscribed', { task_id: 't', head_seq, mode, log_id });
const subscriptions = () => connection.socket.sent.filter(({ name }) => name === 'subscribe').map(({ body }) => body);

describe('a stream', () => {
  it('asks for the whole history, then is live', () => {
    const stream = open();
    const seen: number[] = [];
    stream.on('event', ({ seq }) => seen.push(seq));
    connection.become('connected');
    expect(subscriptions()).toEqual([{ task_id: 't' }]);
    subscribed(3);
    expect(stream.status.phase).toBe('replaying');
    update(progress(1), progress(2));
    expect(stream.status).toMatchObject({ phase: 'replaying', at: 2, to: 3 });
    update(progress(3));
    expect(stream.status.phase).toBe('live');
    update(progress(4));
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(stream.task.head_seq).toBe(4);
  });

  it('resumes after the last seq at every reconnect, with the log it knows', () => {
    const stream = open();
    connection.become('connected');
    subscribed(2);
    update(progress(1), progress(2));
    connection.become('reconnecting');
    expect(stream.status.phase).toBe('waiting');
    connection.become('connected');
    connection.become('connected'); // only the transport changed
    expect(subscriptions()).toEqual([{ task_id: 't' }, { task_id: 't', after_seq: 2, log_id: 'L1' }]);
    subscribed(2, 'live');
    expect(stream.status.phase).toBe('live');
  });

  it('starts where another process stopped', () => {
    open({ afterSeq: 5, logId: 'L1' });
    connection.become('connected');
    expect(subscriptions()).toEqual([{ task_id: 't', after_seq: 5, log_id: 'L1' }]);
  });

  it('drops what it has seen', () => {
    const stream = open();
    const seen: number[] = [];
    stream.on('progress', ({ seq }) => seen.push(seq));
    connection.become('connected');
    subscribed(2);
    update(progress(1), progress(2), progress(1), progress(2), progress(3));
    expect(seen).toEqual([1, 2, 3]);
    expect(stream.status.duplicates).toBe(2);
  });

  it('asks again at a hole and delivers in order', () => {
    const stream = open();
    const seen: number[] = [];
    stream.on('event', ({ seq }) => seen.push(seq));
    connection.become('connected');
    subscribed(1);
    update(progress(1), progress(3), progress(4));
    expect(stream.status).toMatchObject({ gaps: 1, phase: 'replaying' });
    expect(subscriptions()).toHaveLength(2);
    expect(subscriptions()[1]).toMatchObject({ after_seq: 1 });
    subscribed(4);
    update(progress(2), progress(3), progress(4));
    expect(seen).toEqual([1, 2, 3, 4]);
    expect(stream.status.phase).toBe('live');
  });

  it('gives up when the hole stays', () => {
    const stream = open();
    const failures: StreamError[] = [];
    stream.on('failure', (error) => failures.push(error));
    connection.become('connected');
    for (let round = 0; round < 6; round += 1) {
      subscribed(9);
      update(progress(9));
    }
    expect(failures.map(({ code }) => code)).toEqual(['gap']);
    expect(stream.status.phase).toBe('failed');
  });

  it('jumps to the snapshot of another log', () => {
    const stream = open({ afterSeq: 50, logId: 'L1' });
    connection.become('connected');
    subscribed(4, 'snapshot', 'L2');
    update({ ...progress(4), event_type: 'snapshot', data: { ...stream.task, status: 'running', head_seq: 4 } } as TaskEvent);
    expect(stream.status.phase).toBe('replaying');
    update(status(4, 'running'), progress(5));
    expect(stream.task).toMatchObject({ status: 'running', head_seq: 5 });
    expect(stream.logId).toBe('L2');
    expect(stream.status).toMatchObject({ phase: 'live', at: 5 });
  });

  it('ends with the task and lets go of the subscription', async () => {
    const stream = open();
    const finished = stream.finished();
    connection.become('connected');
    subscribed(2);
    update(progress(1), status(2, 'completed'));
    expect((await finished).status).toBe('completed');
    expect(stream.status.phase).toBe('ended');
    expect(connection.socket.sent.at(-1)?.name).toBe('unsubscribe');
  });

  it('fails when the server does not know the task', async () => {
    const stream = open();
    const finished = stream.finished();
    connection.become('connected');
    connection.socket.receive('error', { task_id: 'another', code: 'x', message: 'not ours' });
    connection.socket.receive('error', { task_id: 't', code: 'task.not_found', message: 'Task not found' });
    await expect(finished).rejects.toMatchObject({ code: 'task.not_found', message: 'Task not found' });
  });

  it('asks again when the server had trouble of its own', () => {
    vi.useFakeTimers();
    const stream = open();
    connection.become('connected');
    connection.socket.receive('error', { task_id: 't', code: 'internal', message: 'the store did not answer; try again' });
    vi.advanceTimersByTime(2000);
    vi.useRealTimers();
    expect(subscriptions()).toHaveLength(2);
    expect(stream.status.phase).toBe('waiting');
  });

  it('takes a code that it does not know for a refusal of the task named, and of no other', async () => {
    const stream = open();
    const finished = stream.finished();
    connection.become('connected');
    connection.socket.receive('error', { code: 'of_a_later_version', message: 'slow down' });
    connection.socket.receive('error', { code: 'events_missed', message: 'of all tasks', task_id: '*', task_ids: ['t'] });
    expect(stream.status.phase).toBe('waiting');
    connection.socket.receive('error', { code: 'of_a_later_version', message: 'not for you', task_id: 't' });
    await expect(finished).rejects.toMatchObject({ code: 'of_a_later_version', message: 'not for you' });
  });

  it('does not see the events of other tasks', () => {
    const stream = open();
    connection.become('connected');
    update({ ...progress(1), task_id: 'another' });
    expect(stream.status.at).toBe(0);
  });
});

describe('iterating', () => {
  it('gives every event and ends after the terminal one', async () => {
    const stream = open();
    const seen: string[] = [];
    const loop = (async () => {
      for await (const event of stream) seen.push(`${event.seq} ${event.event_type}`);
    })();
    connection.become('connected');
    subscribed(1);
    update(progress(1));
    await Promise.resolve();
    update(progress(2), status(3, 'failed'));
    await loop;
    expect(seen).toEqual(['1 progress', '2 progress', '3 status_change']);
  });

  it('closes the stream when the loop is left', async () => {
    const stream = open();
    connection.become('connected');
    setTimeout(() => update(progress(1)));
    for await (const event of stream) {
      expect(event.seq).toBe(1);
      break;
    }
    expect(stream.status.phase).toBe('ended');
  });

  it('throws what the stream failed of', async () => {
    const stream = open();
    connection.become('connected');
    setTimeout(() => connection.socket.receive('error', { task_id: 't', message: 'Task not found' }));
    await expect(stream[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(StreamError);
  });
});
