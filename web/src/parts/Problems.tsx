import { ApiError, type Problem } from '@msgalaxy/client';
import { language, t } from '../i18n';
import { explain } from '../server';
import { sortWarnings } from './warnings';

/** What went wrong, with every problem: where it is, what stands there, and how to mend it. */
export function Failure({ error }: { error: unknown }) {
  const problems = error instanceof ApiError ? error.problems : [];
  return (
    <div class="notice notice-bad" role="alert" data-testid="failure">
      <p class="notice-title">{problems.length > 1 ? t('problems.title', { n: problems.length }) : explain(error)}</p>
      <ProblemList problems={problems} />
      {error instanceof ApiError && (
        <p class="muted small">
          <code>{error.code}</code>
          {error.requestId && <> · {t('problems.request', { id: error.requestId })}</>}
        </p>
      )}
    </div>
  );
}

/** Problems in the current language; the keys without effect in one line. */
export function ProblemList({ problems }: { problems: readonly Problem[] }) {
  const { single, keys } = sortWarnings(problems);
  if (problems.length === 0) return null;
  return (
    <ul class="problems" data-testid="problems">
      {single.map((problem, index) => (
        <li key={index} class={`problem problem-${problem.severity}`}>
          <p>
            <strong>{t(problem.severity === 'warning' ? 'problems.warning' : 'problems.error')}</strong>{' '}
            {language.value === 'zh' ? problem.message_zh : problem.message_en}
          </p>
          <dl>
            <Fact name={t('problems.where')} value={place(problem)} code />
            <Fact name={t('problems.found')} value={problem.found} code />
            <Fact name={t('problems.allowed')} value={problem.allowed} />
            <Fact name={t('problems.fix')} value={problem.fix} />
          </dl>
        </li>
      ))}
      {keys.length > 0 && (
        <li class="problem problem-warning" data-testid="not-evaluated">
          <p>
            <strong>{t('problems.warning')}</strong> {t('problems.notEvaluated')}{' '}
            <code>{keys.join(', ')}</code>
          </p>
        </li>
      )}
    </ul>
  );
}

function Fact({ name, value, code = false }: { name: string; value: string | undefined; code?: boolean }) {
  if (!value) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{code ? <code>{value}</code> : value}</dd>
    </div>
  );
}

function place({ pointer, line, column }: Problem): string {
  const row = line === undefined ? '' : column === undefined ? t('problems.line', { line }) : t('problems.line.column', { line, column });
  return [pointer, row].filter((part) => part !== '').join(' · ');
}
