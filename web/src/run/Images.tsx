import type { Task } from '@msgalaxy/client';
import { useEffect, useState } from 'preact/hooks';
import { type Key, t } from '../i18n';
import { Icon } from '../parts/Icon';
import { client, connection } from '../server';
import type { RunModel } from './model';

const IMAGES = ['final_layout_3d', 'thermal_heatmap', 'evolution_trace'] as const;

/** What the run drew, and its files. */
export function Images({ run, task }: { run: RunModel; task: Task }) {
  const last = task.result?.final_iteration ?? run.newest.value;
  const files: [name: string, label: string][] = [
    ['report.md', t('downloads.report')],
    ['evolution_trace.csv', t('downloads.trace')],
    [`design_state_iter_${String(last).padStart(2, '0')}.json`, t('downloads.layout')],
    ['summary.json', t('downloads.summary')],
  ];
  return (
    <section class="card" aria-labelledby="images-title" data-testid="images">
      <div class="card-head">
        <h2 id="images-title">{t('images.title')}</h2>
      </div>
      {task.result?.images === false ? (
        <p class="empty">{t('images.none')}</p>
      ) : (
        <div class="images">
          {IMAGES.map((name) => (
            <Figure key={name} taskId={run.taskId} name={name} />
          ))}
        </div>
      )}
      <div class="downloads">
        <h3>{t('downloads.title')}</h3>
        {files.map(([name, label]) => (
          <a key={name} class="button" href={client.fileUrl(run.taskId, name)} download={name}>
            <Icon name="download" />
            {label}
          </a>
        ))}
        {task.result && (
          <span class="muted small">
            {t('downloads.dir')} <code>{task.result.experiment_dir}</code>
          </span>
        )}
      </div>
    </section>
  );
}

function Figure({ taskId, name }: { taskId: string; name: (typeof IMAGES)[number] }) {
  const [failed, setFailed] = useState(false);
  const [attempt, setAttempt] = useState(0);
  const url = client.visualizationUrl(taskId, `${name}.png`);
  const title = t(`images.${name}` as Key);
  const again = (): void => {
    setFailed(false);
    setAttempt(attempt + 1);
  };
  // A server that is back has what it could not give.
  const connected = connection.value.phase === 'connected';
  useEffect(() => {
    if (connected && failed) again();
  }, [connected]);
  return (
    <figure>
      {failed ? (
        <div class="image-failed">
          <p>{t('images.error')}</p>
          <button type="button" onClick={again}>
            {t('images.retry')}
          </button>
        </div>
      ) : (
        <a href={url} target="_blank" rel="noopener">
          <img key={attempt} src={url} alt={t(`images.${name}.alt` as Key)} onError={() => setFailed(true)} />
        </a>
      )}
      <figcaption>
        {title}
        <a href={url} download={`${name}.png`} aria-label={t('images.download', { name: title })} title={t('images.download', { name: title })}>
          <Icon name="download" />
        </a>
      </figcaption>
    </figure>
  );
}
