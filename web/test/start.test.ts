import { describe, expect, it } from 'vitest';
import { hashOfTask, taskOfHash } from '../src/route';
import { roundRange, viridis } from '../src/run/color';
import { formatOf } from '../src/start/format-of';
import { parseSettings } from '../src/start/settings';

describe('settings', () => {
  it('are numbers, and an empty seed is left to the server', () => {
    expect(parseSettings('20', '0.01', '').settings).toEqual({ max_iterations: 20, convergence_threshold: 0.01 });
    expect(parseSettings('1', '0', '42').settings).toEqual({ max_iterations: 1, convergence_threshold: 0, seed: 42 });
  });

  it.each([
    ['', '0.01', '', 'settings.invalid.iterations'],
    ['0', '0.01', '', 'settings.invalid.iterations'],
    ['10001', '0.01', '', 'settings.invalid.iterations'],
    ['2.5', '0.01', '', 'settings.invalid.iterations'],
    ['twenty', '0.01', '', 'settings.invalid.iterations'],
    ['20', '-1', '', 'settings.invalid.threshold'],
    ['20', '', '', 'settings.invalid.threshold'],
    ['20', '0', '-1', 'settings.invalid.seed'],
    ['20', '0', '9007199254740992', 'settings.invalid.seed'],
    ['20', '0', '1e3', 'settings.invalid.seed'],
  ])('refuse iterations %j, threshold %j, seed %j', (iterations, threshold, seed, wrong) => {
    expect(parseSettings(iterations, threshold, seed)).toEqual({ settings: null, wrong: [wrong] });
  });

  it('name all fields that are wrong at once', () => {
    expect(parseSettings('x', 'x', 'x').wrong).toHaveLength(3);
  });
});

describe('a pasted BOM', () => {
  it.each([
    ['{"components": []}', 'json'],
    ['\uFEFF [ ]', 'json'],
    ['id,name,dim_x,dim_y,dim_z,mass,power,category\n', 'csv'],
    ['"ID","name","mass","power"\r\n', 'csv'],
    ['components:\n  - {id: a, mass: 1}', 'yaml'],
    ['- {id: a, name: b, mass: 1}', 'yaml'],
  ])('%j is %s', (text, format) => expect(formatOf(text)).toBe(format));
});

describe('the address', () => {
  it('names a task, whatever its id looks like', () => {
    expect(taskOfHash(hashOfTask('a b/ü'))).toBe('a b/ü');
    expect(['', '#/', '#/tasks/', '#/tasks/a/b', '#/tasks/%'].map(taskOfHash)).toEqual([null, null, null, null, null]);
  });
});

describe('colors', () => {
  it('run from dark to bright and stay on the ramp', () => {
    expect(viridis(0)).toBe('rgb(68 1 84)');
    expect(viridis(1)).toBe('rgb(253 231 37)');
    expect(viridis(9)).toBe(viridis(1));
    expect(viridis(Number.NaN)).toBe(viridis(0));
  });

  it('cover a round range', () => {
    expect(roundRange([21.3, 48])).toEqual([20, 50]);
    expect(roundRange([30, 30])).toEqual([30, 35]);
    expect(roundRange([])).toEqual([0, 1]);
  });
});
