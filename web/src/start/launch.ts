import { signal } from '@preact/signals';
import { refreshTasks } from '../parts/TaskList';
import { openTask } from '../route';
import { loadLibrary } from '../run/library';
import { client } from '../server';
import { parsedSettings } from './settings';

/** The BOM whose task is being created; null when none is. */
export const launching = signal<string | null>(null);
/** Why the last one was not created. */
export const launchError = signal<unknown>(null);

/** Creates a task and shows it. */
export async function launch(bomFile: string, settings = parsedSettings.value.settings): Promise<void> {
  if (launching.value !== null || settings === null) return;
  launching.value = bomFile;
  launchError.value = null;
  loadLibrary();
  try {
    const { task_id } = await client.createTask({ bom_file: bomFile, ...settings });
    openTask(task_id);
    void refreshTasks();
  } catch (error) {
    launchError.value = error;
  } finally {
    launching.value = null;
  }
}
