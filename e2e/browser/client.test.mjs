// The JavaScript client and every JavaScript example, against the real server.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { launch, open, ROOT, RUN_MS, Server, upTo } from './harness.mjs';

const CLIENT = pathToFileURL(`${ROOT}clients/js/dist/index.js`).href;
const HERE = new URL('./', import.meta.url);

let server;
let lib;
// Examples run from here, so that their imports are found.
let scratch;
before(async () => {
  scratch = mkdtempSync(join(HERE.pathname, '.scratch-'));
  [server, lib] = await Promise.all([Server.start(), import(CLIENT)]);
});
after(async () => {
  await server?.remove();
  rmSync(scratch, { recursive: true, force: true });
});

const SHORT = { bom_file: 'config/bom_example.json', max_iterations: 5, convergence_threshold: 0, seed: 3 };

test('create, iterate, and read the result', async () => {
  const client = new lib.Client(server.url);
  const created = await client.createTask(SHORT);
  assert.equal(created.status, 'pending');
  const events = [];
  const stream = client.subscribeTask(created.task_id);
  for await (const event of stream) events.push(event);
  assert.deepEqual(events.map(({ seq }) => seq), upTo(events.length));
  const { task } = stream;
  assert.equal(task.status, 'completed');
  // The fold of the events is the task that the server has, beside what its input was warned about.
  const { warnings, ...stored } = await client.getTask(task.id);
  assert.deepEqual(warnings, []);
  assert.deepEqual(task, { ...stored, config: task.config });

  const result = await client.getResult(task.id);
  assert.equal(result.evolution.length, 5);
  const state = await client.iteration(task.id, 5);
  assert.equal(state.components.length, task.result.num_components);
  const image = await fetch(client.visualizationUrl(task.id, 'final_layout_3d.png'));
  assert.equal(image.headers.get('content-type'), 'image/png');
  const list = await client.listTasks({ limit: 1 });
  assert.equal(list.tasks[0].id, task.id);
  const page = await client.listEvents(task.id, 2, 3);
  assert.deepEqual(page.events, events.slice(2, 5));
  client.close();
});

test('a killed server costs no event and doubles none', async () => {
  const client = new lib.Client(server.url);
  const { task_id } = await client.createTask({ ...SHORT, max_iterations: 50, seed: 4 });
  const stream = client.subscribeTask(task_id);
  const seqs = [];
  const phases = new Set();
  client.connection.onStatus(({ phase }) => phases.add(phase));
  let killed = false;
  stream.on('event', ({ seq }) => seqs.push(seq));
  await new Promise((resolve) => {
    stream.on('iteration_complete', async ({ data }) => {
      if (data.iteration < 2 || killed) return;
      killed = true;
      await server.end('SIGKILL');
      resolve();
    });
  });
  await server.restart();
  const task = await stream.finished();
  assert.equal(task.status, 'completed');
  assert.deepEqual(seqs, upTo(task.head_seq));
  assert.ok(phases.has('reconnecting'));
  client.close();
});

test('a stream goes on where another process stopped', async () => {
  const client = new lib.Client(server.url);
  const { task_id } = await client.createTask(SHORT);
  const first = client.subscribeTask(task_id);
  const all = [];
  for await (const event of first) all.push(event);
  const second = client.subscribeTask(task_id, { afterSeq: 6, logId: first.logId });
  const rest = [];
  for await (const event of second) rest.push(event);
  assert.deepEqual(rest, all.slice(6));
  // A log that is not this one: the state as it is, and no pretended history.
  const third = client.subscribeTask(task_id, { afterSeq: 6, logId: 'another' });
  assert.equal((await third.finished()).status, 'completed');
  client.close();
});

test('refusals have codes', async () => {
  const client = new lib.Client(server.url, { language: 'en' });
  await assert.rejects(client.createTask({ bom_file: 'no/such.json' }), (error) => {
    assert.ok(error instanceof lib.ApiError);
    assert.equal(error.status, 400);
    assert.match(error.code, /\w/);
    return true;
  });
  await assert.rejects(client.getTask('none'), { status: 404 });
  await assert.rejects(client.subscribeTask('none').finished(), { name: 'StreamError' });
  const { boms } = await client.listBoms();
  assert.ok(boms.some(({ bom_file }) => bom_file === 'config/bom_example.json'));
  const upload = await client.uploadBom('two.json', JSON.stringify({ components: [] }));
  assert.equal(upload.valid, false);
  assert.ok(upload.problems.length > 0);
  const check = await client.validateBom('config/bom_example.json');
  assert.equal(check.valid, true);
  client.close();
});

/** The example with the address of the server under test, and the client where it is. */
const pointed = (text) =>
  text
    .replaceAll(/http:\/\/(localhost|127\.0\.0\.1):5000/g, server.url)
    .replace(/(['"])(@msgalaxy\/client|\.\.\/clients\/js\/dist\/index\.js)\1/g, `'${CLIENT}'`);

/** Runs a module until it ends, or until it has said `until`. */
function run(name, text, until) {
  const file = join(scratch, name);
  writeFileSync(file, pointed(text));
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'], cwd: ROOT });
    const late = setTimeout(() => child.kill('SIGKILL'), RUN_MS);
    let output = '';
    const hear = (chunk) => {
      output += chunk;
      if (until && output.includes(until)) child.kill();
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('exit', (code) => {
      clearTimeout(late);
      if (code === 0 || (until && output.includes(until))) resolve(output);
      else reject(new Error(`${name} ended with ${code}:\n${output}`));
    });
  });
}

test("the original's example runs with only its import added", async () => {
  const text = readFileSync(new URL('original_example.mjs', HERE), 'utf8');
  const output = await run('original.mjs', text, 'Task completed!');
  assert.match(output, /Connected to WebSocket/);
  assert.match(output, /Status: running - Optimization started/);
  assert.match(output, /Progress: 0%/);
  assert.match(output, /Status: completed - Optimization completed successfully/);
});

test("the original's example runs in a page, with the client that the server serves", async () => {
  const script = readFileSync(new URL('original_example.mjs', HERE), 'utf8').replace(/^import .*\n/, '');
  const file = join(scratch, 'original.html');
  writeFileSync(file, pointed(`<!doctype html><meta charset="utf-8"><script src="http://localhost:5000/lib/socket.io.min.js"></script><script>${script}</script>`));
  const browser = await launch();
  const { page, close } = await open(browser);
  const said = [];
  const completed = new Promise((resolve) => {
    page.on('console', (message) => {
      said.push(message.text());
      if (message.text().startsWith('Task completed!')) resolve();
    });
  });
  await page.goto(pathToFileURL(file).href);
  await completed;
  assert.ok(said.includes('Connected to WebSocket'), said.join('\n'));
  await close();
  await browser.close();
});

test('quickstart.mjs is short and runs', async () => {
  const text = readFileSync(`${ROOT}examples/quickstart.mjs`, 'utf8');
  assert.ok(text.trimEnd().split('\n').length <= 20);
  const output = await run('quickstart.mjs', text);
  assert.match(output, /The task completed/);
});

test('quickstart.html is short and runs from the disk', async () => {
  const text = readFileSync(`${ROOT}examples/quickstart.html`, 'utf8');
  assert.ok(text.trimEnd().split('\n').length <= 20);
  const file = join(scratch, 'quickstart.html');
  writeFileSync(file, pointed(text));
  const browser = await launch();
  const { page, faults, close } = await open(browser, pathToFileURL(file).href);
  await page.locator('#text', { hasText: 'completed, feasible:' }).waitFor({ timeout: RUN_MS });
  await page.waitForFunction(() => document.querySelector('img')?.naturalWidth > 300);
  assert.deepEqual(faults, []);
  await close();
  await browser.close();
});

/** A fragment that speaks of `io` and of a task gets both, and ends with the task. */
const whole = async (block) =>
  /^import /m.test(block)
    ? block
    : `import { io } from 'socket.io-client';
const task_id = '${await server.create(SHORT)}';
${block}
socket.on('task_update', ({ data }) => data.status === 'completed' && socket.disconnect());`;

/** Runs a fragment that only a browser understands, with the `id` of a task, until it has said `until`. */
async function inPage(block, until) {
  const id = await server.create(SHORT);
  const browser = await launch();
  const { page, close } = await open(browser, server.url);
  const said = new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`never said ${until}`)), RUN_MS);
    page.on('console', async (message) => {
      const words = await Promise.all(message.args().map((word) => word.jsonValue()));
      if (!JSON.stringify(words).includes(until)) return;
      clearTimeout(late);
      resolve();
    });
  });
  await page.evaluate(`const id = '${id}';\n${block}`);
  await said;
  await close();
  await browser.close();
}

const guides = existsSync(`${ROOT}docs/guide`) ? readdirSync(`${ROOT}docs/guide`).filter((name) => name.endsWith('.md')) : [];
for (const document of ['README.md', 'README.zh.md', 'clients/js/README.md', 'web/README.md', ...guides.map((name) => `docs/guide/${name}`)]) {
  const text = readFileSync(ROOT + document, 'utf8');
  const blocks = [...text.matchAll(/^```(?:js|javascript|mjs|ts)\n(.*?)^```/gms)].map(([, block]) => block);
  for (const [index, block] of blocks.entries()) {
    test(`${document}: example ${index + 1}`, async () =>
      block.includes('new EventSource')
        ? inPage(block, '"status":"completed"')
        : run(`example-${document.replaceAll('/', '-')}-${index}.mjs`, await whole(block)));
  }
}
