// Optimize the sample BOM and watch it. Needs: npm ci && npm run build in clients/js, make run.
import { Client } from '../clients/js/dist/index.js';

const client = new Client('http://localhost:5000');
const { task_id } = await client.createTask({ bom_file: 'config/bom_example.json', max_iterations: 20 });
const stream = client.subscribeTask(task_id);

for await (const event of stream) {
  if (event.event_type === 'progress') console.log(`${event.data.progress_percent} %`);
  if (event.event_type === 'iteration_complete') console.log(event.data.metrics);
}

console.log('The task', stream.task.status);
console.log(stream.task.result);
console.log('Picture:', client.visualizationUrl(task_id, 'final_layout_3d.png'));
client.close();
