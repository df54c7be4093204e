import type { Signal } from '@preact/signals';
import { type Key, t } from '../i18n';
import { iterationsText, parsedSettings, seedText, thresholdText } from './settings';

/** Iterations, threshold and seed of the tasks that are started from here. */
export function SettingsPanel() {
  return (
    <details class="card settings" data-testid="settings">
      <summary>{t('settings.title')}</summary>
      <div class="fields">
        <Field id="iterations" label="settings.iterations" hint="settings.iterations.hint" invalid="settings.invalid.iterations" value={iterationsText} />
        <Field id="threshold" label="settings.threshold" hint="settings.threshold.hint" invalid="settings.invalid.threshold" value={thresholdText} />
        <Field id="seed" label="settings.seed" hint="settings.seed.hint" invalid="settings.invalid.seed" value={seedText} />
      </div>
    </details>
  );
}

function Field({ id, label, hint, invalid, value }: { id: string; label: Key; hint: Key; invalid: Key; value: Signal<string> }) {
  const wrong = (parsedSettings.value.wrong as Key[]).includes(invalid);
  return (
    <div class="field">
      <label for={id}>{t(label)}</label>
      <input
        id={id}
        inputMode="decimal"
        autocomplete="off"
        value={value.value}
        onInput={(event) => (value.value = event.currentTarget.value)}
        aria-describedby={`${id}-hint`}
        aria-invalid={wrong}
      />
      <p id={`${id}-hint`} class={wrong ? 'hint bad' : 'hint'}>
        {t(wrong ? invalid : hint)}
      </p>
    </div>
  );
}
