// The page for who watches the server, drawn from answers of a server that is not there.
import type { ConnectionList, ServerConnection, WorkerList } from '@msgalaxy/client';
import { act } from 'preact/test-utils';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { hide, show } from '../src/monitor/main';
import type { MonitorProps } from '../src/monitor/MonitorPage';
import { lagging, rates } from '../src/monitor/reading';
import { type Language, TEXTS, writer } from '../src/monitor/texts';

const connection = (id: number, changes: Partial<ServerConnection> = {}): ServerConnection => ({
  id,
  principal: 'anyone',
  address: '192.0.2.7:4711',
  transport: 'websocket',
  since: '2026-11-24T06:00:00.000+00:00',
  subscriptions: 1,
  follows_every_task: false,
  lagging: 0,
  lag_events: 0,
  tasks: [],
  queued_bytes: 0,
  ending: false,
  ...changes,
});
const list = (second: number, delivered: number, connections: ServerConnection[], total = connections.length): ConnectionList => ({
  connections,
  total,
  events: { appended: delivered / 10, delivered, replayed: 0 },
  timestamp: `2026-11-24T07:00:${String(second).padStart(2, '0')}.000+00:00`,
});
const workers: WorkerList = {
  workers: [
    { worker: null, here: false, slots: null, tasks: [{ task_id: 'lost', started_at: null, attempts: 1, lease_age_s: null }] },
    {
      worker: 'process 12 0197f000',
      here: true,
      slots: 4,
      tasks: [{ task_id: 'held', started_at: '2026-11-24T06:58:00.000+00:00', attempts: 2, lease_age_s: 3.2 }],
    },
  ],
  tasks: { pending: 3, running: 2 },
  queue_age_s: 65,
  timestamp: '2026-11-24T07:00:00.000+00:00',
};

const place = document.createElement('div');
document.body.append(place);
const text = (selector: string): string => place.querySelector(selector)?.textContent ?? '';
let answers: ConnectionList[];
let client: { listConnections: ReturnType<typeof vi.fn>; listWorkers: ReturnType<typeof vi.fn>; endConnection: ReturnType<typeof vi.fn> };

beforeEach(() => {
  vi.useFakeTimers();
  answers = [];
  client = {
    listConnections: vi.fn(async () => (answers.length > 1 ? answers.shift() : answers[0])),
    listWorkers: vi.fn(async () => workers),
    endConnection: vi.fn(async (id: number) => ({ id, ending: true })),
  };
});
afterEach(() => {
  hide(place);
  vi.useRealTimers();
});

const wait = (ms: number): Promise<void> =>
  act(async () => {
    await vi.advanceTimersByTimeAsync(ms);
  });

const draw = async (language: Language = 'en'): Promise<void> => {
  const explain = (error: unknown): string => (error as Error).message;
  await act(() => show(place, { client: client as unknown as MonitorProps['client'], explain, language }));
  await wait(0);
};

describe('the monitor', () => {
  it('shows who is connected, what goes out, what waits and who works', async () => {
    const slow = connection(7, { lag_events: 12, lagging: 1, principal: 'ann', queued_bytes: 2048, follows_every_task: true });
    answers = [list(0, 100, [slow, connection(3)]), list(2, 300, [slow, connection(3)])];
    await draw();
    expect(text('[data-tile=delivered] .kpi-value')).toBe('–');
    await wait(2000);
    expect(text('[data-tile=connections] .kpi-value')).toBe('2');
    expect(text('[data-tile=delivered] .kpi-value')).toBe('100/s');
    expect(text('[data-tile=appended] .kpi-value')).toBe('10/s');
    expect(text('[data-tile=lagging]')).toContain('1by 12 events at most');
    expect(text('[data-tile=pending]')).toContain('3the oldest for 1 min');
    expect(text('[data-tile=running]')).toContain('2this process runs 4 at a time');
    const cells = [...place.querySelectorAll('[data-connection="7"] td')].map((cell) => cell.textContent);
    expect(cells).toEqual(['7', 'ann', '192.0.2.7:4711', 'websocket', '1 h', 'all tasks + 1', '12', '2.0 KiB', 'Disconnect']);
    expect(text('[aria-labelledby=monitor-workers] tbody')).toBe('Waits to be taken overlost––1process 12 (this one)held2 min3 s ago2');
    expect(client.listConnections).toHaveBeenCalledTimes(2);
  });

  it('speaks Chinese, and changes the language while it is open', async () => {
    answers = [list(0, 0, [])];
    await draw('zh');
    expect(text('h1')).toBe('服务器监视');
    expect(text('[aria-labelledby=monitor-connections]')).toContain('没有连接');
    await draw('en');
    expect(text('h1')).toBe('Server monitor');
  });

  it('ends a connection when that was confirmed', async () => {
    answers = [list(0, 0, [connection(3)])];
    await draw();
    const button = (): HTMLButtonElement => place.querySelector('[data-connection="3"] button')!;
    await act(() => button().click());
    expect(client.endConnection).not.toHaveBeenCalled();
    expect(button().getAttribute('aria-label')).toBe('Really disconnect connection 3');
    await act(async () => button().click());
    expect(client.endConnection).toHaveBeenCalledExactlyOnceWith(3);
    expect(text('[data-testid=monitor-told]')).toBe('Connection 3 was told to end.');
    answers = [list(2, 0, [connection(3, { ending: true })])];
    await wait(2000);
    expect(text('[data-connection="3"] td:last-child')).toBe('Ending…');
  });

  it('keeps what it knew when the server does not answer, says so, and goes on asking', async () => {
    answers = [list(0, 0, [connection(3)])];
    await draw();
    client.listWorkers.mockRejectedValueOnce(new Error('no answer'));
    await wait(2000);
    expect(text('[role=alert]')).toMatch(/this is the state of .*: no answer/);
    expect(place.querySelector('[data-connection="3"]')).not.toBeNull();
    await wait(2000);
    expect(place.querySelector('[role=alert]')).toBeNull();
  });
});

describe('what is read off', () => {
  it('has no rate after a restart or without time between', () => {
    const before = list(0, 100, []);
    expect(rates(null, before)).toBeNull();
    expect(rates(before, before)).toBeNull();
    expect(rates(before, list(2, 50, []))).toBeNull();
    expect(rates(before, list(4, 300, []))).toEqual({ appended: 5, delivered: 50, replayed: 0 });
  });

  it('counts more than is shown when all that is shown is behind', () => {
    const slow = connection(1, { lag_events: 1 });
    expect(lagging(list(0, 0, [slow, connection(2)], 9))).toEqual({ count: 1, more: false });
    expect(lagging(list(0, 0, [slow], 9))).toEqual({ count: 1, more: true });
  });

  it('says the same in both languages', () => {
    const places = (text: string): string[] => text.match(/\{\w+\}/g) ?? [];
    for (const [word, text] of Object.entries(TEXTS.en)) {
      expect(places(text), word).toEqual(places(TEXTS.zh[word as keyof typeof TEXTS.zh]));
      expect(text, word).not.toMatch(/\p{Script=Han}/u);
    }
    expect([0, 59, 60, 7200, 200_000].map(writer('zh').duration)).toEqual(['0 秒', '59 秒', '1 分', '2 小时', '2 天']);
  });
});
