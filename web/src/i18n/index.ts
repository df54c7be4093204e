import { computed, effect, signal } from '@preact/signals';
import { en } from './en';
import { zh } from './zh';

/** Name of a text. */
export type Key = keyof typeof zh;
/** A language of the page. */
export type Language = 'zh' | 'en';

const STORE = 'msgalaxy.lang';

/** The language to begin with: the address, what was chosen before, what the browser prefers. */
export function firstLanguage(query: string, stored: string | null, preferred: readonly string[]): Language {
  const wanted = new URLSearchParams(query).get('lang') ?? stored;
  if (wanted?.toLowerCase().startsWith('zh')) return 'zh';
  if (wanted?.toLowerCase().startsWith('en')) return 'en';
  return preferred[0]?.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}

function stored(): string | null {
  try {
    return localStorage.getItem(STORE);
  } catch {
    return null; // storage is blocked
  }
}

/** The language now. */
export const language = signal<Language>(firstLanguage(location.search, stored(), navigator.languages ?? [navigator.language]));

/** Its tag for `lang` attributes, `Accept-Language` and Intl. */
export const locale = computed(() => (language.value === 'zh' ? 'zh-CN' : 'en'));

effect(() => {
  document.documentElement.lang = locale.value;
});

/** Chooses a language, keeps the choice, and puts it into the address if one stands there. */
export function setLanguage(next: Language): void {
  language.value = next;
  try {
    localStorage.setItem(STORE, next);
  } catch {
    // The choice then lasts as long as the page.
  }
  const url = new URL(location.href);
  if (url.searchParams.has('lang')) {
    url.searchParams.set('lang', next);
    history.replaceState(history.state, '', url);
  }
}

/** The text in the current language, with `{name}` replaced. */
export function t(key: Key, values: Record<string, string | number> = {}): string {
  const text: string = (language.value === 'zh' ? zh : en)[key];
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in values ? String(values[name]) : whole));
}

/** The text of a key that is put together at run time, or the fallback when there is none. */
export function textOr(key: string, fallback: string): string {
  return key in zh ? t(key as Key) : fallback;
}
