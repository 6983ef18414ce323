"""The kept jars are the tested ones, or nothing starts. The only thing replaced is the resolution by Spark."""

import hashlib
import multiprocessing
from pathlib import Path

import pytest

from churn_assets.lakehouse.engine import jars
from churn_assets.lakehouse.engine.jars import (
    DELTA_JARS,
    Jar,
    JarsError,
    delta_jars,
    jar_problem,
    jars_folder,
)
from churn_assets.settings import Settings

CONTENT = {"delta-spark_4.2_2.13": b"spark side", "delta-storage": b"storage side"}


def small_jars() -> tuple[Jar, ...]:
    return tuple(
        Jar(jar.artifact, jar.version, hashlib.sha256(CONTENT[jar.artifact]).hexdigest())
        for jar in DELTA_JARS
    )


class Repository:
    """Stands for Spark's Ivy: copies what it has, and counts how often it is asked."""

    def __init__(self, content: dict[str, bytes]) -> None:
        self.content = content
        self.asked = 0

    def __call__(self, settings: Settings, target: Path) -> str:
        self.asked += 1
        for jar in jars.DELTA_JARS:
            if jar.artifact in self.content:
                (target / jar.file_name).write_bytes(self.content[jar.artifact])
        return "module not found: io.delta#delta-storage"


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch) -> Repository:
    standing = Repository(CONTENT)
    monkeypatch.setattr(jars, "DELTA_JARS", small_jars())
    monkeypatch.setattr(jars, "_resolve_in_subprocess", standing)
    return standing


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=str(tmp_path), jars=str(tmp_path / "kept"))


def test_jars_are_fetched_once(repository: Repository, settings: Settings) -> None:
    assert delta_jars(settings) == delta_jars(settings)
    assert [path.read_bytes() for path in delta_jars(settings)] == list(CONTENT.values())
    assert repository.asked == 1


def test_jars_copied_by_hand_need_no_network(repository: Repository, settings: Settings) -> None:
    jars_folder(settings).mkdir(parents=True)
    for jar in jars.DELTA_JARS:
        (jars_folder(settings) / jar.file_name).write_bytes(CONTENT[jar.artifact])
    assert len(delta_jars(settings)) == 2
    assert repository.asked == 0


def test_a_corrupt_jar_is_noticed_and_fetched_again(repository: Repository, settings: Settings) -> None:
    storage = delta_jars(settings)[1]
    storage.write_bytes(b"half a ja")
    assert "SHA-256 is" in jar_problem(storage, jars.DELTA_JARS[1])
    assert delta_jars(settings)[1].read_bytes() == CONTENT["delta-storage"]
    assert repository.asked == 2


def test_what_cannot_be_resolved_is_named_with_the_remedy(repository: Repository, settings: Settings) -> None:
    repository.content = {}
    with pytest.raises(JarsError) as error:
        delta_jars(settings)
    message = str(error.value)
    for jar in jars.DELTA_JARS:
        assert jar.file_name in message
        assert jar.sha256 in message
    assert str(jars_folder(settings)) in message
    assert "copy these files by hand" in message
    assert "module not found" in message


def test_a_resolved_jar_that_is_not_the_tested_one_is_never_kept(
    repository: Repository, settings: Settings
) -> None:
    repository.content = CONTENT | {"delta-storage": b"something else"}
    with pytest.raises(JarsError, match="SHA-256 is"):
        delta_jars(settings)
    assert [path.name for path in jars_folder(settings).iterdir()] == [".lock"]


def _start(settings: Settings, answers: "multiprocessing.Queue[int]") -> None:
    standing = Repository(CONTENT)
    jars.DELTA_JARS = small_jars()
    jars._resolve_in_subprocess = standing
    delta_jars(settings)
    answers.put(standing.asked)


def test_of_several_first_starts_one_fetches(settings: Settings) -> None:
    spawning = multiprocessing.get_context("spawn")
    answers = spawning.Queue()
    processes = [spawning.Process(target=_start, args=(settings, answers)) for _ in range(3)]
    for process in processes:
        process.start()
    asked = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(timeout=60)
    assert sum(asked) == 1


def test_the_pinned_jars_are_the_real_ones(spark: object) -> None:
    """The shared session runs on them, so they are kept; their hashes are those in the code."""
    settings = Settings()
    assert {jar_problem(jars_folder(settings) / jar.file_name, jar) for jar in DELTA_JARS} == {""}
