import { ApiError, type Problem } from '@msgalaxy/client';
import { signal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { number } from '../format';
import { type Key, t } from '../i18n';
import { Icon } from '../parts/Icon';
import { Failure, ProblemList } from '../parts/Problems';
import { isHopeless } from '../parts/warnings';
import { client } from '../server';
import { formatOf } from './format-of';
import { launch, launching } from './launch';
import { parsedSettings } from './settings';
import { refreshBoms } from './StartView';

type Way = 'file' | 'paste' | 'path';
type Check =
  | { state: 'none' }
  | { state: 'checking'; name: string }
  | { state: 'ready'; name: string; bomFile: string; components: number; problems: Problem[] }
  | { state: 'invalid'; name: string; problems: Problem[] }
  | { state: 'error'; error: unknown }
  | { state: 'tooBig'; size: number };

/** What the server takes; a larger file need not travel first. */
const MAX_BYTES = 10_000_000;

const way = signal<Way>('file');
const check = signal<Check>({ state: 'none' });
const pasted = signal('');
const path = signal('');
const dragging = signal(false);

/** One's own BOM: by file, by pasting, or by a path on the server. */
export function OwnBom() {
  return (
    <section class="card own" aria-labelledby="own-title" data-testid="own">
      <div class="card-head">
        <h2 id="own-title">{t('own.title')}</h2>
        <div class="segments" role="group" aria-labelledby="own-title">
          {(['file', 'paste', 'path'] as const).map((name) => (
            <button key={name} type="button" aria-pressed={way.value === name} onClick={() => (way.value = name)}>
              {t(`own.tab.${name}` as Key)}
            </button>
          ))}
        </div>
      </div>
      {way.value === 'file' && <DropZone />}
      {way.value === 'paste' && <Paste />}
      {way.value === 'path' && <ServerPath />}
      <Outcome />
    </section>
  );
}

function DropZone() {
  const input = useRef<HTMLInputElement>(null);
  const take = (files: FileList | null | undefined): void => {
    const file = files?.[0];
    if (file) void upload(file.name, file);
  };
  return (
    <div
      class={dragging.value ? 'drop drop-over' : 'drop'}
      onDragOver={(event) => {
        event.preventDefault();
        dragging.value = true;
      }}
      onDragLeave={() => (dragging.value = false)}
      onDrop={(event) => {
        event.preventDefault();
        dragging.value = false;
        take(event.dataTransfer?.files);
      }}
    >
      <Icon name="upload" />
      <span>{t('own.drop')}</span>
      <button type="button" onClick={() => input.current?.click()}>
        {t('own.choose')}
      </button>
      <input
        ref={input}
        class="hidden"
        type="file"
        accept=".json,.csv,.yaml,.yml"
        tabIndex={-1}
        aria-label={t('own.choose')}
        onChange={(event) => {
          take(event.currentTarget.files);
          event.currentTarget.value = '';
        }}
      />
    </div>
  );
}

function Paste() {
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void upload(`pasted.${formatOf(pasted.value)}`, pasted.value);
      }}
    >
      <label for="paste">{t('own.paste.label')}</label>
      <textarea id="paste" rows={8} spellcheck={false} value={pasted.value} onInput={(event) => (pasted.value = event.currentTarget.value)} />
      <button type="submit" disabled={pasted.value.trim() === ''}>
        {t('own.paste.submit')}
      </button>
    </form>
  );
}

function ServerPath() {
  return (
    <form
      class="row"
      onSubmit={(event) => {
        event.preventDefault();
        void checkPath(path.value.trim());
      }}
    >
      <div class="grow">
        <label for="path">{t('own.path.label')}</label>
        <input
          id="path"
          autocomplete="off"
          spellcheck={false}
          placeholder="config/bom_example.json"
          value={path.value}
          onInput={(event) => (path.value = event.currentTarget.value)}
        />
      </div>
      <button type="submit" disabled={path.value.trim() === ''}>
        {t('own.path.submit')}
      </button>
    </form>
  );
}

function Outcome() {
  const now = check.value;
  switch (now.state) {
    case 'none':
      return null;
    case 'checking':
      return (
        <p class="notice" role="status">
          {t('own.uploading', { name: now.name })}
        </p>
      );
    case 'tooBig':
      return (
        <p class="notice notice-bad" role="alert">
          {t('own.tooBig', { size: number(now.size / 1e6, 1), limit: MAX_BYTES / 1e6 })}
        </p>
      );
    case 'error':
      return <Failure error={now.error} />;
    case 'invalid':
      return (
        <div class="notice notice-bad" role="alert">
          <p class="notice-title">{t('own.invalid', { name: now.name, n: now.problems.filter(({ severity }) => severity !== 'warning').length })}</p>
          <ProblemList problems={now.problems} />
        </div>
      );
    case 'ready':
      return (
        // It can be run whatever the warnings say.
        <div class={`notice ${isHopeless(now.problems) ? 'notice-warn' : 'notice-good'}`} role="status" data-testid="own-ready">
          <p class="notice-title">{isHopeless(now.problems) ? '△' : '✓'} {t('own.ready', { name: now.name, n: now.components })}</p>
          <ProblemList problems={now.problems} />
          <button
            type="button"
            class="primary"
            disabled={launching.value !== null || parsedSettings.value.settings === null}
            onClick={() => launch(now.bomFile)}
            data-testid="run-own"
          >
            <Icon name="play" fill />
            {launching.value === now.bomFile ? t('sample.running') : t('own.run')}
          </button>
        </div>
      );
  }
}

async function upload(name: string, content: Blob | string): Promise<void> {
  const size = typeof content === 'string' ? content.length : content.size;
  if (size > MAX_BYTES) {
    check.value = { state: 'tooBig', size };
    return;
  }
  check.value = { state: 'checking', name };
  try {
    const answer = await client.uploadBom(name, content);
    const problems = answer.problems ?? [];
    check.value = answer.valid
      ? { state: 'ready', name, bomFile: answer.bom_file, components: answer.num_units ?? answer.num_components, problems }
      : { state: 'invalid', name, problems };
    void refreshBoms();
  } catch (error) {
    check.value = refused(name, error);
  }
}

async function checkPath(bomFile: string): Promise<void> {
  check.value = { state: 'checking', name: bomFile };
  try {
    const answer = await client.validateBom(bomFile);
    const problems = answer.problems ?? [];
    check.value = answer.valid
      ? { state: 'ready', name: bomFile, bomFile, components: answer.num_units ?? answer.num_components, problems }
      : { state: 'invalid', name: bomFile, problems };
  } catch (error) {
    check.value = refused(bomFile, error);
  }
}

/** A refusal that lists what is wrong with the BOM is a check with an outcome. */
function refused(name: string, error: unknown): Check {
  return error instanceof ApiError && error.problems.length > 0
    ? { state: 'invalid', name, problems: error.problems }
    : { state: 'error', error };
}
