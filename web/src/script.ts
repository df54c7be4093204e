import { effect, type ReadonlySignal, signal } from '@preact/signals';
import { connection } from './server';

/** Milliseconds until a load that failed is tried again: the first time, and at most. */
const RETRY_MS = 1000;
const RETRY_MAX_MS = 30_000;

/** A script that comes beside the page, not with it. */
export interface LazyScript<T> {
  /** What it defines, once it is here. */
  readonly value: ReadonlySignal<T | null>;
  /** Whether the last try to load it failed; the next one follows by itself. */
  readonly failed: ReadonlySignal<boolean>;
  /** Loads it unless it is here or on its way. */
  load(): void;
}

/**
 * A script at `source` that defines the global `name`. The server may be away just then, so it is tried until it comes.
 * Not by `import()`: many browsers keep in mind that a module could not be fetched, and never fetch it again.
 */
export function lazyScript<T>(source: string, name: string): LazyScript<T> {
  const value = signal<T | null>(null);
  const failed = signal(false);
  let loading = false;
  let pause = RETRY_MS;
  let retry: ReturnType<typeof setTimeout> | undefined;

  const load = (): void => {
    if (value.peek() || loading) return;
    clearTimeout(retry);
    loading = true;
    const script = document.createElement('script');
    script.src = source;
    const settle = (): void => {
      loading = false;
      script.remove();
      const loaded = (globalThis as Record<string, unknown>)[name] as T | undefined;
      if (loaded) {
        value.value = loaded;
        failed.value = false;
      } else {
        failed.value = true;
        retry = setTimeout(load, pause);
        pause = Math.min(2 * pause, RETRY_MAX_MS);
      }
    };
    script.onload = settle;
    script.onerror = settle;
    document.head.append(script);
  };

  // A server that is back has it at once.
  effect(() => {
    if (connection.value.phase === 'connected' && failed.peek()) load();
  });
  return { value, failed, load };
}
