// Follows one task with our JavaScript client, over a connection that may break
// at any time, and prints all that was handed on, as JSON.
//
//   node follow.mjs '{"url": ..., "transport": ..., "task_id": ..., "options": {...}}'
import { Client } from '../../clients/js/dist/index.js';

const order = JSON.parse(process.argv[2]);
const client = new Client(order.url, {
  socket: { transports: [order.transport], reconnectionDelay: 20, reconnectionDelayMax: 50 },
});
let connections = 0;
let connected = false;
client.connection.onStatus(({ phase }) => {
  if (phase === 'connected' && !connected) connections += 1;
  connected = phase === 'connected';
});
setTimeout(() => {
  console.error('the task did not end in time');
  process.exit(1);
}, order.patience_s * 1000).unref();

const stream = client.subscribeTask(order.task_id, order.options);
const events = [];
stream.on('event', (event) => {
  const field = event.data.layout?.panels.temperatures;
  if (field !== undefined) event.data.layout.panels.temperatures = { kind: field.constructor.name, values: [...field] };
  events.push(event);
});
const task = await stream.finished();
client.close();
const { duplicates, gaps } = stream.status;
process.stdout.write(JSON.stringify({ connections, duplicates, gaps, events, task }), () => process.exit(0));
