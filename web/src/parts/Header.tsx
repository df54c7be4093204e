import { language, setLanguage, t } from '../i18n';
import { currentRun } from '../run/current';
import { connection } from '../server';
import { setTheme, type ThemeChoice, themeChoice } from '../theme';

/** Name, connection, language, theme. */
export function Header() {
  return (
    <header class="header">
      <a class="brand" href="#/" aria-label={`MsGalaxy · ${t('app.home')}`}>
        <img src="./icon.svg" alt="" width="28" height="28" />
        <span>MsGalaxy</span>
      </a>
      <ConnectionPill />
      <div class="header-choices">
        <button
          type="button"
          class="quiet"
          lang={language.value === 'zh' ? 'en' : 'zh-CN'}
          onClick={() => setLanguage(language.value === 'zh' ? 'en' : 'zh')}
          data-testid="language"
        >
          {language.value === 'zh' ? 'English' : '中文'}
        </button>
        <select
          class="quiet"
          aria-label={t('app.theme')}
          value={themeChoice.value}
          onChange={(event) => setTheme(event.currentTarget.value as ThemeChoice)}
          data-testid="theme"
        >
          <option value="system">{t('theme.system')}</option>
          <option value="light">{t('theme.light')}</option>
          <option value="dark">{t('theme.dark')}</option>
        </select>
      </div>
    </header>
  );
}

/** Whether what the page shows is what is: it turns from green the moment the socket knows better. */
function ConnectionPill() {
  const { phase, text, hint } = pill();
  return (
    <span class={`pill pill-${phase}`} role="status" title={hint} data-testid="connection" data-phase={phase}>
      <span class="dot" aria-hidden="true" />
      {text}
    </span>
  );
}

type Pill = { phase: 'connecting' | 'connected' | 'replaying' | 'reconnecting' | 'refused'; text: string; hint: string };

function pill(): Pill {
  const { phase, attempt, transport, reason } = connection.value;
  const run = currentRun.value;
  switch (phase) {
    case 'connecting':
    case 'closed':
      if (attempt === 0) return { phase: 'connecting', text: t('pill.connecting'), hint: t('pill.hint.connecting') };
      return { phase: 'reconnecting', text: t('pill.reconnecting', { attempt }), hint: t('pill.hint.connecting') };
    case 'reconnecting':
      return { phase, text: t('pill.reconnecting', { attempt: attempt + 1 }), hint: t('pill.hint.reconnecting') };
    case 'refused':
      return { phase, text: t('pill.refused'), hint: reason ?? '' };
    case 'connected': {
      if (run && run.loading.value === 'ready') {
        const { phase: stream, at, to } = run.stream.value;
        if (stream === 'waiting') return { phase: 'replaying', text: t('pill.subscribing'), hint: t('pill.hint.replaying') };
        if (stream === 'replaying') return { phase: 'replaying', text: t('pill.replaying', { at, to }), hint: t('pill.hint.replaying') };
      }
      return { phase, text: t(transport === 'polling' ? 'pill.polling' : 'pill.connected'), hint: t('pill.hint.connected') };
    }
  }
}
