// What stands on the page, drawn into a document that has no size.
import { type Client, type DesignState, emptyTask, type Problem, type Task, type TaskStream } from '@msgalaxy/client';
import { render } from 'preact';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { setLanguage } from '../src/i18n';
import { RunModel } from '../src/run/model';
import { RunView } from '../src/run/RunView';
import { client, connection } from '../src/server';
import { OwnBom } from '../src/start/OwnBom';

// Scripts do not load in this document; what follows from that is tested with the library.
vi.mock('../src/run/library', async (original) => ({ ...(await original<typeof import('../src/run/library')>()), loadLibrary: () => {} }));

const warning = (code: string, pointer: string, text: string): Problem => ({
  severity: 'warning',
  code,
  pointer,
  found: '3',
  allowed: 'less',
  fix: 'a larger envelope',
  message_zh: `中文 ${text}`,
  message_en: text,
});
const tooLarge = warning('envelope.component_too_large', '/components/0/dimensions', 'a: the component does not fit');
const withoutEffect = ['min_temp', 'heater'].map((key) => warning('not_evaluated_yet', `/components/0/${key}`, `${key} is kept`));

const place = document.createElement('div');
document.body.append(place);
const at = (testid: string): HTMLElement | null => place.querySelector(`[data-testid=${testid}]`);
const text = (testid: string): string => at(testid)?.textContent ?? '';

beforeEach(() => {
  vi.useFakeTimers();
  setLanguage('en');
});
afterEach(() => {
  render(null, place);
  vi.restoreAllMocks();
  vi.useRealTimers();
});

async function show(task: Partial<Task>, layout: Partial<DesignState> = {}): Promise<void> {
  const stream = { task: emptyTask('t'), status: { phase: 'ended', at: 0, to: 0, duplicates: 0, gaps: 0 }, on: () => {}, close: () => {} };
  const fake = {
    getTask: async () => ({ ...emptyTask('t'), ...task }),
    subscribeTask: () => stream as unknown as TaskStream,
    iteration: async (_: string, iteration: number) =>
      ({ iteration, components: [], keepouts: [], envelope: { inner_size: { x: 1, y: 1, z: 1 } }, metadata: {}, ...layout }) as DesignState,
  } as unknown as Client;
  const run = new RunModel(fake, 't');
  await vi.advanceTimersByTimeAsync(500);
  await act(() => render(<RunView run={run} />, place));
}

const infeasible: Partial<Task> = {
  status: 'completed',
  started_at: '2026-11-24T06:00:00Z',
  result: { experiment_dir: 'd', final_iteration: 5, num_components: 1, feasible: false },
  last_iteration: { iteration: 5, metrics: { num_violations: 2 } },
};

describe('the warnings of a task', () => {
  it('are absent when there are none, as of an older server', async () => {
    await show(infeasible);
    expect(at('warnings')).toBeNull();
    expect(text('verdict')).toContain('2 constraints are still violated. Try more iterations');
  });

  it('tell the keys without effect in one line, closed', async () => {
    await show({ ...infeasible, warnings: withoutEffect });
    expect(at('warnings')?.hasAttribute('open')).toBe(false);
    expect(at('warnings')?.querySelector('summary')?.textContent).toContain('(1)');
    expect(at('warnings')?.querySelectorAll('li')).toHaveLength(1);
    expect(text('not-evaluated')).toContain('not evaluated yet: min_temp, heater');
    expect(text('verdict')).toContain('Try more iterations');
  });

  it('keep the verdict from giving advice that cannot help', async () => {
    await show({ ...infeasible, warnings: [...withoutEffect, tooLarge] });
    expect(at('warnings')?.hasAttribute('open')).toBe(true);
    expect(text('warnings')).toContain('a: the component does not fit');
    expect(text('warnings')).toContain('a larger envelope');
    expect(text('verdict')).toContain('no layout can be feasible');
    expect(text('verdict')).not.toContain('more iterations');
  });
});

describe('a cancelled task', () => {
  const cancelled: Partial<Task> = { status: 'cancelled' };
  const started: Partial<Task> = { ...cancelled, started_at: '2026-11-24T06:00:00Z' };

  it('that waited has nothing', async () => {
    await show(cancelled);
    expect(text('verdict')).toContain('Cancelled before it began');
    expect(at('layout')).toBeNull();
  });

  it('that had no layout yet does not claim that it never began', async () => {
    await show(started);
    expect(text('verdict')).toContain('Cancelled before there was a layout');
    expect(at('layout')).toBeNull();
  });

  it('in its first iteration shows iteration 0: layout, figures, constraints, download', async () => {
    const metrics = { max_temp: 37.27, min_clearance: 20, num_violations: 1, feasible: false };
    const constraint = { group: 'distance_pairs', value: 9, limit: 5, margin: -4, unit: 'mm', violations: 1 };
    await show(
      { ...started, result: { experiment_dir: 'd', final_iteration: 0, num_components: 1, feasible: false } },
      { metadata: { metrics, constraints: [constraint] } },
    );
    expect(text('verdict')).toContain('kept as iteration 0');
    expect(at('layout')?.querySelector('svg.drawing')).not.toBeNull();
    expect(place.querySelector('[data-kpi=max_temp] .kpi-value')?.textContent).toContain('37.3');
    expect(place.querySelector('[data-kpi=feasible] .kpi-value')?.textContent).toContain('Not met');
    expect(place.querySelector('[data-group=distance_pairs]')?.getAttribute('data-level')).toBe('violated');
    expect(at('charts')).toBeNull();
    const links = [...place.querySelectorAll('.downloads a')].map((link) => link.getAttribute('download'));
    expect(links).toContain('design_state_iter_00.json');
  });
});

describe('the images', () => {
  const images = (): HTMLImageElement[] => [...place.querySelectorAll('img')];

  it('that a server could not give are there when it is back', async () => {
    connection.value = { phase: 'connected', attempt: 0 };
    await show(infeasible);
    expect(images()).toHaveLength(3);
    await act(() => void images()[1]!.dispatchEvent(new Event('error')));
    expect(images()).toHaveLength(2);
    await act(() => void (connection.value = { phase: 'reconnecting', attempt: 0 }));
    expect(images()).toHaveLength(2);
    await act(() => void (connection.value = { phase: 'connected', attempt: 0 }));
    expect(images()).toHaveLength(3);
  });
});

describe('a run without images', () => {
  it('says so, and has its files all the same', async () => {
    await show({ ...infeasible, result: { ...infeasible.result!, images: false } });
    expect(place.querySelectorAll('img')).toHaveLength(0);
    expect(text('images')).toContain('asks for no images');
    expect(place.querySelectorAll('.downloads a')).toHaveLength(4);
  });
});

describe("one's own BOM", () => {
  async function paste(problems: Problem[]): Promise<void> {
    vi.spyOn(client, 'listBoms').mockResolvedValue({ boms: [] });
    vi.spyOn(client, 'uploadBom').mockResolvedValue({ bom_file: 'boms/p.json', valid: true, num_components: 1, problems });
    await act(() => render(<OwnBom />, place));
    await act(() => place.querySelectorAll<HTMLButtonElement>('.segments button')[1]!.click());
    const field = place.querySelector('textarea')!;
    field.value = '{}';
    await act(() => void field.dispatchEvent(new Event('input', { bubbles: true })));
    await act(() => void place.querySelector('form')!.dispatchEvent(new Event('submit', { bubbles: true, cancelable: true })));
    await act(async () => void (await vi.advanceTimersByTimeAsync(0)));
  }

  it('with warnings says them, and can be run', async () => {
    await paste([...withoutEffect, warning('bom.unknown_key', '/x', 'the unknown key is ignored')]);
    expect(text('own-ready')).toContain('the unknown key is ignored');
    expect(text('not-evaluated')).toContain('min_temp, heater');
    expect(at('own-ready')?.className).toContain('notice-good');
    expect((at('run-own') as HTMLButtonElement).disabled).toBe(false);
  });

  it('that no layout can meet is not called good, and can be run', async () => {
    await paste([tooLarge]);
    expect(text('own-ready')).toContain('a: the component does not fit');
    expect(at('own-ready')?.className).toContain('notice-warn');
    expect((at('run-own') as HTMLButtonElement).disabled).toBe(false);
  });
});
