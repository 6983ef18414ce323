"""What only this machine can reach, as long as nobody needs a key."""

import re
from collections.abc import Collection, Sequence
from ipaddress import ip_address

LOCAL = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?", re.IGNORECASE)
BY_A_PROXY = ("forwarded", "via", "x-real-ip", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach this address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_called_locally(hosts: Sequence[str]) -> bool:
    """Whether the host headers of a request name this machine.

    Other names are refused, so that a website cannot read answers by DNS rebinding.
    """
    return len(hosts) == 1 and bool(LOCAL.fullmatch(hosts[0]))


def is_forwarded(headers: Collection[str]) -> bool:
    """Whether a proxy forwards a request with these headers, in lower case."""
    return any(name in headers for name in BY_A_PROXY)
