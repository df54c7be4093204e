import type { ConstraintState } from '@msgalaxy/client';

/** How a layout stands to a limit. */
export type Level = 'met' | 'tight' | 'violated';

/** A margin below this share of the limit is called tight. */
const TIGHT_SHARE = 0.05;

/** Violated, or met with little to spare, or met. Rules with a limit of zero are met or not. */
export function constraintLevel({ margin, limit, violations }: ConstraintState): Level {
  if (violations > 0 || margin < 0) return 'violated';
  return limit !== 0 && margin < TIGHT_SHARE * Math.abs(limit) ? 'tight' : 'met';
}

/** Ids of the components that a constraint's number belongs to. */
export function subjectText({ subject }: ConstraintState): string {
  return Array.isArray(subject) ? subject.join(' ↔ ') : '';
}

/** Margin as a share of the limit, from -1 to 1; null where the limit is zero and no share exists. */
export function marginShare({ margin, limit }: ConstraintState): number | null {
  return limit === 0 ? null : Math.max(-1, Math.min(1, margin / Math.abs(limit)));
}
