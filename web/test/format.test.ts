import { beforeEach, describe, expect, it } from 'vitest';
import { clock, elapsed, moment, NONE, number, short, signed, unitText, withUnit } from '../src/format';
import { setLanguage } from '../src/i18n';

beforeEach(() => setLanguage('en'));

describe('numbers', () => {
  it('keep their decimals, and use a minus sign', () => {
    expect(number(45.25, 1)).toBe('45.3');
    expect(number(-3, 1)).toBe('−3.0');
    expect(number(1234.5, 1)).toBe('1,234.5');
  });

  it('never show a negative zero', () => {
    expect(number(-0.04, 1)).toBe('0.0');
    expect(signed(0.04, 1)).toBe('0.0');
    expect(signed(2, 1)).toBe('+2.0');
    expect(signed(-2, 1)).toBe('−2.0');
  });

  it.each([null, undefined, Number.NaN, Number.POSITIVE_INFINITY, '5'])('are a dash when there is none: %s', (value) => {
    expect(number(value)).toBe(NONE);
    expect(withUnit(value, 'mm')).toBe(NONE);
    expect(short(value)).toBe(NONE);
  });

  it('shrink with their size', () => {
    expect([0, 1.234, 12.34, 123.4].map(short)).toEqual(['0', '1.23', '12.3', '123']);
  });
});

describe('units', () => {
  it('are what people write; differences of temperature are in kelvin', () => {
    expect(unitText('degC')).toBe('°C');
    expect(unitText('degC', true)).toBe('K');
    expect(unitText('mm', true)).toBe('mm');
    expect(withUnit(5, '')).toBe('5.0');
  });
});

describe('times', () => {
  it('are durations between two timestamps', () => {
    expect(elapsed('2026-11-24T06:00:00.000+00:00', '2026-11-24T06:01:05.400+00:00')).toBe('01:05');
    expect(elapsed('2026-11-24T06:00:00.000+00:00', '2026-11-24T08:00:05.000+00:00')).toBe('2:00:05');
    expect(elapsed(null, '2026-11-24T06:00:00.000+00:00')).toBe(NONE);
  });

  it('stay silent about what is no time', () => {
    expect(clock('')).toBe(NONE);
    expect(moment('yesterday')).toBe(NONE);
  });
});
