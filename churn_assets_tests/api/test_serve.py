"""The documented command as a process of its own: workers that die, restart and change releases."""

import os
import signal
import socket
import ssl
import subprocess
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from churn_assets.access.keys import Keys, keys_file
from churn_assets.operations.log.reading import read_log
from churn_assets.operations.log.writing import log_folder
from churn_assets.settings import Settings
from churn_assets_tests.api.load import Load
from churn_assets_tests.api.process import served
from churn_assets_tests.api.releases import SCORED, publish_release
from churn_assets_tests.api.running import wait_until

CUSTOMER = f"/v1/customers/{SCORED[0]}"


def workers(process: subprocess.Popen[str]) -> list[int]:
    """Ids of the processes that answer."""
    found = []
    for child in psutil.Process(process.pid).children():
        with suppress(psutil.NoSuchProcess):  # it ended, or nobody has collected it yet
            if any("spawn_main" in part for part in child.cmdline()):
                found.append(child.pid)
    return found


def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    publish_release(Settings(home=str(tmp_path)))
    with served(tmp_path, "--workers", "1") as (process, client, told):
        assert client.get(CUSTOMER).json()["status"] == "scored"
        assert "server" not in client.get(CUSTOMER).headers
    assert "There are no keys: everybody on this machine may read scores." in told[1]
    assert process.returncode == 0


@pytest.mark.slow
def test_a_revoked_key_is_refused_by_all_workers(tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path))
    publish_release(settings)
    keys = Keys(keys_file(settings))
    _, given = keys.create("crm", ["scores"], None, datetime.now(UTC), lambda _: None)
    with served(tmp_path) as (process, client, _):
        address, headers = str(client.base_url.join(CUSTOMER)), {"Authorization": f"Bearer {given}"}

        def status() -> int:  # `client` may hold a connection to a stopped worker
            return httpx.get(address, headers=headers, timeout=60, trust_env=False).status_code

        wait_until(lambda: releases_taken(settings) == 2)  # before, a worker may hold the lock of the copies
        assert of_each_worker(process, status) == [200] * 2
        keys.revoke("crm", datetime.now(UTC), lambda _: None)
        assert of_each_worker(process, status) == [401] * 2


def releases_taken(settings: Settings) -> int:
    """How many workers serve a release, by the log."""
    records = read_log(log_folder(settings)).records
    return sum(record.get("event.name") == "release.taken" for record in records)


def of_each_worker(process: subprocess.Popen[str], ask: Callable[[], int]) -> list[int]:
    """What each worker answers over a new connection; the others are stopped meanwhile."""
    both = [psutil.Process(pid) for pid in workers(process)]
    found = []
    for asked in both:
        others = [other for other in both if other != asked]
        try:
            for other in others:
                other.suspend()
            wait_until(lambda others=others: all(o.status() == psutil.STATUS_STOPPED for o in others))
            found.append(ask())
        finally:
            for other in others:
                other.resume()
    return found


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(
            name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1)
        )
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    return folder / "cert.pem", folder / "key.pem"


@pytest.mark.slow
def test_tls(tmp_path: Path) -> None:
    publish_release(Settings(home=str(tmp_path)))
    cert, key = certificate(tmp_path)
    environment = {"CHURN_API_TLS_CERTIFICATE": str(cert), "CHURN_API_TLS_KEY": str(key)}
    trusted = ssl.create_default_context(cafile=str(cert))
    with served(tmp_path, "--workers", "1", verify=trusted, **environment) as (_, client, told):
        assert told[0].startswith("Serving https://")
        with socket.create_connection((client.base_url.host, client.base_url.port), timeout=10) as plain:
            plain.sendall(
                b"GET / HTTP/1.1\r\n\r\n"
            )  # no handshake: the connection ends, and the service stays
            assert b"200" not in plain.recv(1000)
        assert client.get(CUSTOMER).status_code == 200


@pytest.mark.slow
def test_no_request_fails_while_releases_change_and_workers_die_and_restart(tmp_path: Path) -> None:
    """Ten releases, one of them corrupted, three killed workers and a rolling restart under load."""
    settings = Settings(home=str(tmp_path))
    publish_release(settings)
    with served(tmp_path, CHURN_API_REQUESTS_PER_MINUTE="10000000") as (process, client, _):
        load = Load(str(client.base_url), [f"/v1/customers/{key}" for key in SCORED], clients=2)
        with load:
            for number in range(1, 11):
                name = publish_release(settings, number, shift=number / 20).name
                if number == 5:
                    table = Path(settings.releases_uri) / "releases" / name / "tables" / "customers.parquet"
                    table.write_bytes(table.read_bytes()[:-1] + b"x")
                    wait_until(lambda name=name: name in client.get("/v2/health/ready").text, 120)
                    continue
                wait_until(lambda name=name: client.get("/v2/health/ready").json()["release"] == name, 120)
                wait_until(lambda name=name: name in load.releases, 120)
                if number in (3, 6, 9):
                    before = workers(process)
                    os.kill(before[0], signal.SIGKILL)
                    wait_until(lambda before=before: len(set(workers(process)) - set(before)) == 1, 120)
            before = workers(process)
            process.send_signal(signal.SIGHUP)
            wait_until(lambda: len(workers(process)) == 2 and not set(workers(process)) & set(before), 120)
        told = client.get("/metrics").text.splitlines()
    assert load.failed == []
    [counted] = [
        line for line in told if "requests_total{" in line and "{customer_key}" in line and '"200"' in line
    ]
    assert float(counted.split()[-1]) >= load.answered, "those of dead workers count, too"
    deaths, clients = 3 + 2, 2
    assert load.retried_after_close <= deaths * clients, (
        "a worker that ends closes one connection of each client"
    )
