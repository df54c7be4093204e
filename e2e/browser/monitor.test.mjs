// The page for who watches the server: the real numbers, and the end of a connection.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { assertNoSidewaysScroll, launch, open, Server } from './harness.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser;
let server;
before(async () => {
  server = await Server.start();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.remove();
});

test('shows connections and tasks, fits and is accessible, and ends a connection', async () => {
  const task = await server.create({ bom_file: 'config/bom_example.json', max_iterations: 10_000, convergence_threshold: 0, seed: 1 });
  const watcher = await fetch(`${server.url}/api/tasks/${task}/events`, { headers: { Accept: 'text/event-stream' } });
  const heard = watcher.text();
  for (const [theme, locale, width] of [
    ['light', 'zh-CN', 360],
    ['dark', 'en-US', 768],
    ['light', 'en-US', 1280],
  ]) {
    const { page, faults, close } = await open(browser, `${server.url}/?theme=${theme}`, { locale, width });
    await page.getByRole('link', { name: locale === 'en-US' ? 'Server monitor' : '服务器监视' }).click();
    await page.locator('[data-connection]').first().waitFor();
    await page.locator(`a[href="#/tasks/${task}"]`).waitFor();
    assert.equal(await page.locator('[data-tile=running] .kpi-value').textContent(), '1');
    await assertNoSidewaysScroll(page, `monitor at ${width}, ${locale}`);
    await page.evaluate(AXE);
    const { violations } = await page.evaluate(() =>
      axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }),
    );
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    assert.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target)}`), [], `${theme}, ${locale}`);
    assert.deepEqual(faults, []);
    await close();
  }
  const { page, close } = await open(browser, `${server.url}/?lang=en#/monitor`);
  const row = page.locator('[data-connection]').filter({ hasText: 'sse' });
  await row.getByRole('button').click();
  await row.getByRole('button', { name: /Really disconnect/ }).click();
  assert.match(await heard, /event: notice\ndata: \{"code":"disconnected_by_admin"/);
  await row.waitFor({ state: 'detached' });
  await close();
  await server.api(`/api/tasks/${task}/cancel`, { method: 'POST' });
});

test('comes as soon as the server answers, when it could not be loaded', async () => {
  const { page, close } = await open(browser);
  let refusals = 2;
  await page.route('**/lib/monitor.js', (route) => (refusals-- > 0 ? route.abort() : route.continue()));
  await page.goto(`${server.url}/?lang=en#/monitor`);
  await page.getByText('could not be loaded yet').waitFor();
  await page.getByRole('heading', { name: 'Server monitor' }).waitFor();
  await close();
});
