"""Free ports of this machine."""

import socket


def free_port() -> int:
    """Returns a port of loopback that is free now; another program may take it before its server does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
