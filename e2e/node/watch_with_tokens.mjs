// Orders a task and follows it with our JavaScript client, which shows the
// tokens given, one after the other as it is asked for them. Prints what was
// shown and heard.
//
//   node watch_with_tokens.mjs '{"url": ..., "tokens": [...], "patience_s": n}'
import { Client } from '../../clients/js/dist/index.js';

const order = JSON.parse(process.argv[2]);
const rest = new Client(order.url, { token: order.tokens.at(-1) });
const left = [...order.tokens];
const client = new Client(order.url, { token: () => left.shift() });
setTimeout(() => {
  console.error('the task did not end in time');
  process.exit(1);
}, order.patience_s * 1000).unref();

const phases = [];
client.connection.onStatus(({ phase }) => phases.push(phase));
const renewed = new Promise((resolve) => client.connection.socket.on('auth_refreshed', resolve));
client.connection.open();
const { expires_at } = await renewed;
const { task_id } = await rest.createTask({ bom_file: 'config/bom_example.json', max_iterations: 2 });
const seqs = [];
for await (const { seq } of client.subscribeTask(task_id)) seqs.push(seq);
client.close();
process.stdout.write(JSON.stringify({ seqs, phases, expires_at, left: left.length }), () => process.exit(0));
