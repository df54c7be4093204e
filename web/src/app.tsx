import { useEffect } from 'preact/hooks';
import { t } from './i18n';
import { MonitorView } from './monitor/MonitorView';
import { Header } from './parts/Header';
import { TaskList } from './parts/TaskList';
import { MONITOR, routeMonitor, routeTask } from './route';
import { currentRun } from './run/current';
import { RunView } from './run/RunView';
import { StartView } from './start/StartView';

/** The page: one task or the monitor when the address names it, else the start. */
export function App() {
  const taskId = routeTask.value;
  const run = currentRun.value;
  const monitor = routeMonitor.value;
  useEffect(() => {
    scrollTo(0, 0);
  }, [taskId, monitor]);
  return (
    <>
      <a class="skip" href="#main" onClick={skipToMain}>
        {t('app.skip')}
      </a>
      <Header />
      <main id="main" tabIndex={-1}>
        {monitor ? (
          <MonitorView />
        ) : (
          <>
            {run ? <RunView key={run.taskId} run={run} /> : <StartView />}
            <TaskList />
          </>
        )}
      </main>
      <footer class="footer">
        <a href="./docs">{t('app.docs')}</a> <a href={MONITOR}>{t('app.monitor')}</a>
      </footer>
    </>
  );
}

/** The address' hash names the task, so the jump must not touch it. */
function skipToMain(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}
