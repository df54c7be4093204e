import { beforeEach, describe, expect, it } from 'vitest';
import { firstLanguage, language, setLanguage, t, textOr } from '../src/i18n';
import { en } from '../src/i18n/en';
import { zh } from '../src/i18n/zh';

beforeEach(() => setLanguage('en'));

describe('the two languages', () => {
  it('say the same things', () => {
    expect(Object.keys(en)).toEqual(Object.keys(zh));
  });

  it('leave the same places for values', () => {
    const places = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map(([place]) => place).sort();
    for (const key of Object.keys(zh) as (keyof typeof zh)[]) {
      expect(places(en[key]), key).toEqual(places(zh[key]));
    }
  });

  it('have no empty text, and no Chinese in the English one', () => {
    for (const [key, text] of Object.entries(en)) {
      expect(text.trim(), key).not.toBe('');
      expect(text, key).not.toMatch(/\p{Script=Han}/u);
    }
  });
});

describe('the first language', () => {
  it.each([
    ['?lang=zh', 'en', ['en-US'], 'zh'],
    ['?lang=en', 'zh', ['zh-CN'], 'en'],
    ['?lang=fr', null, ['zh-TW'], 'zh'],
    ['', 'zh', ['en-US'], 'zh'],
    ['', null, ['zh-CN', 'en'], 'zh'],
    ['', null, ['en-GB', 'zh'], 'en'],
    ['', null, ['de'], 'en'],
    ['', null, [], 'en'],
  ] as const)('of %s with %s stored and %j preferred is %s', (query, stored, preferred, expected) => {
    expect(firstLanguage(query, stored, preferred)).toBe(expected);
  });
});

describe('texts', () => {
  it('take values, and follow the language', () => {
    expect(t('pill.replaying', { at: 3, to: 9 })).toBe('Replaying 3/9');
    setLanguage('zh');
    expect(t('pill.replaying', { at: 3, to: 9 })).toBe('补发中 3/9');
    expect(document.documentElement.lang).toBe('zh-CN');
    expect(language.value).toBe('zh');
  });

  it('do not treat a value as a place', () => {
    expect(t('run.unknown.text', { id: '{id} $& {at}' })).toContain('task {id} $& {at}.');
  });

  it('fall back for names that the server invented later', () => {
    expect(textOr('constraint.thermal', 'thermal')).toBe('Temperature');
    expect(textOr('constraint.radiation', 'radiation')).toBe('radiation');
  });
});
