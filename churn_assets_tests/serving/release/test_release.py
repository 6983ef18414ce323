"""A release is whole or is not taken: written, killed, changed, pruned, read from elsewhere."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from churn_assets.ml.portable.scored import score_frame
from churn_assets.serving.release.golden import ROWS, frame_of
from churn_assets.serving.release.manifest import FORMAT_VERSION, MANIFEST, Manifest, ReleaseBroken, sha256_of
from churn_assets.serving.release.reading import (
    Release,
    current_release,
    local_copy,
    open_release,
    read_status,
)
from churn_assets.serving.release.root import POINTER, STATUS, Pointer, Root
from churn_assets.serving.release.verifying import verify
from churn_assets.serving.release.writing import Contents
from churn_assets_tests.serving.release import made
from churn_assets_tests.serving.release.made import KEYS, publish

KILLED = """
import os, signal, sys
from churn_assets_tests.serving.release.made import publish
calls = 0

def killing(function):
    def called(*args, **more):
        global calls
        calls += 1
        if calls == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **more)
    return called

os.fsync = killing(os.fsync)
publish(sys.argv[1], int(sys.argv[2]))
print(calls)
"""


def in_force(root: Path | str, cache: Path) -> tuple[Release, Pointer]:
    pointer = current_release(str(root))
    assert pointer is not None
    return open_release(local_copy(str(root), pointer, cache)), pointer


@pytest.mark.parametrize("as_uri", [False, True], ids=["folder", "store"])
def test_what_was_written_is_read(tmp_path: Path, as_uri: bool) -> None:
    root = (tmp_path / "serving").as_uri() if as_uri else str(tmp_path / "serving")
    written = publish(root)
    release, pointer = in_force(root, tmp_path / "cache")
    verify(release, pointer)
    assert release.manifest == written and release.name == "20260103T040506Z-run0"
    assert release.table("customers")["customer_key"].to_pylist() == KEYS
    assert release.table("customers", ["probability"]).column_names == ["probability"]
    assert list(release.words) == made.words()
    assert release.business == {"name": "telecom"} and release.card == "# Model card\n"
    assert written.files["tables/customers.parquet"].rows == len(KEYS)
    with pytest.raises(
        ReleaseBroken, match="holds no table churn_rates: gold/churn_rates was never materialised"
    ):
        release.table("churn_rates")


def test_golden_rows_hold_what_is_missing_unseen_and_usual(tmp_path: Path) -> None:
    publish(tmp_path)
    release, _ = in_force(tmp_path, tmp_path)
    golden = release.golden
    assert len(golden) == ROWS
    values = {name: [row["features"][name] for row in golden] for name in golden[0]["features"]}
    assert None in values["tickets_count_3m"] and None in values["region"]
    assert {"north", "south", "(never seen)"} <= set(values["region"])
    assert any(row["reason_1"] and "support ticket" in row["reason_1"] for row in golden)
    frame = frame_of([row["features"] for row in golden], release.model)
    scored = score_frame(frame, release.model, release.features)
    assert np.abs(scored["probability"] - [row["probability"] for row in golden]).max() == 0


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


@pytest.mark.parametrize(
    "path",
    [
        "tables/customers.parquet",
        "model/model.json",
        "model/arrays.npz",
        "words.json",
        "golden.json",
        MANIFEST,
    ],
)
@pytest.mark.parametrize("how", ["one bit", "cut", "gone"])
def test_a_changed_release_is_refused(tmp_path: Path, path: str, how: str) -> None:
    publish(tmp_path)
    release, pointer = in_force(tmp_path, tmp_path)
    file = release.folder / path
    if how == "one bit":
        _flip(file)
    elif how == "cut":
        file.write_bytes(file.read_bytes()[:-1])
    else:
        file.unlink()
    with pytest.raises(ReleaseBroken):
        verify(open_release(release.folder), pointer)


def test_an_added_file_is_refused(tmp_path: Path) -> None:
    publish(tmp_path)
    release, pointer = in_force(tmp_path, tmp_path)
    (release.folder / "tables" / "more.parquet").write_bytes(b"")
    with pytest.raises(ReleaseBroken, match=r"tables/more\.parquet of .* is not in its manifest"):
        verify(release, pointer)


def test_a_model_with_other_answers_is_refused(tmp_path: Path) -> None:
    """All hashes fit, but the evaluator of this machine would answer otherwise."""
    publish(tmp_path)
    release, _ = in_force(tmp_path, tmp_path)
    golden = release.golden
    golden[3]["probability"] += 1e-11
    content = json.dumps(golden).encode()
    (release.folder / "golden.json").write_bytes(content)
    stored = json.loads((release.folder / MANIFEST).read_bytes())
    stored["files"]["golden.json"] = {
        "sha256": sha256_of(content),
        "bytes": len(content),
        "rows": None,
    }
    (release.folder / MANIFEST).write_text(json.dumps(stored))
    with pytest.raises(ReleaseBroken, match=r"answers 1 of 50 golden rows otherwise, first row 4\."):
        verify(open_release(release.folder))


def test_a_release_that_does_not_verify_is_not_put_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(tmp_path)
    before = current_release(str(tmp_path))
    monkeypatch.setattr("churn_assets.serving.release.golden.TOLERANCE", -1.0)
    with pytest.raises(ReleaseBroken, match="golden rows"):
        publish(tmp_path, 1)
    assert current_release(str(tmp_path)) == before
    assert Root(str(tmp_path)).names() == ["20260103T040506Z-run0"]


@pytest.mark.one_python(reason="a killed writer is the same for each Python")
def test_a_killed_writer_leaves_the_former_release_in_force(tmp_path: Path) -> None:
    """Killed at the first file, before the manifest, before the pointer: the next writer clears what it left."""
    publish(tmp_path)
    former = current_release(str(tmp_path))
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = [sys.executable, "-c", KILLED]
    calls = int(subprocess.check_output([*run, str(tmp_path / "whole"), "0"], env=env, timeout=120))
    assert calls > 10
    for at in (1, calls - 4, calls - 1):
        done = subprocess.run([*run, str(tmp_path), str(at)], env=env, timeout=120, capture_output=True)
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert current_release(str(tmp_path)) == former
        verify(*in_force(tmp_path, tmp_path))
    publish(tmp_path, calls + 1)
    assert not [f for f in tmp_path.rglob("*") if f.name.startswith(".")]
    verify(*in_force(tmp_path, tmp_path))


@pytest.mark.parametrize("as_uri", [False, True], ids=["folder", "store"])
def test_older_releases_are_removed_but_never_the_one_in_force(tmp_path: Path, as_uri: bool) -> None:
    root = tmp_path.as_uri() if as_uri else str(tmp_path)
    for number in (0, 1, 2, 3):
        publish(root, number, keep=2)
    assert [name[-4:] for name in Root(root).names()] == ["run2", "run3"]
    publish(root, -5, keep=2)  # the clock was set back
    pointer = current_release(root)
    assert pointer is not None and pointer.name.endswith("runm5")
    assert pointer.name in Root(root).names()


def test_a_copy_of_a_release_elsewhere_is_whole_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, cache = (tmp_path / "store").as_uri(), tmp_path / "cache"
    publish(root)
    pointer = current_release(root)
    assert pointer is not None
    with monkeypatch.context() as broken:
        broken.setattr("pyarrow.fs.copy_files", _fails_half_way)
        with pytest.raises(OSError, match="the network is gone"):
            local_copy(root, pointer, cache)
    assert list(cache.iterdir()) == []
    verify(open_release(local_copy(root, pointer, cache)), pointer)
    with pytest.raises(ReleaseBroken, match="There is no release"):
        local_copy(root, Pointer("20200101T000000Z-gone", ""), cache)


def _fails_half_way(_: str, target: str, *__: object) -> None:
    (Path(target) / MANIFEST).write_text("{}")
    raise OSError("the network is gone")


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b'{"release": "../../etc", "manifest_sha256": ""}', b'{"release": 3}'],
)
def test_a_pointer_that_names_no_release_is_refused(tmp_path: Path, content: bytes) -> None:
    assert current_release(str(tmp_path)) is None
    (tmp_path / POINTER).write_bytes(content)
    with pytest.raises(ReleaseBroken, match="Publish a release again"):
        current_release(str(tmp_path))
    assert publish(tmp_path).previous is None
    verify(*in_force(tmp_path, tmp_path))


@pytest.mark.parametrize(
    "edit",
    [
        {"format_version": 1},  # its features have one text each
        {"format_version": FORMAT_VERSION + 1},
        {"name": "../other"},
        {"files": {"../../secret.json": {"sha256": "", "bytes": 1}}},
        {"files": {"/etc/passwd.json": {"sha256": "", "bytes": 1}}},
        {"files": []},
        {"about": {}},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_manifest_that_says_something_else_is_refused(tmp_path: Path, edit: dict[str, object]) -> None:
    stored = json.loads(publish(tmp_path).text())
    with pytest.raises(ReleaseBroken, match=MANIFEST):
        Manifest.parse(json.dumps(stored | edit).encode())


def test_status_is_what_was_written_last(tmp_path: Path) -> None:
    assert read_status(str(tmp_path)) is None
    Root(str(tmp_path)).replace(STATUS, b'{"at": 1}')
    Root(str(tmp_path)).replace(STATUS, b'{"at": 2}')
    assert read_status(str(tmp_path)) == {"at": 2}
    assert [f.name for f in tmp_path.iterdir()] == [STATUS]


def test_an_empty_table_is_a_table(tmp_path: Path) -> None:
    nobody = pa.table({"customer_key": pa.array([], pa.string())})
    held = publish(tmp_path, objections=nobody)
    assert held.files["tables/objections.parquet"].rows == 0
    release, _ = in_force(tmp_path, tmp_path)
    assert release.has("objections") and release.table("objections").schema == nobody.schema
    assert isinstance(made.contents(), Contents)
