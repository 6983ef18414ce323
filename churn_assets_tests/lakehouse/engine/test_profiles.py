"""Small or large: by name, by size, and what counts as this machine."""

from pathlib import Path

import pytest

from churn_assets.lakehouse.engine import profiles
from churn_assets.lakehouse.engine.profiles import choose_profile, is_local, local_cores
from churn_assets.settings import Settings


@pytest.fixture
def landing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A landing zone in which 1,000 bytes are large."""
    monkeypatch.setattr(profiles, "LARGE_FROM_BYTES", 1000)
    folder = tmp_path / "landing"
    (folder / "usage" / "extract_date=2025-01-07").mkdir(parents=True)
    return folder


@pytest.mark.parametrize(("size", "name"), [(0, "small"), (999, "small"), (1000, "large"), (5000, "large")])
def test_auto_goes_by_the_size_of_the_landing_zone(landing: Path, size: int, name: str) -> None:
    (landing / "usage" / "extract_date=2025-01-07" / "a.csv").write_bytes(b"x" * (size // 2))
    (landing / "usage" / "b.csv").write_bytes(b"x" * (size - size // 2))
    profile = choose_profile(Settings(landing=str(landing)))
    assert profile.name == name
    assert str(landing) in profile.reason


def test_auto_is_small_before_anything_was_delivered(tmp_path: Path) -> None:
    assert choose_profile(Settings(home=str(tmp_path / "absent"))).name == "small"


def test_auto_is_large_for_a_landing_zone_elsewhere() -> None:
    assert choose_profile(Settings(landing="s3a://bucket/landing")).name == "large"


def test_a_named_profile_is_taken_as_it_is(landing: Path) -> None:
    (landing / "a.csv").write_bytes(b"x" * 5000)
    assert choose_profile(Settings(landing=str(landing), engine_profile="small")).name == "small"


@pytest.mark.parametrize("cores", [1, 2, 3, 16])
def test_small_profile_has_two_to_four_shuffle_partitions(cores: int) -> None:
    profile = choose_profile(Settings(engine_profile="small", spark_master=f"local[{cores}]"))
    assert 2 <= profile.shuffle_partitions <= 4
    assert profile.snapshot_partitions == 1


@pytest.mark.parametrize(
    ("size", "memory", "heap"),
    [(0, 64, "1g"), (99, 64, "1g"), (100, 64, "2g"), (399, 64, "4g"), (399, 4, "2g")],
)
def test_the_heap_grows_with_the_landing_zone_up_to_half_of_the_memory(
    landing: Path, monkeypatch: pytest.MonkeyPatch, size: int, memory: int, heap: str
) -> None:
    monkeypatch.setattr(profiles, "BYTES_FOR_A_GIB", 100)
    monkeypatch.setattr(profiles, "machine_memory", lambda: memory * profiles.GIB)
    (landing / "usage" / "a.csv").write_bytes(b"x" * size)
    assert choose_profile(Settings(landing=str(landing))).driver_memory == heap


@pytest.mark.parametrize(("memory", "heap"), [(1, "1g"), (4, "2g"), (7.9, "3g"), (8, "4g"), (64, "4g")])
def test_large_profile_takes_at_most_half_of_the_memory(
    monkeypatch: pytest.MonkeyPatch, memory: float, heap: str
) -> None:
    monkeypatch.setattr(profiles, "machine_memory", lambda: int(memory * profiles.GIB))
    assert choose_profile(Settings(engine_profile="large")).driver_memory == heap


@pytest.mark.parametrize(
    ("master", "local"),
    [
        ("local", True),
        ("local[*]", True),
        ("local[2,4]", True),
        ("spark://h:7077", False),
        ("yarn", False),
        ("local-cluster[2,1,1024]", False),
    ],
)
def test_what_counts_as_local(master: str, local: bool) -> None:
    assert is_local(master) is local


def test_cores_of_a_local_master() -> None:
    assert (local_cores("local"), local_cores("local[3]"), local_cores("local[5,2]")) == (1, 3, 5)
    assert local_cores("local[*]") >= 1
