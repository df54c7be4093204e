import { signal } from '@preact/signals';

/** The task in an address such as `#/tasks/ID`; null on the start page. */
export function taskOfHash(hash: string): string | null {
  const match = /^#\/tasks\/([^/?#]+)$/.exec(hash);
  try {
    return match ? decodeURIComponent(match[1]!) : null;
  } catch {
    return null; // a malformed escape
  }
}

/** The address of a task's page; kept in the hash, it works under any path and survives a reload. */
export function hashOfTask(taskId: string): string {
  return `#/tasks/${encodeURIComponent(taskId)}`;
}

/** The address of the page for who watches the server. */
export const MONITOR = '#/monitor';

/** Whether that page is shown. */
export const routeMonitor = signal(location.hash === MONITOR);
addEventListener('hashchange', () => {
  routeMonitor.value = location.hash === MONITOR;
});

/** The task that is shown. */
export const routeTask = signal<string | null>(taskOfHash(location.hash));
addEventListener('hashchange', () => {
  routeTask.value = taskOfHash(location.hash);
});

/** Goes to a task's page. */
export function openTask(taskId: string): void {
  location.hash = hashOfTask(taskId);
}
