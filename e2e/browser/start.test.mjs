// The start page: languages, themes, widths, accessibility, and BOMs of one's own.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { assertNoSidewaysScroll, launch, open, Server, waitForEnd, waitForIteration } from './harness.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser;
let server;
let finished;
before(async () => {
  server = await Server.start();
  browser = await launch();
  finished = await server.create({ bom_file: 'config/bom_example.json', max_iterations: 4, seed: 1 });
});
after(async () => {
  await browser?.close();
  await server?.remove();
});

/** Serious faults by the rules of WCAG 2 A and AA. */
async function seriousFaults(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }));
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join('; ')}`);
}

const heading = (page) => page.locator('h1').first().textContent();

test('speaks the language of the browser, of the address, and the one chosen', async () => {
  for (const [locale, query, lang, word] of [
    ['zh-CN', '', 'zh-CN', /布局/],
    ['en-US', '', 'en', /layout/],
    ['en-US', '?lang=zh', 'zh-CN', /布局/],
    ['zh-CN', '?lang=en', 'en', /layout/],
  ]) {
    const { page, close } = await open(browser, `${server.url}/${query}`, { locale });
    await page.getByTestId('run-sample').waitFor();
    assert.match(await heading(page), word, `${locale} ${query}`);
    assert.equal(await page.locator('html').getAttribute('lang'), lang);
    await close();
  }
  const { page, close } = await open(browser, `${server.url}/`, { locale: 'zh-CN' });
  await page.getByTestId('language').click();
  assert.match(await heading(page), /layout/);
  await page.reload();
  await page.getByTestId('run-sample').waitFor();
  assert.match(await heading(page), /layout/);
  await close();
});

test('is dark when the system, the address or the user says so', async () => {
  const background = (page) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await open(browser, `${server.url}/`);
  const bright = await background(light.page);
  await light.page.getByTestId('theme').selectOption('dark');
  const dark = await background(light.page);
  assert.notEqual(dark, bright);
  await light.page.reload();
  assert.equal(await background(light.page), dark);
  await light.close();
  for (const [query, colorScheme, expected] of [
    ['', 'dark', dark],
    ['?theme=dark', 'light', dark],
    ['?theme=light', 'dark', bright],
  ]) {
    const { page, close } = await open(browser, `${server.url}/${query}`, { colorScheme });
    await page.getByTestId('run-sample').waitFor();
    assert.equal(await background(page), expected, `${query} in a ${colorScheme} system`);
    await close();
  }
});

test('fits into 360, 768 and 1280 pixels', async () => {
  for (const width of [360, 768, 1280]) {
    for (const locale of ['zh-CN', 'en-US']) {
      const { page, close } = await open(browser, `${server.url}/`, { width, height: 740, locale });
      await page.locator('[data-bom]').first().waitFor();
      await page.locator('[data-testid=settings] summary').click();
      await assertNoSidewaysScroll(page, `start page at ${width}, ${locale}`);
      await page.goto(`${server.url}/#/tasks/${finished}`);
      await waitForEnd(page);
      await page.locator('[data-testid=constraints] [data-group]').first().waitFor();
      await page.locator('.component-table summary').click();
      await assertNoSidewaysScroll(page, `run page at ${width}, ${locale}`);
      await close();
    }
  }
});

test('has no serious fault of accessibility, light or dark', async () => {
  for (const theme of ['light', 'dark']) {
    const { page, close } = await open(browser, `${server.url}/?theme=${theme}`);
    await page.locator('[data-bom]').first().waitFor();
    await page.locator('[data-testid=settings] summary').click();
    assert.deepEqual(await seriousFaults(page), [], `start page, ${theme}`);
    await page.getByRole('button', { name: '服务器路径' }).click();
    await page.getByLabel('BOM 在服务器上的路径').fill('no/such.json');
    await page.getByRole('button', { name: '检查', exact: true }).click();
    await page.getByRole('alert').waitFor();
    assert.deepEqual(await seriousFaults(page), [], `start page with a problem, ${theme}`);
    await page.goto(`${server.url}/?theme=${theme}#/tasks/${finished}`);
    await waitForEnd(page);
    await page.locator('[data-testid=constraints] [data-group]').first().waitFor();
    await page.locator('[data-testid=charts] canvas').first().waitFor();
    await page.locator('.component-table summary').click();
    assert.deepEqual(await seriousFaults(page), [], `run page, ${theme}`);
    await close();
  }
});

test('leads to the interface reference', async () => {
  const { page, close } = await open(browser, `${server.url}/?lang=en`);
  await page.getByRole('link', { name: 'Interface reference' }).click();
  await page.getByText('/api/tasks').first().waitFor();
  await close();
});

test('can be used without a mouse', async () => {
  const { page, close } = await open(browser, `${server.url}/`);
  await page.getByTestId('run-sample').waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.dataset.testid), 'run-sample');
  await page.keyboard.press('Enter');
  await page.getByTestId('run').waitFor();
  await close();
});

test('a BOM with problems shows each with its place, in both languages; a mended one runs', async () => {
  const { page, faults, close } = await open(browser, `${server.url}/`);
  await page.getByRole('button', { name: '粘贴' }).click();
  const bad = 'id,name,dim_x,dim_y,dim_z,mass,power,category\na,Radio,100,80,40,-1,5,communication\na,Battery,120,90,60,2,4,power\n';
  await page.getByLabel(/BOM 内容/).fill(bad);
  await page.getByRole('button', { name: '检查并上传' }).click();
  const problems = page.locator('[data-testid=own] .problem');
  await problems.first().waitFor();
  const zh = await problems.allTextContents();
  assert.ok(zh.length >= 2, zh.join('\n'));
  assert.ok(zh.some((text) => text.includes('质量必须大于0')), zh.join('\n'));
  assert.ok(zh.some((text) => text.includes('组件ID不唯一')), zh.join('\n'));
  assert.ok(zh.every((text) => text.includes('位置')), zh.join('\n'));
  await page.getByTestId('language').click();
  const en = await problems.allTextContents();
  assert.equal(en.length, zh.length);
  // What the file itself says may be in any language; the sentences may not.
  assert.ok(en.every((text) => !/\p{Script=Han}/u.test(text)), en.join('\n'));

  await page.getByLabel(/BOM text/).fill(bad.replace('-1', '1').replace('\na,Battery', '\nb,Battery'));
  await page.getByRole('button', { name: 'Check and upload' }).click();
  await page.getByTestId('run-own').click();
  await page.getByTestId('run').waitFor();
  assert.equal(await waitForEnd(page), 'completed');
  assert.deepEqual(faults, []);
  await close();
});

test('a file can be dropped, and a path on the server checked', async () => {
  const { page, close } = await open(browser, `${server.url}/?lang=en`);
  await page.locator('[data-bom]').first().waitFor();
  const yaml = 'components:\n  - {id: tx, name: Transmitter, dimensions: {x: 120, y: 90, z: 40}, mass: 1.2, power: 5, category: communication, quantity: 2}\n';
  const transfer = await page.evaluateHandle((text) => {
    const data = new DataTransfer();
    data.items.add(new File([text], 'dropped.yaml'));
    return data;
  }, yaml);
  await page.dispatchEvent('.drop', 'drop', { dataTransfer: transfer });
  await page.getByTestId('run-own').waitFor();
  assert.match(await page.locator('[data-testid=own] .notice').textContent(), /dropped\.yaml is ready: 2 components/);

  await page.getByRole('button', { name: 'Server path' }).click();
  await page.getByLabel('Path of a BOM on the server').fill('../../etc/passwd.json');
  await page.getByRole('button', { name: 'Check', exact: true }).click();
  await page.getByRole('alert').waitFor();
  await page.getByLabel('Path of a BOM on the server').fill('config/bom_example.json');
  await page.getByRole('button', { name: 'Check', exact: true }).click();
  await page.getByTestId('run-own').waitFor();
  await close();
});

test('settings that are wrong are said, and stop the run', async () => {
  const { page, close } = await open(browser, `${server.url}/?lang=en`);
  await page.locator('[data-bom]').first().waitFor();
  await page.locator('[data-testid=settings] summary').click();
  await page.getByLabel('Iterations').fill('0');
  await page.getByText('Iterations must be a whole number from 1 to 10000.').waitFor();
  assert.ok(await page.locator('[data-bom]').first().isDisabled());
  await page.getByLabel('Iterations').fill('2');
  await page.getByLabel('Random seed').fill('77');
  await page.locator('[data-bom="config/bom_example.json"]').click();
  await page.getByTestId('run').waitFor();
  const { body: task } = await server.api(`/api/tasks/${await page.getByTestId('run').getAttribute('data-task')}`);
  assert.deepEqual(task.config, { bom_file: 'config/bom_example.json', max_iterations: 2, convergence_threshold: 0.01, seed: 77 });
  await close();
});

test('markup in a BOM stays text everywhere', async () => {
  const evil = '<img src=x onerror="window.hacked=1"><script>window.hacked=2</script>';
  const bom = {
    components: [
      { id: 'a', name: evil, dimensions: { x: 90, y: 80, z: 40 }, mass: 1, power: 5, category: evil },
      { id: 'b', name: `b ${evil}`, dimensions: { x: 70, y: 60, z: 40 }, mass: 1, power: 2, category: 'power' },
    ],
  };
  const { page, faults, close } = await open(browser, `${server.url}/?lang=en`);
  await page.locator('input[type=file]').setInputFiles({
    name: '<img src=x onerror=window.hacked=3>.json',
    mimeType: 'application/json',
    buffer: Buffer.from(JSON.stringify(bom)),
  });
  await page.getByTestId('run-own').waitFor();
  assert.match(await page.locator('[data-testid=own] .notice').textContent(), /<img src=x/);
  await page.getByTestId('run-own').click();
  await page.getByTestId('run').waitFor();
  await waitForIteration(page, 1);
  await page.getByLabel('Color by').selectOption('category');
  await page.getByText(evil).first().waitFor();
  await waitForEnd(page);
  // A problem text with markup in it.
  await page.goto(`${server.url}/?lang=en`);
  await page.getByRole('button', { name: 'Server path' }).click();
  await page.getByLabel('Path of a BOM on the server').fill(`${evil}.json`);
  await page.getByRole('button', { name: 'Check', exact: true }).click();
  await page.getByRole('alert').waitFor();
  assert.equal(await page.locator('img[src=x]').count(), 0);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.deepEqual(faults, []);
  await close();
});

test('the examples are all there, each with a name in the language of the page', async () => {
  const { body } = await server.api('/api/boms');
  const examples = body.boms.filter(({ source }) => source === 'example').map(({ bom_file }) => bom_file);
  assert.deepEqual(examples.sort(), ['config/bom_example.json', 'examples/boms/bus_60.json', 'examples/boms/cubesat_6u_12.json', 'examples/boms/smallsat_25.json']);
  const { page, close } = await open(browser, `${server.url}/`, { locale: 'zh-CN' });
  await page.locator('[data-bom]').first().waitFor();
  const names = await page.locator('.sample h3').allTextContents();
  for (const name of names.slice(0, examples.length)) assert.match(name, /\p{Script=Han}/u);
  await close();
});
