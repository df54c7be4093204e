"""Talk to a MsGalaxy server: order layouts, watch them being optimized, fetch the results.

`APIClient` speaks REST, `TaskWebSocketClient` listens to tasks live, `TaskState` is a task as the
fold of what was heard.
"""

from msgalaxy.live import TaskWebSocketClient
from msgalaxy.rest import APIClient, APIError
from msgalaxy.state import TaskState

__all__ = ["APIClient", "APIError", "TaskState", "TaskWebSocketClient"]
__version__ = "0.1.0"
