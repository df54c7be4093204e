// The single-file demo page, opened from the disk as a user does.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { assertNoSidewaysScroll, launch, open, ROOT, RUN_MS, Server } from './harness.mjs';

const DEMO = pathToFileURL(`${ROOT}examples/websocket_demo.html`).href;

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

async function connected() {
  const opened = await open(browser, DEMO);
  await opened.page.locator('#serverUrl').fill(server.url);
  await opened.page.locator('#connectBtn').click();
  await opened.page.locator('#connectionStatus', { hasText: '已连接' }).waitFor();
  return opened;
}

const lines = (page) => page.locator('#logContainer .line').evaluateAll((all) => all.map((line) => line.lastChild.textContent));
const status = (page, text) => page.locator('#taskStatus', { hasText: text }).waitFor({ timeout: RUN_MS });

test('from connecting to the images', async () => {
  const { page, faults, hosts, close } = await connected();
  await page.locator('#createTaskBtn').click();
  await page.locator('#progressBar').waitFor();
  await status(page, '已完成');
  const { body: task } = await server.api(`/api/tasks/${await page.locator('#taskId').textContent()}`);
  const last = task.result.final_iteration;
  assert.equal(await page.locator('#currentIteration').textContent(), `${last}/20`);
  assert.ok(await page.locator('#progressBar').isHidden());
  await page.waitForFunction(() => {
    const images = [...document.querySelectorAll('#images img')];
    return images.length === 3 && images.every((image) => image.naturalWidth > 300);
  });
  const log = await lines(page);
  const order = [/等待连接/, /正在连接/, /已连接到服务器/, /服务器确认：Connected to task updates/, /正在创建任务/, /任务已创建/, /已订阅任务/,
    /\[状态\] 运行中：Optimization started/, /\[进度\] 0\/20 \(0%\)/, /\[迭代\] 第 1 次/, /\[进度\] 1\/20 \(5%\)/, new RegExp(`\\[进度\\] ${last}/20 \\(${last * 5}%\\)`),
    /\[进度\] Generating visualizations\.\.\./, /\[状态\] 已完成：Optimization completed successfully/];
  const places = order.map((pattern) => log.findIndex((line) => pattern.test(line)));
  assert.ok(places.every((place, index) => place >= 0 && (index === 0 || place > places[index - 1])), JSON.stringify({ places, log }, null, 1));
  assert.deepEqual([...hosts].filter((host) => host !== ''), [new URL(server.url).host]);
  assert.deepEqual(faults, []);
  await close();
});

test('one socket however often the button is pressed, and a toggle', async () => {
  const { page, close } = await connected();
  let sockets = 0;
  page.on('websocket', () => (sockets += 1));
  const button = page.locator('#connectBtn');
  assert.equal(await button.textContent(), '断开连接');
  await button.click();
  assert.equal(await page.locator('#connectionStatus').textContent(), '未连接');
  assert.ok(await page.locator('#createTaskBtn').isDisabled());
  await button.dblclick();
  await button.click();
  await page.locator('#connectionStatus', { hasText: '已连接' }).waitFor();
  assert.ok(sockets <= 2, `${sockets} sockets`);
  await close();
});

test('somebody else\'s task changes nothing', async () => {
  const { page, close } = await connected();
  await page.locator('#maxIterations').fill('3');
  await page.locator('#createTaskBtn').click();
  await status(page, '已完成');
  const before = await lines(page);
  const other = await server.create({ bom_file: 'config/bom_example.json', max_iterations: 2 });
  for (;;) {
    const { body } = await server.api(`/api/tasks/${other}`);
    if (body.status === 'completed') break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.deepEqual(await lines(page), before);
  assert.notEqual(await page.locator('#taskId').textContent(), other);
  await close();
});

test('a lost connection is said, and the run is complete when it is back', async () => {
  const { page, close } = await connected();
  await page.locator('#maxIterations').fill('60');
  await page.locator('#createTaskBtn').click();
  await page.waitForFunction(() => Number(document.querySelector('#currentIteration').textContent.split('/')[0]) >= 1);
  await server.end('SIGKILL');
  await page.locator('#connectionStatus', { hasText: '重连中' }).waitFor();
  await server.restart();
  await status(page, '已完成');
  const done = (await lines(page)).filter((line) => line.startsWith('[迭代]')).map((line) => Number(/第 (\d+) 次/.exec(line)[1]));
  const last = Number((await page.locator('#currentIteration').textContent()).split('/')[0]);
  assert.deepEqual(done, Array.from({ length: last }, (_, index) => index + 1));
  await close();
});

test('what cannot be is refused before and after it is sent', async () => {
  const { page, close } = await connected();
  for (const value of ['', '0', '101', '2.5']) {
    await page.locator('#maxIterations').fill(value);
    await page.locator('#createTaskBtn').click();
    await page.locator('#logContainer .line.error', { hasText: '1 到 100' }).nth(['', '0', '101', '2.5'].indexOf(value)).waitFor();
  }
  await page.locator('#maxIterations').fill('3');
  await page.locator('#bomFile').fill('<img src=x onerror="window.hacked=1">.json');
  await page.locator('#createTaskBtn').click();
  await page.locator('#logContainer .line.error', { hasText: '创建任务失败' }).waitFor();
  assert.equal(await page.locator('#logContainer img').count(), 0);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.ok(await page.locator('#taskInfo').isHidden());
  await close();
});

test('a server that is not there is said to be not there', async () => {
  const { page, close } = await open(browser, DEMO);
  await page.locator('#serverUrl').fill('http://127.0.0.1:9');
  await page.locator('#connectBtn').click();
  await page.locator('#logContainer .line.error', { hasText: '请确认服务器已启动' }).waitFor();
  assert.equal(await page.locator('#connectionStatus').textContent(), '未连接');
  await page.locator('#serverUrl').fill('localhost');
  await page.locator('#connectBtn').click();
  await page.locator('#logContainer .line.error', { hasText: '服务器地址应为' }).waitFor();
  await close();
});

test('fits into 360 pixels', async () => {
  const { page, close } = await open(browser, DEMO, { width: 360, height: 700 });
  await assertNoSidewaysScroll(page, 'demo at 360');
  await close();
});
