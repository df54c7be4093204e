import type { CreateTask } from '@msgalaxy/client';
import { computed, signal } from '@preact/signals';
import type { Key } from '../i18n';

/** What stands in the fields, as typed. */
export const iterationsText = signal('20');
export const thresholdText = signal('0.01');
export const seedText = signal('');

/** The settings, or the names of the fields that are wrong. */
export type Parsed = { settings: Pick<CreateTask, 'max_iterations' | 'convergence_threshold' | 'seed'>; wrong: [] } | { settings: null; wrong: Key[] };

/** Reads the fields. An empty seed is left to the server. */
export function parseSettings(iterations: string, threshold: string, seed: string): Parsed {
  const wrong: Key[] = [];
  const max = Number(iterations);
  if (iterations.trim() === '' || !Number.isInteger(max) || max < 1 || max > 10_000) wrong.push('settings.invalid.iterations');
  const limit = Number(threshold);
  if (threshold.trim() === '' || !Number.isFinite(limit) || limit < 0) wrong.push('settings.invalid.threshold');
  const start = Number(seed);
  if (seed.trim() !== '' && (!/^\d+$/.test(seed.trim()) || !Number.isSafeInteger(start))) wrong.push('settings.invalid.seed');
  if (wrong.length > 0) return { settings: null, wrong };
  return {
    settings: { max_iterations: max, convergence_threshold: limit, ...(seed.trim() === '' ? {} : { seed: start }) },
    wrong: [],
  };
}

/** The settings now. */
export const parsedSettings = computed(() => parseSettings(iterationsText.value, thresholdText.value, seedText.value));
