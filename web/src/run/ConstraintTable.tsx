import type { ConstraintState } from '@msgalaxy/client';
import { signed, short, unitText } from '../format';
import { t, textOr } from '../i18n';
import { Icon } from '../parts/Icon';
import { constraintLevel, type Level, marginShare, subjectText } from './constraints';
import type { RunModel } from './model';

/** Every limit and how the shown layout stands to it. */
export function ConstraintTable({ run }: { run: RunModel }) {
  const state = run.layout.state.value;
  const constraints = state?.metadata.constraints ?? [];
  return (
    <section class="card" aria-labelledby="constraints-title" data-testid="constraints">
      <div class="card-head">
        <h2 id="constraints-title">{t('constraints.title')}</h2>
        {state && (
          <span class="muted num">
            {t('run.iteration')} {state.iteration}
          </span>
        )}
      </div>
      {constraints.length === 0 ? (
        <p class="empty">{t('constraints.empty')}</p>
      ) : (
        <table class="constraints">
          <thead>
            <tr>
              <th scope="col">{t('constraints.col.name')}</th>
              <th scope="col" class="right">
                {t('constraints.col.value')}
              </th>
              <th scope="col" class="right">
                {t('constraints.col.limit')}
              </th>
              <th scope="col" class="right">
                {t('constraints.col.margin')}
              </th>
              <th scope="col">{t('constraints.col.status')}</th>
            </tr>
          </thead>
          <tbody>
            {constraints.map((constraint, index) => (
              // A group may have several rules; the server keeps their order.
              <Row key={`${constraint.group} ${index}`} constraint={constraint} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Row({ constraint }: { constraint: ConstraintState }) {
  const level = constraintLevel(constraint);
  const subject = subjectText(constraint);
  const unit = unitText(constraint.unit);
  const share = marginShare(constraint);
  return (
    <tr class={`constraint constraint-${level}`} data-group={constraint.group} data-level={level}>
      <th scope="row">
        {textOr(`constraint.${constraint.group}`, constraint.group)}
        {subject !== '' && <span class="subject">{subject}</span>}
      </th>
      <td class="right num" data-label={t('constraints.col.value')}>
        {short(constraint.value)} <span class="unit">{unit}</span>
      </td>
      <td class="right num" data-label={t('constraints.col.limit')}>
        {short(constraint.limit)} <span class="unit">{unit}</span>
      </td>
      <td class="right num" data-label={t('constraints.col.margin')}>
        {signed(constraint.margin, 2)} <span class="unit">{unitText(constraint.unit, true)}</span>
        {share !== null && (
          <svg class="margin-bar" viewBox="-1 0 2 1" preserveAspectRatio="none" aria-hidden="true">
            <rect x={Math.min(0, share)} width={Math.abs(share)} height="1" />
          </svg>
        )}
      </td>
      <td>
        <LevelMark level={level} count={constraint.violations} />
      </td>
    </tr>
  );
}

const ICON = { met: 'check', tight: 'tight', violated: 'cross' } as const;

function LevelMark({ level, count }: { level: Level; count: number }) {
  return (
    <span class={`level level-${level}`}>
      <Icon name={ICON[level]} />
      {t(`constraints.${level}`)}
      {count > 1 && <span class="num"> ×{count}</span>}
    </span>
  );
}
