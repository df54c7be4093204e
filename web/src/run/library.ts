import { effect, signal } from '@preact/signals';
import type uPlotClass from 'uplot';
import source from 'uplot/dist/uPlot.iife.min.js?url';
import { connection } from '../server';

/** Milliseconds until a load that failed is tried again: the first time, and at most. */
const RETRY_MS = 1000;
const RETRY_MAX_MS = 30_000;

/** The charting library once it is here. It comes beside the page, not with it. */
export const library = signal<typeof uPlotClass | null>(null);
/** Whether the last try to load it failed; the next one follows by itself. */
export const libraryFailed = signal(false);

let loading = false;
let pause = RETRY_MS;
let retry: ReturnType<typeof setTimeout> | undefined;

/**
 * Loads the charting library unless it is here or on its way. The server may be away just then, so it is tried until it
 * comes. Not by `import()`: many browsers keep in mind that a module could not be fetched, and never fetch it again.
 */
export function loadLibrary(): void {
  if (library.peek() || loading) return;
  clearTimeout(retry);
  loading = true;
  const script = document.createElement('script');
  script.src = source;
  const settle = (): void => {
    loading = false;
    script.remove();
    const loaded = (globalThis as { uPlot?: typeof uPlotClass }).uPlot;
    if (loaded) {
      library.value = loaded;
      libraryFailed.value = false;
    } else {
      libraryFailed.value = true;
      retry = setTimeout(loadLibrary, pause);
      pause = Math.min(2 * pause, RETRY_MAX_MS);
    }
  };
  script.onload = settle;
  script.onerror = settle;
  document.head.append(script);
}

// A server that is back has it at once.
effect(() => {
  if (connection.value.phase === 'connected' && libraryFailed.peek()) loadLibrary();
});
