// The charting library comes by a request of its own, which the server may not answer.
import type { ConnectionStatus } from '@msgalaxy/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

const asked: HTMLScriptElement[] = [];
let loadLibrary: () => void;
let library: { value: unknown };
let libraryFailed: { value: boolean };
let connection: { value: ConnectionStatus };

beforeEach(async () => {
  vi.useFakeTimers();
  vi.resetModules();
  asked.length = 0;
  vi.spyOn(document.head, 'append').mockImplementation((script) => void asked.push(script as HTMLScriptElement));
  ({ library, libraryFailed, loadLibrary } = await import('../src/run/library'));
  ({ connection } = await import('../src/server'));
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const fail = (): void => void asked.at(-1)!.onerror!(new Event('error'));
const succeed = (): void => {
  vi.stubGlobal('uPlot', class {});
  asked.at(-1)!.onload!(new Event('load'));
};

describe('the charting library', () => {
  it('is asked for once, however often it is wanted', () => {
    loadLibrary();
    loadLibrary();
    expect(asked).toHaveLength(1);
    succeed();
    expect(library.value).toBe((globalThis as { uPlot?: unknown }).uPlot);
    loadLibrary();
    expect(asked).toHaveLength(1);
  });

  it('is asked for again until it comes, more and more seldom', () => {
    loadLibrary();
    const pauses: number[] = [];
    for (let attempt = 1; attempt <= 8; attempt += 1) {
      fail();
      expect(libraryFailed.value).toBe(true);
      let pause = 0;
      while (asked.length === attempt) {
        vi.advanceTimersByTime(500);
        pause += 500;
      }
      pauses.push(pause);
    }
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    succeed();
    expect(library.value).not.toBeNull();
    expect(libraryFailed.value).toBe(false);
    vi.advanceTimersByTime(60_000);
    expect(asked).toHaveLength(9);
  });

  it('is asked for at once when the connection is back, and then not a second time', () => {
    loadLibrary();
    connection.value = { phase: 'reconnecting', attempt: 1 };
    fail();
    connection.value = { phase: 'connected', attempt: 0 };
    expect(asked).toHaveLength(2);
    vi.advanceTimersByTime(60_000);
    expect(asked).toHaveLength(2);
  });

  it('that arrives without itself in it counts as failed', () => {
    loadLibrary();
    asked[0]!.onload!(new Event('load'));
    expect(libraryFailed.value).toBe(true);
  });
});
