// The official client as a page loads it: in Chromium, old and new, over every
// transport, with both parsers, with and without compression, to the end of a task.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer as createPageServer } from 'node:http';
import { createServer, connect } from 'node:net';
import { after, before, test } from 'node:test';
import { launch, open, ROOT, RUN_MS, Server, upTo } from './harness.mjs';

const TRANSPORTS = { polling: ['polling'], websocket: ['websocket'], upgrade: ['polling', 'websocket'] };
const LIBRARIES = { '4.5.4': 'socket.io-client-4.5.4', newest: 'socket.io-client-newest' };
const BUNDLES = { default: 'socket.io.min.js', msgpack: 'socket.io.msgpack.min.js' };

let browser;
let server;
let pages;
let plain;
before(async () => {
  [server, browser, pages] = await Promise.all([Server.start(), launch(), servePages()]);
  plain = await withoutExtensions(new URL(server.url).port);
});
after(async () => {
  await browser?.close();
  pages?.close();
  plain?.close();
  await server?.remove();
});

/**
 * Chromium always offers compression, and the server always takes it. What stands between them may
 * not: this forwards every connection and leaves the offer out of its first request.
 */
async function withoutExtensions(port) {
  const proxy = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
    client.once('data', (head) => {
      upstream.write(head.toString('latin1').replace(/^sec-websocket-extensions:.*\r\n/im, ''), 'latin1');
      client.pipe(upstream);
    });
    upstream.pipe(client);
  });
  return { url: await listening(proxy), close: () => proxy.close() };
}

/** Pages of another origin of this machine, `/VERSION/PARSER/`, each with its library. */
async function servePages() {
  const http = createPageServer((request, response) => {
    const [, version, parser, name] = request.url.split('/');
    const isLibrary = name === 'library.js';
    response.setHeader('Content-Type', isLibrary ? 'text/javascript' : 'text/html; charset=utf-8');
    if (isLibrary) response.end(readFileSync(`${ROOT}e2e/node/node_modules/${LIBRARIES[version]}/dist/${BUNDLES[parser]}`));
    else response.end('<!doctype html><link rel="icon" href="data:,"><script src="library.js"></script>');
  });
  return { url: await listening(http), close: () => http.close() };
}

async function listening(someServer) {
  await new Promise((resolve) => someServer.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${someServer.address().port}`;
}

/** Runs in the page: connects over each transport, and returns when all are connected. */
async function connectAll([address, transports]) {
  const watch = (transport, chosen) => {
    const socket = io(`${address}/tasks`, { transports: chosen, forceNew: true, reconnection: false });
    const report = { transport, seqs: [], fields: 0 };
    const upgraded = new Promise((resolve) => {
      if (transport === 'upgrade') socket.io.engine.on('upgrade', resolve);
      else resolve();
    });
    const connected = new Promise((resolve, reject) => {
      socket.on('connect', resolve);
      socket.on('connect_error', reject);
    });
    const ended = new Promise((resolve, reject) => {
      socket.on('disconnect', (reason) => reject(new Error(`${transport}: ${reason}`)));
      socket.on('error', ({ message }) => reject(new Error(message)));
      socket.on('task_update', ({ seq, event_type, data }) => {
        report.seqs.push(seq);
        if (data.layout) {
          const { mesh, temperatures } = data.layout.panels;
          if (temperatures.byteLength !== 4 * 6 * mesh * mesh) reject(new Error(`a field of ${temperatures.byteLength} bytes`));
          if (event_type === 'iteration_complete') report.fields += 1;
        }
        if (data.status === 'completed') resolve();
      });
    });
    return { socket, report, connected: Promise.all([connected, upgraded]), ended };
  };
  window.watched = Object.entries(transports).map(([name, chosen]) => watch(name, chosen));
  await Promise.all(window.watched.map(({ connected }) => connected));
}

/** Runs in the page: follows the task to its end. */
async function followAll(task_id) {
  for (const { socket } of window.watched) socket.emit('subscribe', { task_id, layout: true });
  return Promise.all(
    window.watched.map(async ({ socket, report, ended }) => {
      await ended;
      const { name, ws } = socket.io.engine.transport;
      socket.off('disconnect');
      socket.close();
      return { ...report, endedOn: name, extensions: ws?.extensions ?? '' };
    }),
  );
}

/** A page that has loaded the library by a script element, and is connected. */
async function load(version, parser, address) {
  const { page, faults, close } = await open(browser, `${pages.url}/${version}/${parser}/`);
  await page.evaluate(connectAll, [address, TRANSPORTS]);
  return { page, faults, close };
}

for (const compressed of [true, false]) {
  test(`every version, transport and parser ${compressed ? 'with' : 'without'} compression`, { timeout: RUN_MS }, async () => {
    const address = compressed ? server.url : plain.url;
    const ways = Object.keys(LIBRARIES).flatMap((version) => Object.keys(BUNDLES).map((parser) => ({ version, parser })));
    const loaded = await Promise.all(ways.map(async (way) => ({ ...way, ...(await load(way.version, way.parser, address)) })));
    const iterations = 10;
    const id = await server.create({ bom_file: 'config/bom_example.json', max_iterations: iterations, convergence_threshold: 0, seed: 5 });
    const reports = await Promise.all(loaded.map(({ page }) => page.evaluate(followAll, id)));
    const { head_seq } = (await server.api(`/api/tasks/${id}`)).body;
    for (const [index, { version, parser, faults, close }] of loaded.entries()) {
      const way = `${version} ${parser}`;
      assert.deepEqual(faults, [], way);
      assert.deepEqual(reports[index].map(({ transport }) => transport), Object.keys(TRANSPORTS));
      for (const { transport, seqs, fields, endedOn, extensions } of reports[index]) {
        assert.deepEqual(seqs, upTo(head_seq), `${way} ${transport}`);
        assert.equal(fields, iterations, `${way} ${transport}`);
        assert.equal(endedOn, transport === 'polling' ? 'polling' : 'websocket', way);
        assert.equal(extensions.includes('permessage-deflate'), compressed && transport !== 'polling', `${way} ${transport}: ${extensions}`);
      }
      await close();
    }
  });
}
