"""The one way to serve HTTP from a thread of the tests."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from socketserver import BaseRequestHandler


@contextmanager
def serving(handler: Callable[..., BaseRequestHandler]) -> Iterator[ThreadingHTTPServer]:
    """A server on a free port of this machine, until the end of the block.

    It looks a hundred times a second whether it shall end; by default it looks twice, and each test waits for that.
    """
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()
