"""Talk to a MsGalaxy server: order layouts, watch them being optimized, fetch the results.

`APIClient` speaks REST, `TaskWebSocketClient` listens to tasks live.
"""

from msgalaxy.live import TaskWebSocketClient
from msgalaxy.rest import APIClient, APIError

__all__ = ["APIClient", "APIError", "TaskWebSocketClient"]
__version__ = "0.1.0"
