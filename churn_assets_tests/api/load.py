"""Clients that ask again and again, each over one connection, and count what they get."""

import itertools
import threading
import time
from typing import Self

import httpx

# about as long as an answer takes: without it the clients and the service keep both cores busy
PAUSE = 0.005


class Load:
    """Clients in threads, from entering the context to leaving it.

    A connection that the service closes while a request is under way is opened again, as every HTTP client does with a
    connection that was kept open; the request is then sent once more. Nothing else is tried again.

    Attributes:
        answered: requests that were answered with 200.
        failed: all others, as status or name of the error.
        retried_after_close: requests that were sent again over a new connection.
        releases: names of the releases that answered.
    """

    def __init__(self, address: str, paths: list[str], clients: int) -> None:
        self._address, self._paths = address, paths
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(clients)]
        self.answered = self.retried_after_close = 0
        self.failed: list[str] = []
        self.releases: set[str] = set()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int) -> None:
        with httpx.Client(base_url=self._address, timeout=60, trust_env=False) as client:
            for path in itertools.islice(itertools.cycle(self._paths), number, None):
                if self._stop.is_set():
                    return
                self._one(client, path)
                time.sleep(PAUSE)

    def _one(self, client: httpx.Client, path: str) -> None:
        try:
            answer = client.get(path)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            with self._lock:
                self.retried_after_close += 1
            try:
                answer = client.get(path)
            except httpx.TransportError as error:
                self._note_failure(type(error).__name__)
                return
        except httpx.TransportError as error:
            self._note_failure(type(error).__name__)
            return
        if answer.status_code != 200:
            self._note_failure(f"{answer.status_code} {answer.text[:200]}")
            return
        with self._lock:
            self.answered += 1
            self.releases.add(answer.json()["release"])

    def _note_failure(self, what: str) -> None:
        with self._lock:
            self.failed.append(what)
