import { ApiError, Client, type ConnectionStatus, UnreachableError } from '@msgalaxy/client';
import { effect, signal } from '@preact/signals';
import { locale, t } from './i18n';

/** The server that served this page. */
export const client = new Client(new URL('.', document.baseURI).href);

effect(() => {
  client.language = locale.value;
});

/** How the one connection stands. */
export const connection = signal<ConnectionStatus>({ phase: 'connecting', attempt: 0 });

/** Opens the connection. */
export function connect(): void {
  client.connection.onStatus((status) => (connection.value = status));
  client.connection.open();
}

/** What went wrong, for people. */
export function explain(error: unknown): string {
  if (error instanceof UnreachableError) return t('error.unreachable');
  if (error instanceof ApiError && error.problems.length === 1) {
    const problem = error.problems[0]!;
    return locale.value === 'en' ? problem.message_en : problem.message_zh;
  }
  return error instanceof Error ? error.message : String(error);
}
