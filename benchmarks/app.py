"""`python -m benchmarks.app CUSTOMERS FOLDER`: the page of the retention team over releases of many customers.

The release is that of the demo, with every customer many times under other keys. A time is that of one run of the
page's script, in this process and without a browser: what the server adds to a click. Ten readers at once ask a page
that runs as a process of its own for whole pages (benchmarks/readers.py).
"""

import asyncio
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import psutil

from benchmarks.readers import at_once, running_page
from churn_assets.app.store import ReleaseHolder
from churn_assets.serving.release.manifest import (
    MANIFEST,
    FileProof,
    Manifest,
    sha256_of,
    sha256_of_file,
    table_path,
)
from churn_assets.serving.release.reading import current_release, local_copy, open_release
from churn_assets.serving.release.root import RELEASES, Pointer, Root
from churn_assets.settings import Settings

READERS = 10
BY_CUSTOMER = (
    *("customers", "scores", "segments", "snapshots", "customer_months", "contacts", "churn_events"),
    *("current_scores", "current_snapshots", "daily_probabilities", "risk_alerts"),
)
ASKED = (
    ("overview", {}),
    ("at_risk", {}),
    ("at_risk", {"risk": "high"}),
    ("at_risk", {"risk": "high", "driver": "usage", "page": "2"}),
    ("alerts", {}),
    ("customer", {"customer": "the riskiest"}),
    ("churn", {}),
    ("segments", {}),
    ("model", {}),
    ("data", {}),
)


def grown(source: Path, root: Path, customers: int) -> None:
    """Publishes a release with so many customers below a root."""
    release = open_release(source)
    known = release.manifest.files[table_path("customers")].rows or 1
    times = -(-customers // known)
    target = root / RELEASES / release.name
    shutil.copytree(source, target)
    files = dict(release.manifest.files)
    with duckdb.connect() as connection:
        for name in filter(release.has, BY_CUSTOMER):
            connection.execute(
                f"COPY (SELECT * REPLACE (substr(md5(customer_key || n), 1, 16) AS customer_key) "
                f"FROM read_parquet('{source / table_path(name)}'), range({times}) AS copies(n) ORDER BY customer_key) "
                f"TO '{target / table_path(name)}' (FORMAT parquet, COMPRESSION zstd)"
            )
            file = target / table_path(name)
            rows = files[table_path(name)].rows or 0
            files[table_path(name)] = FileProof(sha256_of_file(file), file.stat().st_size, rows * times)
    manifest: Manifest = replace(release.manifest, files=files)
    content = manifest.text().encode()
    (target / MANIFEST).write_bytes(content)
    Root(str(root)).point_to(Pointer(release.name, sha256_of(content)))


def seconds(page: str, filters: dict[str, str]) -> float:
    """Time of one run of a page."""
    from streamlit.testing.v1 import AppTest
    from streamlit.util import calc_hash

    import churn_assets.app.main as script

    run = AppTest.from_file(str(script.__file__), default_timeout=300)
    if page != script.HOME:
        run._page_hash = calc_hash(page)
    for name, value in filters.items():
        run.query_params[name] = value
    began = time.perf_counter()
    run.run()
    spent = time.perf_counter() - began
    if run.exception or any("cannot be shown" in error.value for error in run.error):
        raise RuntimeError(f"{page} failed")
    return spent


def figures(home: Path, customers: int) -> Iterator[dict[str, str]]:
    """The figures of one home."""
    os.environ["CHURN_HOME"] = str(home)
    told = f"page, {customers:,} customers"
    began = time.perf_counter()
    store = ReleaseHolder(Settings(home=str(home))).store()
    assert store is not None  # noqa: S101 (it was published above)
    yield {"figure": f"{told}: a new release is verified", "remark": f"{time.perf_counter() - began:.2f} s"}
    riskiest = "SELECT customer_key FROM customers ORDER BY probability DESC NULLS LAST LIMIT 1"
    key = store.rows(riskiest)[0]["customer_key"]
    seconds("overview", {})  # the process loads its modules, and takes the release
    for page, asked in ASKED:
        filters = {name: key if name == "customer" else value for name, value in asked.items()}
        first, again = seconds(page, filters), seconds(page, filters)
        shown = page + (f", {', '.join(asked)}" if asked else "")
        yield {"figure": f"{told}: {shown}", "remark": f"{first:.2f} s, again {again:.2f} s"}
    resident = psutil.Process().memory_info().rss / 2**20
    yield {"figure": f"{told}: memory", "remark": f"{resident:.0f} MiB"}
    yield from figures_of_readers(home, told, key)


def figures_of_readers(home: Path, told: str, key: str) -> Iterator[dict[str, str]]:
    """Times of whole pages for one reader and for several at once, each a new session, and the load before."""
    with running_page(home) as (address, process):
        asyncio.run(at_once(address, "overview", {}, 1))  # the page loads its modules, and takes the release
        for page, asked in ASKED:
            filters = {name: key if name == "customer" else value for name, value in asked.items()}
            load = psutil.getloadavg()[0]
            [alone] = asyncio.run(at_once(address, page, filters, 1))
            spent = asyncio.run(at_once(address, page, filters, READERS))
            shown = page + (f", {', '.join(asked)}" if asked else "")
            yield {
                "figure": f"{told}: {shown}, for {READERS} readers at once",
                "remark": f"{spent[0]:.2f} to {spent[-1]:.2f} s each, one alone {alone:.2f} s; load before {load:.1f}",
            }
        resident = process.memory_info().rss / 2**20
        yield {"figure": f"{told}: memory after {READERS} readers", "remark": f"{resident:.0f} MiB"}


def measure(folder: Path, customers: int) -> None:
    """Writes the figures to app.json in the folder."""
    settings = Settings()
    pointer = current_release(settings.releases_uri)
    assert pointer is not None, "no release"  # noqa: S101 (the demo publishes one)
    source = Path(local_copy(settings.releases_uri, pointer, folder / "copy"))
    home = folder / f"home_{customers}"
    grown(source, home / "serving", customers)
    found = list(figures(home, customers))
    (folder / "app.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    measure(Path(sys.argv[2]), int(sys.argv[1]))
