import { io } from 'socket.io-client';

// What a page would do with it.
const updateProgressBar = (percent) => console.log(`bar: ${percent}`);

// 连接到WebSocket
const socket = io('http://localhost:5000/tasks');

// 监听连接事件
socket.on('connect', () => {
  console.log('Connected to WebSocket');
});

// 监听任务更新
socket.on('task_update', (data) => {
  const { task_id, event_type, data: eventData, timestamp } = data;

  switch (event_type) {
    case 'status_change':
      console.log(`[${timestamp}] Status: ${eventData.status} - ${eventData.message}`);
      if (eventData.status === 'completed') {
        console.log('Task completed!', eventData.result);
      }
      break;

    case 'progress':
      const percent = eventData.progress_percent || 0;
      console.log(`[${timestamp}] Progress: ${percent}%`);
      updateProgressBar(percent);
      break;

    case 'error':
      console.error(`[${timestamp}] Error: ${eventData.error}`);
      break;
  }
});

// 创建任务
async function createAndMonitorTask() {
  // 创建任务
  const response = await fetch('http://localhost:5000/api/tasks', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      bom_file: 'config/bom_example.json',
      max_iterations: 20
    })
  });

  const task = await response.json();
  console.log('Task created:', task.task_id);

  // 订阅任务更新
  socket.emit('subscribe', { task_id: task.task_id });
}

// 执行
createAndMonitorTask();
