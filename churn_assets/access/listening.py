"""The address at which a server of this machine listens, and how people write it."""

import socket

BACKLOG = 2048  # connections that may wait to be accepted


class AddressTaken(RuntimeError):
    """The address cannot be used; the message names the remedy."""


def listening_at(host: str, port: int, remedy: str) -> socket.socket:
    """A socket that listens at an address; port 0 takes a free one.

    Args:
        host: a name, or an address of version 4 or 6.
        port: of it.
        remedy: what to do if it cannot be used, a sentence.

    Raises:
        AddressTaken: it is in use, or is none of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise AddressTaken(f"{host}:{port} cannot be used ({error.strerror}). {remedy}") from None


def web_address(host: str, port: int, *, is_secure: bool) -> str:
    """The address as a browser takes it, such as https://[::1]:8000."""
    told = f"[{host}]" if ":" in host else host
    return f"{'https' if is_secure else 'http'}://{told}:{port}"
