// Follows the status changes of all tasks with our JavaScript client, over a
// connection that may break at any time, and prints them when as many tasks as
// ordered have ended. Says "live" first.
//
//   node follow_all.mjs '{"url": ..., "direct": ..., "transport": ..., "tasks": n}'
import { Client, isTerminal } from '../../clients/js/dist/index.js';

const order = JSON.parse(process.argv[2]);
const client = new Client(order.url, {
  socket: { transports: [order.transport], reconnectionDelay: 20, reconnectionDelayMax: 50 },
});
const direct = new Client(order.direct);
setTimeout(() => {
  console.error('the tasks did not end in time');
  process.exit(1);
}, order.patience_s * 1000).unref();

const events = [];
const missed = [];
const ended = new Set();
const stream = client.subscribeTask('*');
const stop = stream.on('status', ({ phase }) => {
  if (phase !== 'live') return;
  console.log(phase);
  stop();
});
stream.on('missed', async (which) => {
  missed.push(which);
  const { tasks } = await direct.listTasks({ limit: 100 });
  for (const { task_id } of tasks) stream.catchUp(task_id);
});
for await (const event of stream) {
  events.push(event);
  if (isTerminal(event.data.status)) ended.add(event.task_id);
  if (ended.size === order.tasks) break;
}
client.close();
process.stdout.write(JSON.stringify({ events, missed }), () => process.exit(0));
