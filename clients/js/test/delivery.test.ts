// In order, each exactly once, whatever arrives how: the cases that all clients share.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readLayout } from '../src/events.js';
import { Connection, type Task, type TaskEvent, TaskStream, type UnknownEvent } from '../src/index.js';
import { FakeConnection } from './fake-connection.js';

type Step = { connect: true } | { break: true } | { subscribed: object } | { update: Partial<UnknownEvent> } | { sent: object[] } | { delivered: string[] };
interface Case {
  name: string;
  options: { events?: TaskEvent['event_type'][]; coalesce?: boolean; layout?: boolean; after_seq?: number; log_id?: string };
  steps: Step[];
  task: Partial<Task>;
}

const folder = new URL('../../../protocol/deliveries/', import.meta.url);
const cases = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Case);

describe('deliveries', () => {
  it('have cases', () => expect(cases.length).toBeGreaterThanOrEqual(12));

  it.each(cases)('$name', ({ options, steps, task }) => {
    const connection = new FakeConnection();
    const { after_seq, log_id, events, ...rest } = options;
    const stream = new TaskStream(connection as unknown as Connection, 't', {
      ...rest,
      ...(events ? { events: events as ('progress' | 'iteration_complete')[] } : {}),
      ...(after_seq === undefined ? {} : { afterSeq: after_seq }),
      ...(log_id === undefined ? {} : { logId: log_id }),
    });
    let delivered: string[] = [];
    stream.on('event', ({ event_type, seq }) => delivered.push(`${event_type} ${seq}`));
    for (const step of steps) {
      if ('connect' in step) connection.become('connected');
      else if ('break' in step) connection.become('reconnecting');
      else if ('subscribed' in step) connection.socket.receive('subscribed', { task_id: 't', ...step.subscribed });
      else if ('update' in step) {
        const event = { task_id: 't', timestamp: '2026-11-24T06:00:00.000+00:00', v: 1, ...step.update };
        connection.socket.receive('task_update', event);
      } else if ('sent' in step) {
        const sent = connection.socket.sent.splice(0).filter(({ name }) => name === 'subscribe');
        expect(sent.map(({ body }) => body)).toEqual(step.sent.map((packet) => ({ task_id: 't', ...packet })));
      } else {
        expect(delivered).toEqual(step.delivered);
        delivered = [];
      }
    }
    expect(stream.task).toMatchObject(task);
  });
});

describe('a layout', () => {
  const told = (temperatures: unknown): UnknownEvent =>
    ({ task_id: 't', event_type: 'iteration_complete', seq: 4, timestamp: '', data: { iteration: 1, metrics: {}, layout: { panels: { temperatures } } } });
  const field = (event: UnknownEvent) => (event.data as { layout: { panels: { temperatures: unknown } } }).layout.panels.temperatures;
  const bytes = [0x00, 0x00, 0xa0, 0x41, 0x00, 0x00, 0xc0, 0xbf]; // 20 and -1.5, little-endian

  it.each([
    ['an ArrayBuffer', Uint8Array.from(bytes).buffer],
    ['a view that is not aligned', Uint8Array.from([7, ...bytes]).subarray(1)],
    ['a Buffer', Buffer.from(bytes)],
  ])('brings its temperatures in %s', (_, binary) => {
    const event = told(binary);
    readLayout(event);
    expect(field(event)).toEqual(Float32Array.from([20, -1.5]));
    readLayout(event);
    expect(field(event)).toEqual(Float32Array.from([20, -1.5]));
  });

  it.each([undefined, null, 7, [1]])('is left alone when its field is %s', (odd) => {
    const event = told(odd);
    readLayout(event);
    expect(field(event)).toEqual(odd);
  });
});

describe('streams of one client', () => {
  it('agree on what they want of a task', () => {
    const connection = new Connection('http://127.0.0.1:9');
    const open = (options: object): TaskStream => new TaskStream(connection, 't', options);
    const first = open({ layout: true });
    expect(() => open({})).toThrow(/second client/);
    open({ layout: true }).close();
    first.close();
    open({}).close();
    connection.close();
  });
});
