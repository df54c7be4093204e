import type { BomEntry } from '@msgalaxy/client';
import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { number } from '../format';
import { t, textOr } from '../i18n';
import { Icon } from '../parts/Icon';
import { Failure } from '../parts/Problems';
import { client, connection } from '../server';
import { launch, launchError, launching } from './launch';
import { OwnBom } from './OwnBom';
import { SampleArt } from './SampleArt';
import { SettingsPanel } from './SettingsPanel';
import { parsedSettings } from './settings';

/** What the one primary button runs: enough components that one sees them move. */
const FIRST = 'examples/boms/smallsat_25.json';

const boms = signal<BomEntry[] | null>(null);
const failure = signal<unknown>(null);

/** Reads the BOMs that the server has. */
export async function refreshBoms(): Promise<void> {
  try {
    boms.value = (await client.listBoms()).boms;
    failure.value = null;
  } catch (error) {
    failure.value = error;
  }
}

/** The start page: one button, the samples, one's own BOM. */
export function StartView() {
  const connected = connection.value.phase === 'connected';
  useEffect(() => {
    if (boms.value === null || connected) void refreshBoms();
  }, [connected]);

  const examples = boms.value?.filter(({ source }) => source === 'example') ?? [];
  const uploads = boms.value?.filter(({ source, valid }) => source === 'upload' && valid !== false) ?? [];
  const first = examples.find(({ bom_file }) => bom_file === FIRST) ?? examples[0];
  return (
    <>
      <section class="hero" aria-labelledby="hero-title">
        <div>
          <h1 id="hero-title">{t('hero.title')}</h1>
          <p class="hero-text">{t('hero.text')}</p>
          <div class="hero-action">
            <button
              type="button"
              class="primary large"
              disabled={launching.value !== null}
              onClick={() => launch(first?.bom_file ?? FIRST, { max_iterations: 20 })}
              data-testid="run-sample"
            >
              <Icon name="play" fill />
              {launching.value === FIRST ? t('sample.running') : t('hero.run')}
            </button>
            <span class="muted small">{t('hero.hint')}</span>
          </div>
        </div>
        <div class="hero-art">
          <SampleArt seed={11} boxes={9} />
        </div>
      </section>
      {launchError.value !== null && <Failure error={launchError.value} />}

      <section aria-labelledby="samples-title">
        <h2 id="samples-title">{t('samples.title')}</h2>
        {boms.value === null && failure.value === null && <p class="empty">{t('samples.loading')}</p>}
        {failure.value !== null && boms.value === null && <Failure error={failure.value} />}
        {boms.value !== null && examples.length === 0 && <p class="empty">{t('samples.empty')}</p>}
        <ul class="samples">
          {examples.map((bom, index) => (
            <BomCard key={bom.bom_file} bom={bom} seed={index + 3} />
          ))}
        </ul>
      </section>

      <OwnBom />
      {uploads.length > 0 && (
        <section aria-labelledby="uploads-title">
          <h2 id="uploads-title">{t('samples.uploads')}</h2>
          <ul class="samples">
            {uploads.map((bom, index) => (
              <BomCard key={bom.bom_file} bom={bom} seed={index + 23} />
            ))}
          </ul>
        </section>
      )}
      <SettingsPanel />
    </>
  );
}

/** Short name of a file, by which the examples have texts in both languages. */
const stem = (file: string): string => file.slice(file.lastIndexOf('/') + 1).replace(/\.\w+$/, '');

function BomCard({ bom, seed }: { bom: BomEntry; seed: number }) {
  const known = bom.source === 'example' ? stem(bom.bom_file) : '';
  const name = textOr(`sample.${known}.name`, bom.name);
  const text = textOr(`sample.${known}.text`, bom.description ?? '');
  return (
    <li class="card sample">
      <SampleArt seed={seed} boxes={Math.min(14, Math.max(2, Math.round(Math.sqrt(bom.num_components) * 1.8)))} />
      <h3>{name}</h3>
      {text !== '' && <p class="sample-text">{text}</p>}
      <p class="sample-facts num">
        {t('sample.components', { n: bom.num_components })}
        {typeof bom.total_mass === 'number' && <> · {number(bom.total_mass, 1)} kg</>}
        {typeof bom.total_power === 'number' && <> · {number(bom.total_power, 0)} W</>}
      </p>
      <button
        type="button"
        disabled={launching.value !== null || parsedSettings.value.settings === null}
        onClick={() => launch(bom.bom_file)}
        aria-label={t('sample.run.of', { name })}
        data-bom={bom.bom_file}
      >
        <Icon name="play" fill />
        {launching.value === bom.bom_file ? t('sample.running') : t('sample.run')}
      </button>
    </li>
  );
}
