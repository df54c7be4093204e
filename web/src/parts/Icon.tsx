const PATHS = {
  check: 'M3.5 8.5 6.8 12 12.5 4.5',
  cross: 'M4 4l8 8M12 4l-8 8',
  tight: 'M8 3 14 13H2zM8 7v3M8 11.6v.1',
  clock: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 5v3.2l2.2 1.4',
  play: 'M5 3.2v9.6l7.5-4.8z',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  stop: 'M4 4h8v8H4z',
  back: 'M9.5 3.5 5 8l4.5 4.5',
  download: 'M8 2.5v7.5M4.8 7 8 10.2 11.2 7M3 13h10',
  upload: 'M8 10.5V3M4.8 6.2 8 3l3.2 3.2M3 13h10',
} as const;

/** Name of an icon. */
export type IconName = keyof typeof PATHS;

/** A line icon; decorative, the word stands beside it. */
export function Icon({ name, fill = false }: { name: IconName; fill?: boolean }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path
        d={PATHS[name]}
        fill={fill ? 'currentColor' : 'none'}
        stroke="currentColor"
        stroke-width="1.7"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}
