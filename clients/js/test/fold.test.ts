import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { applyEvent, emptyTask, type Task, type TaskEvent, type UnknownEvent } from '../src/index.js';

// The cases that the server's fold meets, too.
const folder = new URL('../../../protocol/folds/', import.meta.url);
const cases = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as { name: string; task: Task; events: TaskEvent[]; expected: Task });

describe('a task is the fold of its events', () => {
  it('has cases', () => expect(cases.length).toBeGreaterThan(8));

  it.each(cases)('$name', ({ task, events, expected }) => {
    const before = structuredClone(task);
    expect(events.reduce<Task>(applyEvent, task)).toEqual(expected);
    expect(task).toEqual(before);
  });
});

describe('what the protocol may add', () => {
  const event = (seq: number, event_type: string, data: unknown): UnknownEvent =>
    ({ task_id: 'a', event_type, data, timestamp: '2026-11-24T06:00:00.000+00:00', seq });

  it('moves on at a kind it does not know', () => {
    const task = applyEvent(emptyTask('a'), event(1, 'telemetry', { volts: 5 }));
    expect(task.head_seq).toBe(1);
    expect(task.status).toBe('pending');
  });

  it('keeps fields it does not know', () => {
    const task = applyEvent(emptyTask('a'), event(1, 'progress', { progress_percent: 5, eta_s: 3 }));
    expect(task.progress).toEqual({ progress_percent: 5, eta_s: 3 });
  });

  it('takes a snapshot as it is, also an older one', () => {
    const snapshot = { ...emptyTask('a'), status: 'running', head_seq: 7 };
    const task = applyEvent({ ...emptyTask('a'), head_seq: 99 }, event(7, 'snapshot', snapshot));
    expect(task).toEqual(snapshot);
  });

  it('keeps the warnings, of which events say nothing', () => {
    const warnings = [{ severity: 'warning', code: 'not_evaluated_yet', pointer: '/x', found: '', allowed: '', message_zh: '', message_en: '' } as const];
    const told: Task = { ...emptyTask('a'), warnings: [...warnings] };
    const snapshot = { ...emptyTask('a'), status: 'running', head_seq: 1 };
    const task = [event(1, 'snapshot', snapshot), event(2, 'progress', {})].reduce<Task>(applyEvent, told);
    expect(task).toMatchObject({ status: 'running', head_seq: 2, warnings });
  });
});
