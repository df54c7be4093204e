// Events of real runs, read into their types and written again.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { applyEvent, emptyTask, isKnownEvent, type TaskEvent } from '../src/index.js';

const folder = new URL('../../../protocol/fixtures/task_update/', import.meta.url);
const fixtures = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => [name, readFileSync(new URL(name, folder), 'utf8')] as const);

/** The event put together from its typed fields; a field that the types do not know would be lost. */
function retyped(event: TaskEvent): TaskEvent {
  const { task_id, timestamp, seq, v, prev_seq } = event;
  const envelope = { task_id, timestamp, seq, v, ...(prev_seq === undefined ? {} : { prev_seq }) };
  switch (event.event_type) {
    case 'status_change': {
      const { status, message, result, error } = event.data;
      return { ...envelope, event_type: event.event_type, data: { status, message, ...(result && { result }), ...(error && { error }) } } as TaskEvent;
    }
    case 'progress': {
      const { coalesced_from, data } = event;
      return { ...envelope, event_type: event.event_type, ...(coalesced_from && { coalesced_from }), data: { ...data } };
    }
    case 'iteration_complete': {
      const { iteration, metrics, layout } = event.data;
      return { ...envelope, event_type: event.event_type, data: { iteration, metrics, ...(layout && { layout }) } };
    }
    case 'error': {
      const { status, error, code } = event.data;
      return { ...envelope, event_type: event.event_type, data: { status, error, code } } as TaskEvent;
    }
    case 'snapshot':
      return { ...envelope, event_type: event.event_type, data: { ...emptyTask(task_id), ...event.data } };
  }
}

describe('fixtures', () => {
  it('have every kind', () => {
    const kinds = new Set(fixtures.map(([, text]) => (JSON.parse(text) as TaskEvent).event_type));
    expect([...kinds].sort()).toEqual(['error', 'iteration_complete', 'progress', 'snapshot', 'status_change']);
  });

  it.each(fixtures)('%s', (_, text) => {
    const event = JSON.parse(text) as TaskEvent;
    expect(isKnownEvent(event)).toBe(true);
    expect(JSON.parse(JSON.stringify(retyped(event)))).toEqual(JSON.parse(text));
    expect(applyEvent(emptyTask(event.task_id), event).head_seq).toBe(event.seq);
  });
});
