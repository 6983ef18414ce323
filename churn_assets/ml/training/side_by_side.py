"""Calls that run beside each other and hold nobody up who ends the process."""

import threading
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import TypeVar

Item = TypeVar("Item")


def side_by_side(call: Callable[[Item], None], items: Iterable[Item], at_once: int) -> None:
    """Calls it with each item, in order, so many at once; one at once: in this thread.

    A command that is interrupted ends without them. It would wait for the threads of a ThreadPoolExecutor, and for all
    that they have yet to do.

    Raises: what a call raises first; no call begins after it.
    """
    waiting: SimpleQueue[Item] = SimpleQueue()
    for item in items:
        waiting.put(item)
    failed: list[BaseException] = []

    def work() -> None:
        while not failed:
            try:
                item = waiting.get_nowait()
            except Empty:
                return
            try:
                call(item)
            except BaseException as error:  # noqa: BLE001 (handed to the waiting thread)
                failed.append(error)

    threads = [
        threading.Thread(target=work, name="side by side", daemon=True)
        for _ in range(min(at_once, waiting.qsize()) if at_once > 1 else 0)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not threads:
        work()
    if failed:
        raise failed[0]
