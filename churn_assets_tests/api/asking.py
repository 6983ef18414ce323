"""What tests of a service with keys share: its limits, keys, raw bytes, and lines of its log."""

import socket
from contextlib import suppress
from urllib.parse import urlsplit

import httpx

from churn_assets.access.keys import Key
from churn_assets.operations.log.reading import read_log
from churn_assets.operations.log.writing import log_folder
from churn_assets.service_settings import ApiSettings
from churn_assets.settings import Settings
from churn_assets_tests.api.releases import SCORED
from churn_assets_tests.api.running import wait_until

CUSTOMER = f"/v1/customers/{SCORED[0]}"
LIMITS = ApiSettings(requests_per_minute=1_000_000, body_kib=64, rows=100, seconds=60)


def ignore(_: Key) -> None:
    """Records nothing."""


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def raw_answer(client: httpx.Client, sent: bytes, wait: float = 60, whole: bool = False) -> bytes:
    """The headers of the answer to these bytes, or all that comes until the service closes the connection."""
    place = urlsplit(str(client.base_url))
    found = b""
    with socket.create_connection((str(place.hostname), int(place.port or 0)), wait) as wire:
        with suppress(ConnectionError):  # the service closed the connection before it had read all
            wire.sendall(sent)
        with suppress(ConnectionError):
            while whole or b"\r\n\r\n" not in found:
                piece = wire.recv(65536)
                if not piece:
                    break
                found += piece
    return found


def logged(settings: Settings, request_id: str) -> list[dict[str, object]]:
    def found() -> list[dict[str, object]]:
        records = read_log(log_folder(settings)).records
        return [r for r in records if r["attributes"].get("churn.request_id") == request_id]

    wait_until(found)
    return found()
