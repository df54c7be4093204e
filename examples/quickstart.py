"""Optimize the sample BOM and watch it. Needs: pip install ./clients/python, make run."""

from msgalaxy import APIClient, TaskWebSocketClient

api = APIClient("http://localhost:5000")
live = TaskWebSocketClient("http://localhost:5000")
live.on_progress = lambda task_id, data: print(f"{data['progress_percent']:5.1f} %")
live.on_iteration_complete = lambda task_id, data: print(data["metrics"])
live.connect()

task = api.create_task("config/bom_example.json", max_iterations=20)
live.subscribe(task["task_id"])
ended = live.wait_for_completion(timeout=600)
live.disconnect()

print("The task", ended[task["task_id"]])
print(api.get_task(task["task_id"])["result"])
api.download_visualization(task["task_id"], "final_layout_3d.png", "layout.png")
