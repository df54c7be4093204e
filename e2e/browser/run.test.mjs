// From one click to the images, through reloads, a killed server, and a change of mind.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { iteration, launch, logSeqs, open, Server, upTo, waitForEnd, waitForIteration } from './harness.mjs';

/** Enough iterations that something can happen in their middle. */
const LONG = { bom_file: 'config/bom_example.json', max_iterations: 40, convergence_threshold: 0, seed: 5 };

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

test('one click: progress, a layout that moves, constraints, and images at the end', async () => {
  const { page, faults, hosts, close } = await open(browser, `${server.url}/`);
  const layouts = [];
  page.on('request', (request) => /\/iterations\//.test(request.url()) && layouts.push(request.url()));
  await page.getByTestId('run-sample').click();
  await page.getByTestId('run').waitFor();
  await waitForIteration(page, 1);
  await page.locator('[data-testid=layout] [data-component]').first().waitFor();

  assert.equal(await waitForEnd(page), 'completed');
  const taskId = await page.getByTestId('run').getAttribute('data-task');
  const { body: task } = await server.api(`/api/tasks/${taskId}`);
  assert.equal(await iteration(page), task.result.final_iteration);
  assert.equal(await page.getByTestId('progress').getAttribute('aria-valuenow'), '100');

  // What the page shows is what the server computed.
  const metrics = task.last_iteration.metrics;
  const shown = async (name) => Number((await page.locator(`[data-kpi=${name}] .kpi-value`).textContent()).replace('−', '-').replace(/[^\d.-]/g, ''));
  for (const name of ['max_temp', 'min_clearance', 'cg_offset', 'temp_margin']) {
    assert.ok(Math.abs((await shown(name)) - metrics[name]) <= 0.0501, `${name}: ${await shown(name)} is not ${metrics[name]}`);
  }
  assert.equal(await shown('num_violations'), metrics.num_violations);
  await page.waitForFunction(
    (last) => document.querySelector('[data-testid=constraints] .muted')?.textContent.endsWith(String(last)),
    task.result.final_iteration,
  );
  const { body: state } = await server.api(`/api/tasks/${taskId}/iterations/${task.result.final_iteration}`);
  const levels = await page.locator('[data-group]').evaluateAll((rows) => rows.map(({ dataset }) => [dataset.group, dataset.level === 'violated']));
  assert.deepEqual(levels, state.metadata.constraints.map(({ group, violations }) => [group, violations > 0]));
  assert.equal(await page.locator('[data-testid=layout] [data-component]').count(), task.result.num_components);

  // The layouts came with the events: the server was asked for one, for what never changes.
  assert.equal(layouts.length, 1, layouts.join('\n'));
  // The log has every event once, in order.
  assert.deepEqual(await logSeqs(page), upTo(task.head_seq));
  // Six charts were drawn.
  assert.equal(await page.locator('[data-testid=charts] canvas').count(), 6);

  const images = page.locator('[data-testid=images] img');
  assert.equal(await images.count(), 3);
  await page.waitForFunction(() => [...document.querySelectorAll('[data-testid=images] img')].every((image) => image.naturalWidth > 300));
  for (const image of await images.all()) assert.ok((await image.getAttribute('alt')).length > 3);
  for (const link of await page.locator('.downloads a').all()) {
    const answer = await fetch(await link.getAttribute('href'));
    assert.equal(answer.status, 200, answer.url);
    assert.ok((await answer.text()).length > 100, answer.url);
  }

  // The task is in the list, and nothing came from anywhere else.
  await page.locator('[data-testid=tasks] [aria-current=page]').waitFor();
  assert.deepEqual([...hosts], [new URL(server.url).host]);
  assert.deepEqual(faults, []);
  await close();
});

test('a reload in the middle comes back to the run', async () => {
  const { page, faults, close } = await open(browser, `${server.url}/#/tasks/${await server.create(LONG)}`);
  await waitForIteration(page, 3);
  const taskId = await page.getByTestId('run').getAttribute('data-task');
  const reached = await iteration(page);
  await page.reload();
  await page.getByTestId('run').waitFor();
  assert.equal(await page.getByTestId('run').getAttribute('data-task'), taskId);
  await waitForIteration(page, reached + 1);
  assert.equal(await waitForEnd(page), 'completed');
  const { body: task } = await server.api(`/api/tasks/${taskId}`);
  assert.deepEqual(await logSeqs(page), upTo(task.head_seq));
  assert.deepEqual(faults, []);
  await close();
});

test('a killed server: the page says so, and has everything once when it is back', async () => {
  const { page, faults, close } = await open(browser);
  // What the page loads beside itself fails in the same moment: the charts must come with the server.
  let gone = true;
  const asked = [];
  await page.route('**/assets/uPlot*', (route) => {
    asked.push(route.request().url());
    return gone ? route.abort('connectionrefused') : route.continue();
  });
  await page.goto(`${server.url}/#/tasks/${await server.create({ ...LONG, max_iterations: 60, seed: 6 })}`);
  await waitForIteration(page, 1);
  await page.locator('[data-testid=connection][data-phase=connected]').waitFor();
  await page.getByText('图表组件尚未载入').waitFor();
  assert.equal(await page.locator('[data-testid=charts] canvas').count(), 0);
  await server.end('SIGKILL');
  gone = false;
  await page.locator('[data-testid=connection][data-phase=reconnecting]').waitFor();
  assert.match(await page.locator('.strip').first().textContent(), /连接中断/);
  assert.equal(await page.locator('[data-testid=task-status] [data-status]').getAttribute('data-status'), 'running');
  await server.restart();
  await page.locator('[data-testid=connection][data-phase=connected]').waitFor();
  assert.equal(await waitForEnd(page), 'completed');
  const taskId = await page.getByTestId('run').getAttribute('data-task');
  const { body: task } = await server.api(`/api/tasks/${taskId}`);
  assert.deepEqual(await logSeqs(page), upTo(task.head_seq));
  await page.locator('[data-testid=charts] canvas').nth(5).waitFor();
  assert.equal(await page.getByText('图表组件尚未载入').count(), 0);
  assert.ok(asked.length >= 2, asked.join('\n'));
  assert.deepEqual(faults, []);
  await close();
});

test('charts that could not be loaded are tried again by themselves', async () => {
  const { page, faults, close } = await open(browser);
  const asked = [];
  await page.route('**/assets/uPlot*', (route) => {
    asked.push(route.request().url());
    return asked.length < 3 ? route.abort() : route.continue();
  });
  await page.goto(`${server.url}/?lang=en#/tasks/${await server.create({ ...LONG, max_iterations: 2 })}`);
  await page.locator('[data-testid=charts] canvas').nth(5).waitFor();
  assert.ok(asked.length >= 3, asked.join('\n'));
  assert.deepEqual(faults, []);
  await close();
});

test('the charts are on their way before the first run', async () => {
  const { page, faults, close } = await open(browser);
  const charts = page.waitForResponse(/assets\/uPlot/);
  await page.goto(`${server.url}/`);
  assert.equal((await charts).status(), 200);
  assert.deepEqual(faults, []);
  await close();
});

test('a server that is back without the task: the page says so, running or ended', async () => {
  const fresh = await Server.start();
  const { mkdtempSync, rmSync } = await import('node:fs');
  const left = [];
  try {
    const ended = await fresh.create({ ...LONG, max_iterations: 1 });
    const running = await fresh.create({ ...LONG, max_iterations: 10_000, seed: 8 });
    const pages = [];
    for (const taskId of [ended, running]) {
      pages.push(await open(browser, `${fresh.url}/?lang=en#/tasks/${taskId}`));
      await waitForIteration(pages.at(-1).page, 1);
    }
    assert.equal(await waitForEnd(pages[0].page), 'completed');
    await fresh.end('SIGKILL');
    left.push(fresh.dataDir);
    fresh.dataDir = mkdtempSync(`${fresh.dataDir}-`);
    await fresh.restart();
    for (const { page, faults, close } of pages) {
      await page.getByRole('heading', { name: 'No such task' }).waitFor();
      assert.equal(await page.getByTestId('run').count(), 0);
      assert.deepEqual(faults, []);
      await close();
    }
  } finally {
    await fresh.remove();
    for (const dir of left) rmSync(dir, { recursive: true, force: true });
  }
});

/** Cancels a task within its first iteration; one that was quicker is let go, and another tried. */
async function cancelAtOnce() {
  for (let seed = 1; seed <= 10; seed += 1) {
    const taskId = await server.create({ bom_file: 'examples/boms/bus_60.json', max_iterations: 5000, convergence_threshold: 0, seed });
    const task = async () => (await server.api(`/api/tasks/${taskId}`)).body;
    while ((await task()).progress === null);
    await server.api(`/api/tasks/${taskId}/cancel`, { method: 'POST' });
    while ((await task()).status !== 'cancelled');
    const { result } = await task();
    if (result?.final_iteration === 0) return taskId;
  }
  throw new Error('no task could be cancelled within its first iteration');
}

test('a run cancelled in its first iteration shows the layout it ended with', async () => {
  const taskId = await cancelAtOnce();
  const { body: state } = await server.api(`/api/tasks/${taskId}/iterations/0`);
  const { page, faults, close } = await open(browser, `${server.url}/?lang=en#/tasks/${taskId}`);
  assert.equal(await waitForEnd(page), 'cancelled');
  assert.match(await page.getByTestId('verdict').textContent(), /during the first iteration/);
  await page.locator('[data-testid=layout] [data-component]').first().waitFor();
  assert.equal(await page.locator('[data-testid=layout] [data-component]').count(), state.components.length);
  assert.match(await page.locator('[data-kpi=max_temp] .kpi-value').textContent(), new RegExp(state.metadata.metrics.max_temp.toFixed(1).replace('.', '\\.')));
  const link = page.locator('.downloads a[download="design_state_iter_00.json"]');
  assert.deepEqual(await (await fetch(await link.getAttribute('href'))).json(), state);
  assert.deepEqual(faults, []);
  await close();
});

test('cancelling asks once, and keeps the best so far', async () => {
  const taskId = await server.create({ ...LONG, max_iterations: 5000, seed: 7 });
  const { page, faults, close } = await open(browser, `${server.url}/?lang=en#/tasks/${taskId}`);
  await waitForIteration(page, 2);
  await page.getByTestId('cancel').click();
  await page.getByRole('button', { name: 'Keep running' }).click();
  assert.equal(await page.locator('[data-testid=task-status] [data-status]').getAttribute('data-status'), 'running');
  await page.getByTestId('cancel').click();
  await page.getByTestId('cancel-yes').click();
  assert.equal(await waitForEnd(page), 'cancelled');
  assert.match(await page.getByTestId('verdict').textContent(), /best layout up to iteration \d+ is kept/);
  assert.equal((await server.api(`/api/tasks/${taskId}`)).body.status, 'cancelled');
  await page.waitForFunction(() => {
    const images = [...document.querySelectorAll('[data-testid=images] img')];
    return images.length === 3 && images.every((image) => image.naturalWidth > 300);
  });
  assert.deepEqual(faults, []);
  await close();
});

test('going back through the iterations, and back to the newest', async () => {
  const { page, close } = await open(browser, `${server.url}/?lang=en#/tasks/${await server.create({ ...LONG, max_iterations: 8 })}`);
  assert.equal(await waitForEnd(page), 'completed');
  const slider = page.locator('#scrub');
  await slider.focus();
  for (let step = 0; step < 3; step += 1) await page.keyboard.press('ArrowLeft');
  const shown = () => page.locator('[data-testid=constraints] .muted').textContent();
  await page.waitForFunction(() => /Iteration 5$/.test(document.querySelector('[data-testid=constraints] .muted').textContent));
  await page.getByRole('button', { name: 'Back to live' }).click();
  await page.waitForFunction(() => /Iteration 8$/.test(document.querySelector('[data-testid=constraints] .muted').textContent));
  assert.match(await shown(), /8$/);
  // The drawing turns by keyboard.
  const drawing = page.locator('svg.drawing');
  const before = await drawing.innerHTML();
  await drawing.focus();
  await page.keyboard.press('ArrowLeft');
  await page.waitForFunction((old) => document.querySelector('svg.drawing').innerHTML !== old, before);
  await close();
});

test('a failed task is shown with its cause', async () => {
  // The result directory cannot be made: a file stands in its place.
  const broken = await Server.start();
  const { writeFileSync } = await import('node:fs');
  writeFileSync(`${broken.dataDir}/experiments`, 'not a directory');
  const taskId = await broken.create({ bom_file: 'config/bom_example.json', max_iterations: 3 });
  const { page, faults, close } = await open(browser, `${broken.url}/#/tasks/${taskId}`);
  assert.equal(await waitForEnd(page), 'failed');
  const { body: task } = await broken.api(`/api/tasks/${taskId}`);
  const verdict = await page.getByTestId('verdict').textContent();
  assert.ok(task.error.length > 5 && verdict.includes(task.error), `${verdict} does not say ${task.error}`);
  assert.equal(await page.locator('[data-testid=images]').count(), 0);
  assert.deepEqual(faults, []);
  await close();
  await broken.remove();
});

test('an unknown task is said to be unknown', async () => {
  const { page, close } = await open(browser, `${server.url}/?lang=en#/tasks/no-such-task`);
  await page.getByRole('heading', { name: 'No such task' }).waitFor();
  await close();
});
