import { effect, signal } from '@preact/signals';

/** What the user chose. */
export type ThemeChoice = 'system' | 'light' | 'dark';
/** What is shown. */
export type Theme = 'light' | 'dark';

const STORE = 'msgalaxy.theme';
const prefersDark = matchMedia('(prefers-color-scheme: dark)');

function isChoice(value: string | null): value is ThemeChoice {
  return value === 'system' || value === 'light' || value === 'dark';
}

function first(): ThemeChoice {
  const wanted = new URLSearchParams(location.search).get('theme');
  if (isChoice(wanted)) return wanted;
  try {
    const stored = localStorage.getItem(STORE);
    return isChoice(stored) ? stored : 'system';
  } catch {
    return 'system';
  }
}

/** The choice now. */
export const themeChoice = signal<ThemeChoice>(first());
/** What it comes to. */
export const theme = signal<Theme>('light');
const systemDark = signal(prefersDark.matches);
prefersDark.addEventListener('change', (event) => (systemDark.value = event.matches));

effect(() => {
  const dark = themeChoice.value === 'dark' || (themeChoice.value === 'system' && systemDark.value);
  theme.value = dark ? 'dark' : 'light';
  document.documentElement.dataset.theme = theme.value;
});

/** Chooses a theme and keeps the choice. */
export function setTheme(choice: ThemeChoice): void {
  themeChoice.value = choice;
  try {
    localStorage.setItem(STORE, choice);
  } catch {
    // The choice then lasts as long as the page.
  }
  const url = new URL(location.href);
  if (url.searchParams.has('theme')) {
    url.searchParams.set('theme', choice);
    history.replaceState(history.state, '', url);
  }
}
