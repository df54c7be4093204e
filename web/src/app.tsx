import { useEffect } from 'preact/hooks';
import { t } from './i18n';
import { Header } from './parts/Header';
import { TaskList } from './parts/TaskList';
import { routeTask } from './route';
import { currentRun } from './run/current';
import { RunView } from './run/RunView';
import { StartView } from './start/StartView';

/** The page: one task when the address names one, else the start. */
export function App() {
  const taskId = routeTask.value;
  const run = currentRun.value;
  useEffect(() => {
    scrollTo(0, 0);
  }, [taskId]);
  return (
    <>
      <a class="skip" href="#main" onClick={skipToMain}>
        {t('app.skip')}
      </a>
      <Header />
      <main id="main" tabIndex={-1}>
        {run ? <RunView key={run.taskId} run={run} /> : <StartView />}
        <TaskList />
      </main>
      <footer class="footer">
        <a href="./docs">{t('app.docs')}</a>
      </footer>
    </>
  );
}

/** The address' hash names the task, so the jump must not touch it. */
function skipToMain(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}
