// Watches one task with the official JavaScript client and prints all that
// arrived, as JSON. The task is subscribed after the POST has returned.
//
//   node record.mjs PACKAGE '{"url": ..., "transports": [...], "body": {...}}'
import { readFileSync } from 'node:fs';

const [packageName, text] = process.argv.slice(2);
const order = JSON.parse(text);
const { io } = await import(packageName);
const FINAL = ['completed', 'failed', 'cancelled'];

function record(transport) {
  const packets = [];
  const handled = [];
  const transports = transport === 'upgrade' ? ['polling', 'websocket'] : [transport];
  const path = `/${order.socketio_path ?? 'socket.io'}/`;
  const socket = io(`${new URL(order.url).origin}/tasks`, { path, transports, forceNew: true, reconnection: false });
  socket.io.engine.on('packet', ({ type, data }) => {
    if (type === 'message') packets.push(`4${data}`);
  });
  const connected = new Promise((resolve, reject) => {
    socket.on('connect', resolve);
    socket.on('connect_error', reject);
  });
  const ended = new Promise((resolve, reject) => {
    socket.on('disconnect', (reason) => reject(new Error(`${transport}: ${reason}`)));
    socket.on('task_update', (update) => {
      handled.push(update.seq);
      if (update.event_type === 'status_change' && FINAL.includes(update.data.status)) resolve();
    });
  });
  const report = async () => {
    await ended;
    const result = { transport, ended_on: socket.io.engine.transport.name, packets, handled };
    socket.close();
    return result;
  };
  return { socket, connected, report };
}

setTimeout(() => {
  console.error('no final status in time');
  process.exit(1);
}, order.patience_s * 1000).unref();

const recordings = order.transports.map(record);
await Promise.all(recordings.map((recording) => recording.connected));
const response = await fetch(`${order.url}/api/tasks`, {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(order.body),
});
const created = await response.json();
for (const { socket } of recordings) socket.emit('subscribe', { task_id: created.task_id });
const connections = await Promise.all(recordings.map((recording) => recording.report()));
const manifest = new URL(`node_modules/${packageName}/package.json`, import.meta.url);
const library = `socket.io-client ${JSON.parse(readFileSync(manifest, 'utf8')).version}`;
// A closing long poll would keep the process for as long as the poll hangs.
process.stdout.write(JSON.stringify({ library, created, connections }), () => process.exit(0));
