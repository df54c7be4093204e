/** Viridis, sampled; even in brightness and readable without red or green. */
const VIRIDIS = [
  [68, 1, 84],
  [71, 44, 122],
  [59, 81, 139],
  [44, 113, 142],
  [33, 144, 141],
  [39, 173, 129],
  [92, 200, 99],
  [170, 220, 50],
  [253, 231, 37],
] as const;

/** From violated (orange) over none (pale) to ample (blue). */
const DIVERGING = [
  [179, 67, 11],
  [224, 130, 60],
  [247, 205, 160],
  [240, 240, 238],
  [176, 205, 232],
  [84, 148, 200],
  [28, 92, 160],
] as const;

/** Okabe-Ito: eight colors that color-blind people tell apart. */
const CATEGORIES = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00', '#f0e442', '#8c8c8c'] as const;

type Rgb = readonly [number, number, number];

function sample(stops: readonly Rgb[], share: number): Rgb {
  const at = Math.min(1, Math.max(0, Number.isFinite(share) ? share : 0)) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  const mix = (index: 0 | 1 | 2): number => Math.round(stops[low]![index] + (stops[low + 1]![index] - stops[low]![index]) * (at - low));
  return [mix(0), mix(1), mix(2)];
}

const css = ([r, g, b]: Rgb): string => `rgb(${r} ${g} ${b})`;

/** Color of a share (0 to 1) on the temperature ramp. */
export const viridis = (share: number): string => css(sample(VIRIDIS, share));

/** Color of a share (0 to 1) on the margin ramp; 0.5 is a margin of zero. */
export const diverging = (share: number): string => css(sample(DIVERGING, share));

/** Color of the n-th category. */
export const categoryColor = (index: number): string => CATEGORIES[index % CATEGORIES.length]!;

/** A color as dark as its face is unlit. */
export function shade(color: string, light: number): string {
  const percent = Math.round(light * 100);
  return `color-mix(in srgb, ${color} ${percent}%, #0b1020)`;
}

/** A round range around the values, in steps of 5. */
export function roundRange(values: readonly number[]): [number, number] {
  if (values.length === 0) return [0, 1];
  const low = Math.floor(Math.min(...values) / 5) * 5;
  const high = Math.ceil(Math.max(...values) / 5) * 5;
  return high > low ? [low, high] : [low, low + 5];
}
