import type { Problem } from '@msgalaxy/client';
import { describe, expect, it } from 'vitest';
import { isHopeless, sortWarnings } from '../src/parts/warnings';

const problem = (code: string, pointer = '', severity: Problem['severity'] = 'warning'): Problem => ({
  severity,
  code,
  pointer,
  found: '',
  allowed: '',
  message_zh: '',
  message_en: '',
});

describe('warnings', () => {
  it('name the keys without effect once, apart from the others', () => {
    const other = problem('bom.unknown_key', '/x');
    const { single, keys } = sortWarnings([
      problem('not_evaluated_yet', '/components/0/min_temp'),
      other,
      problem('not_evaluated_yet', '/components/4/heater'),
      problem('config.not_evaluated_yet', '/heater'),
      problem('not_evaluated_yet', '/constraints/a~1b~0c'),
    ]);
    expect(single).toEqual([other]);
    expect(keys).toEqual(['min_temp', 'heater', 'a/b~c']);
  });

  it('come with those first that no layout can meet', () => {
    const given = ['bom.unknown_key', 'envelope.too_small', 'bom.odd', 'envelope.fixed_outside'].map((code) => problem(code));
    expect(sortWarnings(given).single.map(({ code }) => code)).toEqual(['envelope.too_small', 'envelope.fixed_outside', 'bom.unknown_key', 'bom.odd']);
  });

  it('are none of the errors', () => {
    const error = problem('bom.not_evaluated_yet', '/x', 'error');
    expect(sortWarnings([error])).toEqual({ single: [error], keys: [] });
  });

  it('tell when no layout can be feasible', () => {
    expect(isHopeless([problem('not_evaluated_yet'), problem('envelope.fixed_outside')])).toBe(true);
    expect(isHopeless([problem('bom.envelope.odd'), problem('bom.unknown_key')])).toBe(false);
    expect(isHopeless([problem('envelope.shell_too_thick', '', 'error')])).toBe(false);
    expect(isHopeless([])).toBe(false);
  });
});
