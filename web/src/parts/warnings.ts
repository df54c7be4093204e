import type { Problem } from '@msgalaxy/client';

/** Ends the code of a warning about a key that nothing evaluates yet. */
const NOT_EVALUATED = /(^|\.)not_evaluated_yet$/;

/** Warnings, in the two ways in which they are shown. */
export interface SortedWarnings {
  /** Shown one by one; those by which no layout can be feasible come first. */
  single: Problem[];
  /** Keys that are read and kept without effect: told in one line. */
  keys: string[];
}

/** Takes the keys without effect, of which a rich BOM has a dozen, out of the list. */
export function sortWarnings(problems: readonly Problem[]): SortedWarnings {
  const isKey = ({ severity, code }: Problem): boolean => severity === 'warning' && NOT_EVALUATED.test(code);
  const others = problems.filter((problem) => !isKey(problem));
  return {
    single: [...others.filter(excludesAll), ...others.filter((problem) => !excludesAll(problem))],
    keys: [...new Set(problems.filter(isKey).map(({ pointer }) => keyOf(pointer)))],
  };
}

/** Whether, by a warning, no layout at all can be feasible. */
export function isHopeless(warnings: readonly Problem[]): boolean {
  return warnings.some(excludesAll);
}

function excludesAll({ severity, code }: Problem): boolean {
  return severity === 'warning' && code.startsWith('envelope.');
}

/** The last key of a JSON pointer. */
function keyOf(pointer: string): string {
  return pointer.slice(pointer.lastIndexOf('/') + 1).replaceAll('~1', '/').replaceAll('~0', '~');
}
