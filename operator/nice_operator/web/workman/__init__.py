"""node-workman's interface at the root paths: jobs over HTTP and WebSocket, and workers in any language.

To the byte where its clients and workers can see it (docs/node-workman.md). What is said is read and written
in ``client_messages`` and ``worker_messages``, which do no I/O; what it means is the engine's
(``engine.jobs``, ``engine.external``).
"""

from nice_operator.web.workman.client_socket import CLIENT_SOCKET
from nice_operator.web.workman.http import HTTP_ROUTES
from nice_operator.web.workman.worker_socket import WORKER_SOCKET

ROUTES = (*HTTP_ROUTES, CLIENT_SOCKET, WORKER_SOCKET)

__all__ = ["ROUTES"]
