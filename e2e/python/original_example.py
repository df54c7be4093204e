from msgalaxy import TaskWebSocketClient
from msgalaxy import APIClient

# 创建REST API客户端
api_client = APIClient("http://localhost:5000")

# 创建WebSocket客户端
ws_client = TaskWebSocketClient("http://localhost:5000")

# 定义回调函数
def on_status_change(task_id, data):
    status = data.get('status')
    message = data.get('message')
    print(f"[STATUS] {status}: {message}")

def on_progress(task_id, data):
    percent = data.get('progress_percent', 0)
    current = data.get('current_iteration', 0)
    max_iter = data.get('max_iterations', 0)
    print(f"[PROGRESS] {current}/{max_iter} ({percent}%)")

def on_error(task_id, data):
    error = data.get('error')
    print(f"[ERROR] {error}")

# 设置回调
ws_client.on_status_change = on_status_change
ws_client.on_progress = on_progress
ws_client.on_error = on_error

# 连接WebSocket
ws_client.connect()

# 创建优化任务
task = api_client.create_task(
    bom_file="config/bom_example.json",
    max_iterations=20
)
task_id = task['task_id']
print(f"Task created: {task_id}")

# 订阅任务更新
ws_client.subscribe(task_id)

# 等待任务完成
ws_client.wait_for_completion(timeout=600)

# 断开连接
ws_client.disconnect()

# 获取最终结果
result = api_client.get_task_result(task_id)
print(f"Final result: {result}")
