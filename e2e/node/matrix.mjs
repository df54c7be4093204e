// Talks to the example server of crate realtime with the official JavaScript
// client, in every transport and parser, and prints what came of it, as JSON.
//
//   node matrix.mjs PACKAGE '{"url": ..., "transports": [...], "parsers": [...], ...}'
import { readFileSync } from 'node:fs';

const [packageName, text] = process.argv.slice(2);
const order = JSON.parse(text);
const { io } = await import(packageName);
const parsers = { default: undefined, msgpack: (await import('socket.io-msgpack-parser')).default };
const BYTES = [Buffer.from([0, 1, 255]), Buffer.from('text')];

// The same without bytes, which JSON does not have.
function plain(value) {
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') };
  return Array.isArray(value) ? value.map(plain) : value;
}

async function talk(transport, parser) {
  const transports = transport === 'upgrade' ? ['polling', 'websocket'] : [transport];
  const socket = io(`${order.url}/custom`, {
    transports,
    parser: parsers[parser],
    auth: { token: '123' },
    forceNew: true,
    reconnection: false,
  });
  const upgraded = new Promise((resolve) => {
    if (transport === 'upgrade') socket.io.engine.on('upgrade', resolve);
    else resolve();
  });
  const failed = new Promise((_, reject) => {
    socket.on('connect_error', reject);
    socket.on('disconnect', (reason) => reject(new Error(`${transport} ${parser}: ${reason}`)));
  });
  failed.catch(() => {});
  const next = (name) =>
    Promise.race([failed, new Promise((resolve) => socket.once(name, (...values) => resolve(plain(values))))]);
  const call = (name, ...values) =>
    Promise.race([
      failed,
      new Promise((resolve) => socket.emit(name, ...values, (...answer) => resolve(plain(answer)))),
    ]);
  const ask = (name, values, answer) => {
    const answered = next(answer);
    socket.emit(name, ...values);
    return answered;
  };
  socket.on('question', (value, acknowledge) => acknowledge(value));
  const report = { transport, parser };
  report.auth = await next('auth');
  report.back = await ask('message', order.arguments, 'message-back');
  report.binary_back = await ask('message', [BYTES[0], { inner: 1 }, BYTES[1]], 'message-back');
  report.large = (await ask('message', ['x'.repeat(order.large)], 'message-back'))[0].length;
  report.ack = await call('message-with-ack', ...order.arguments);
  report.binary_ack = await call('message-with-ack', ...BYTES);
  report.answered = await ask('ask', [{ a: [1] }], 'answered');
  const received = [];
  const counted = new Promise((resolve) => {
    socket.on('number', (number) => {
      received.push(number);
      if (received.length === order.numbers) resolve();
    });
  });
  socket.emit('count', order.numbers);
  await Promise.race([failed, counted]);
  report.in_order = received.every((number, place) => number === place + 1);
  await Promise.race([failed, upgraded]);
  report.ended_on = socket.io.engine.transport.name;
  const extensions = socket.io.engine.transport.ws?.extensions;
  report.deflated = typeof extensions === 'string' && extensions.includes('permessage-deflate');
  socket.removeAllListeners('disconnect');
  socket.close();
  return report;
}

setTimeout(() => {
  console.error('not done in time');
  process.exit(1);
}, order.patience_s * 1000).unref();

const talks = [];
for (const transport of order.transports) {
  for (const parser of order.parsers) talks.push(await talk(transport, parser));
}
const manifest = new URL(`node_modules/${packageName}/package.json`, import.meta.url);
const library = `socket.io-client ${JSON.parse(readFileSync(manifest, 'utf8')).version}`;
process.stdout.write(JSON.stringify({ library, talks }), () => process.exit(0));
