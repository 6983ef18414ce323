"""A release is taken while requests go on, or refused; what was served before stays."""

import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from churn_assets.api import holder as holder_module
from churn_assets.api.holder import Holder
from churn_assets.service_settings import ApiSettings
from churn_assets.serving.release import attempts
from churn_assets.serving.release.manifest import ReleaseBroken
from churn_assets.settings import Settings
from churn_assets_tests.api.releases import OBJECTED, SCORED, publish_release
from churn_assets_tests.api.running import running, wait_until

pytestmark = pytest.mark.one_python(reason="the service answers other tests on each Python")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path), api=ApiSettings(requests_per_minute=10_000_000))


def corrupt(settings: Settings, name: str) -> None:
    """Changes one byte of a table."""
    file = Path(settings.releases_uri) / "releases" / name / "tables" / "customers.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


def test_a_new_release_is_taken_and_verified_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified: list[str] = []
    original = holder_module.verify
    monkeypatch.setattr(
        holder_module,
        "verify",
        lambda release, pointer: verified.append(release.name) or original(release, pointer),
    )
    workers = [Holder(settings), Holder(settings)]
    for number in range(3):
        name = publish_release(settings, number, shift=number).name
        for worker in workers:
            worker.look()
            assert worker.served is not None
            assert worker.served.name == name
        assert verified[-1] == name
    assert len(verified) == 3
    assert [worker.swaps for worker in workers] == [2, 2]
    copies = [f.name for f in (settings.home_path / "api" / "releases").iterdir() if f.is_dir()]
    assert len(copies) == 2, "the present and the former"


def test_a_broken_release_is_refused_and_the_next_one_taken(settings: Settings) -> None:
    worker = Holder(settings)
    first = publish_release(settings, 0)
    worker.look()
    second = publish_release(settings, 1, shift=1)
    corrupt(settings, second.name)
    worker.look()
    assert worker.served is not None
    assert worker.served.name == first.name
    assert worker.refused is not None
    assert worker.refused.release == second.name
    assert "customers.parquet" in worker.refused.why
    third = publish_release(settings, 2, shift=2)
    worker.look()
    assert worker.served.name == third.name
    assert worker.refused is None


def copies(settings: Settings) -> list[Path]:
    """The folders of the local copies."""
    return [f for f in (settings.home_path / "api" / "releases").iterdir() if f.is_dir()]


def cut(copy: Path, _: Settings) -> None:
    file = copy / "customers.arrow"
    file.write_bytes(file.read_bytes()[:100])


def flip(copy: Path, _: Settings) -> None:
    file = copy / "objections.arrow"
    content = bytearray(file.read_bytes())
    content[content.index(OBJECTED[3].encode())] ^= 1
    file.write_bytes(bytes(content))


def exchange_model(copy: Path, settings: Settings) -> None:
    publish_release(Settings(home=str(settings.home_path / "other")), 1, shift=3)
    other = next((settings.home_path / "other" / "serving" / "releases").iterdir())
    shutil.rmtree(copy / "model")
    shutil.copytree(other / "model", copy / "model")


@pytest.mark.parametrize("damage", [cut, flip, exchange_model])
def test_a_damaged_copy_is_made_again(settings: Settings, damage: Callable[[Path, Settings], None]) -> None:
    name = publish_release(settings, 0).name
    Holder(settings).look()
    [copy] = copies(settings)
    damage(copy, settings)
    worker = Holder(settings)
    worker.look()
    assert worker.refused is None
    assert worker.served is not None
    assert worker.served.name == name
    assert all(worker.served.objected(key) for key in OBJECTED)


def test_a_damaged_copy_of_a_release_that_is_gone_is_not_served(settings: Settings) -> None:
    publish_release(settings, 0)
    Holder(settings).look()
    shutil.rmtree(settings.releases_uri)
    flip(copies(settings)[0], settings)
    worker = Holder(settings)
    worker.look()
    assert worker.served is None


def test_whatever_fails_in_a_look_the_next_one_tries_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_release(settings, 0)
    worker = Holder(settings)
    with monkeypatch.context() as broken:
        broken.setattr(holder_module, "current_release", lambda _: 1 / 0)
        worker.look()
    assert "ZeroDivisionError" in worker.unreachable
    worker.look()
    assert worker.served is not None
    assert worker.unreachable == ""


def test_a_note_of_the_last_copy_that_is_no_text_ends_nothing(settings: Settings) -> None:
    folder = settings.home_path / "api" / "releases"
    folder.mkdir(parents=True)
    (folder / "LAST").write_bytes(b"\xff")
    worker = Holder(settings)
    worker.look()
    assert worker.served is None


def test_a_refused_release_is_tried_again(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    name = publish_release(settings, 0).name
    corrupt(settings, name)
    worker = Holder(settings)
    worker.look()
    worker.look()
    assert worker.refused is not None
    corrupt(settings, name)  # the same bit again
    worker.look()
    assert worker.served is None, "not at each look"
    later = time.monotonic() + attempts.AGAIN
    monkeypatch.setattr(attempts, "time", SimpleNamespace(monotonic=lambda: later))
    worker.look()
    assert worker.served is not None
    assert worker.refused is None


def test_drafts_of_killed_workers_are_removed(settings: Settings) -> None:
    left = settings.home_path / "api" / "releases" / ".draft-copy-x"
    left.mkdir(parents=True)
    (left / "customers.arrow").write_bytes(b"half")
    publish_release(settings, 0)
    Holder(settings).look()
    assert not left.exists()


def test_a_copy_just_made_stays_although_the_clock_was_set_back(settings: Settings) -> None:
    worker = Holder(settings)
    for number in range(3):
        name = publish_release(settings, number).name
        worker.look()
        assert worker.served is not None
        assert worker.served.name == name
        assert len(copies(settings)) == min(number + 1, 2)
        for copy in copies(settings):
            os.utime(copy, (4e9, 4e9))


def test_a_worker_answers_although_its_copy_is_gone(settings: Settings) -> None:
    publish_release(settings, 0)
    with running(settings) as client:
        shutil.rmtree(copies(settings)[0])
        for path in ("/v1/model", "/v1/segments", "/v1/monitoring", f"/v1/customers/{SCORED[0]}"):
            assert client.get(path).status_code == 200, path


def test_large_tables_stay_in_the_mapped_file(settings: Settings) -> None:
    publish_release(settings, 0)
    worker = Holder(settings)
    worker.look()
    served = worker.served
    assert served is not None
    for name in ("raw", "reason_1"):
        held = [buffer.address for buffer in served._columns[name].buffers() if buffer]
        assert held == [buffer.address for buffer in served.customers[name].chunk(0).buffers() if buffer]


def test_a_pointer_that_names_nothing_leaves_the_old_release(settings: Settings) -> None:
    worker = Holder(settings)
    first = publish_release(settings, 0)
    worker.look()
    (Path(settings.releases_uri) / "CURRENT.json").write_text("{half")
    worker.look()
    assert worker.served is not None
    assert worker.served.name == first.name
    assert "cannot be read" in worker.unreachable


def test_no_place_of_this_machine_is_told_to_callers(settings: Settings) -> None:
    name = publish_release(settings, 0).name
    shutil.rmtree(Path(settings.releases_uri) / "releases" / name)
    with running(settings) as client:
        ready = client.get("/v2/health/ready")
        assert ready.json()["refused"]["why"] == f"There is no release {name}."
        assert str(settings.home_path) not in client.get(f"/v1/customers/{SCORED[0]}").text


def test_a_restart_serves_the_local_copy_although_the_releases_are_gone(settings: Settings) -> None:
    first = publish_release(settings, 0)
    Holder(settings).look()
    shutil.rmtree(settings.releases_uri)
    with running(settings) as client:
        ready = client.get("/v2/health/ready").json()
        assert (ready["ready"], ready["release"]) == (True, first.name)
        assert client.get(f"/v1/customers/{SCORED[0]}").json()["release"] == first.name


def test_a_restart_with_a_broken_release_serves_the_last_good_copy(settings: Settings) -> None:
    first = publish_release(settings, 0)
    Holder(settings).look()
    corrupt(settings, publish_release(settings, 1, shift=1).name)
    with running(settings) as client:
        ready = client.get("/v2/health/ready").json()
        assert (ready["ready"], ready["release"]) == (True, first.name)
        assert ready["refused"]["why"].startswith("tables/customers.parquet")
        assert "churn_api_release_refused 1.0" in client.get("/metrics").text


def test_a_store_that_fails_for_a_while_is_asked_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: object) -> None:
        raise OSError("no route to host")

    worker = Holder(settings)
    first = publish_release(settings, 0)
    with monkeypatch.context() as broken:
        broken.setattr(holder_module, "local_copy", down)
        worker.look()
    assert worker.served is None
    assert worker.unreachable
    worker.look()
    assert worker.served is not None
    assert (worker.served.name, worker.unreachable) == (first.name, "")


def test_a_release_that_fails_in_an_unforeseen_way_is_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Holder(settings)
    publish_release(settings, 0)
    worker.look()
    publish_release(settings, 1)
    monkeypatch.setattr(holder_module, "Served", lambda _: 1 / 0)
    worker.look()
    assert worker.served is not None
    assert worker.refused is not None
    assert "ZeroDivisionError" in worker.refused.why


def test_no_request_fails_while_releases_change(settings: Settings) -> None:
    """Each answer is of one release: the probability and the release that it names belong together."""
    shifts = {publish_release(settings, 0).name: 0.0}
    with running(settings) as client:
        expected = {next(iter(shifts)): client.get(f"/v1/customers/{SCORED[1]}").json()["probability"]}
        stop, answers = [False], []

        def ask() -> None:
            with httpx.Client(base_url=client.base_url, timeout=60, trust_env=False) as own:
                while not stop[0]:
                    answers.append(own.get(f"/v1/customers/{SCORED[1]}", params={"live": True}))

        with ThreadPoolExecutor(2) as pool:
            asking = [pool.submit(ask) for _ in range(2)]
            try:
                for number in range(1, 5):
                    name = publish_release(settings, number, shift=number / 4).name
                    wait_until(lambda name=name: client.get("/v2/health/ready").json()["release"] == name)
                    expected[name] = client.get(f"/v1/customers/{SCORED[1]}").json()["probability"]
                    wait_until(lambda name=name: answers and answers[-1].json().get("release") == name)
            finally:
                stop[0] = True
            for one in asking:
                one.result()
    assert {answer.status_code for answer in answers} == {200}
    told = {(answer.json()["release"], answer.json()["probability"]) for answer in answers}
    assert told <= set(expected.items())
    assert {release for release, _ in told} >= set(list(expected)[1:])


def test_scores_that_are_overdue_are_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from churn_assets_tests.serving.release import made

    original = made.contents
    aged = lambda shift=0.0, **more: replace(  # noqa: E731
        original(shift, **more), about=replace(original(shift, **more).about, stale_from="2020-02-10")
    )
    monkeypatch.setattr(made, "contents", aged)
    publish_release(settings)
    with running(settings) as client:
        assert client.get(f"/v1/customers/{SCORED[0]}").json()["stale"] is True
        assert client.get("/v2/health/ready").json()["stale"] is True
        assert "churn_api_release_stale 1.0" in client.get("/metrics").text


def test_a_copy_without_its_tables_is_no_release(tmp_path: Path) -> None:
    from churn_assets.api.served import Served

    with pytest.raises(ReleaseBroken):
        Served(tmp_path)


def test_a_local_copy_of_another_version_does_not_stop_the_service(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_release(settings)
    Holder(settings).look()
    monkeypatch.setattr(holder_module, "Served", lambda _: 1 / 0)
    worker = Holder(settings)
    worker.look()
    assert worker.served is None
    assert worker.refused is not None
