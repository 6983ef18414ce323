"""The class archive fits one environment, is used when complete, and never stands in the way."""

import os
import time
from pathlib import Path

import pytest

from churn_assets.lakehouse.engine import class_archive, class_archive_build
from churn_assets.lakehouse.engine.class_archive import ClassArchive, environment_key, for_session
from churn_assets.lakehouse.engine.java import Java
from churn_assets.lakehouse.engine.processes import only_one
from churn_assets.settings import Settings


@pytest.fixture
def java(tmp_path: Path) -> Java:
    (tmp_path / "jdk" / "lib" / "server").mkdir(parents=True)
    (tmp_path / "jdk" / "lib" / "modules").write_text("classes of Java")
    return Java(tmp_path / "jdk", "17.0.15", "PATH")


@pytest.fixture
def spark_jars(tmp_path: Path) -> Path:
    folder = tmp_path / "jars"
    folder.mkdir()
    (folder / "spark-core.jar").write_text("core")
    (tmp_path / "delta.jar").write_text("delta")
    return folder


@pytest.fixture
def archive(tmp_path: Path) -> ClassArchive:
    (tmp_path / "archives").mkdir()
    return ClassArchive(tmp_path / "archives", "0123456789abcdef", needs_base=False)


def test_key_stays_with_the_environment(java: Java, spark_jars: Path, tmp_path: Path) -> None:
    class_path = str(tmp_path / "delta.jar")
    assert environment_key(java, class_path, spark_jars) == environment_key(java, class_path, spark_jars)


def test_key_changes_with_anything_that_the_jvm_compares(
    java: Java, spark_jars: Path, tmp_path: Path
) -> None:
    delta, other = tmp_path / "delta.jar", tmp_path / "jdbc.jar"
    other.write_text("jdbc")
    keys = [
        environment_key(java, str(delta), spark_jars),
        environment_key(java, f"{delta}{os.pathsep}{other}", spark_jars),
        environment_key(Java(java.home, "21.0.8", "PATH"), str(delta), spark_jars),
    ]
    (spark_jars / "spark-core.jar").write_text("another core")
    keys.append(environment_key(java, str(delta), spark_jars))
    os.utime(delta, (1, 1))
    keys.append(environment_key(java, str(delta), spark_jars))
    (java.home / "lib" / "modules").write_text("a patched Java")
    keys.append(environment_key(java, str(delta), spark_jars))
    assert len(set(keys)) == len(keys)


def test_key_survives_a_copy_of_the_installation(java: Java, spark_jars: Path) -> None:
    """An image layer keeps times to the second, and a copy lists its folder in another order."""
    key = environment_key(java, "", spark_jars)
    core = spark_jars / "spark-core.jar"
    seconds = int(core.stat().st_mtime)
    os.utime(core, (seconds, seconds))
    (spark_jars / "README").write_text("not on the class path")
    assert environment_key(java, "", spark_jars) == key


def test_absent_archive_adds_no_option(archive: ClassArchive) -> None:
    assert archive.state() == "absent"
    assert archive.options() == ()


def test_ready_archive_is_used_on_top_of_its_base(archive: ClassArchive) -> None:
    archive.path.write_text("classes")
    assert f"-XX:SharedArchiveFile={archive.path}" in archive.options()
    assert "-Xshare:auto" in archive.options()
    with_base = ClassArchive(archive.folder, archive.key, needs_base=True)
    assert f"-XX:SharedArchiveFile={archive.base}:{archive.path}" in with_base.options()


def test_state_tells_a_running_build_from_a_failed_one(archive: ClassArchive) -> None:
    archive.log.write_text("Traceback")
    with only_one(archive.lock):
        assert archive.state() == "building"
    assert archive.state() == "failed"


def test_a_failed_build_is_not_repeated_at_every_start(
    archive: ClassArchive, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    started: list[object] = []
    monkeypatch.setattr(class_archive.subprocess, "Popen", lambda *args, **_: started.append(args))
    settings = Settings(home=str(tmp_path), jars=str(tmp_path))
    archive.log.write_text("Traceback")
    assert archive.build_in_background(settings) is False
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(archive.log, (two_days_ago, two_days_ago))
    assert archive.build_in_background(settings) is True
    assert len(started) == 1


def test_a_folder_that_cannot_be_written_does_not_fail_a_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    archive = ClassArchive(tmp_path / "file" / "archives", "0123456789abcdef", needs_base=False)
    assert archive.build_in_background(Settings(home=str(tmp_path), jars=str(tmp_path))) is False
    assert "No class archive can be built" in caplog.text


def test_no_archive_when_a_folder_on_the_class_path_has_content(
    java: Java, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(home=str(tmp_path), jars=str(tmp_path / "kept"))
    monkeypatch.delenv("SPARK_CONF_DIR", raising=False)
    assert for_session(settings, java, {}) is not None
    conf = tmp_path / "conf"
    conf.mkdir()
    monkeypatch.setenv("SPARK_CONF_DIR", str(conf))
    assert for_session(settings, java, {}) is not None
    (conf / "spark-defaults.conf").write_text("spark.x y")
    assert for_session(settings, java, {}) is None


def test_a_java_without_an_archive_of_its_own_gets_one(java: Java, tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path), jars=str(tmp_path / "kept"))
    slim = for_session(settings, java, {})
    (java.home / "lib" / "server" / "classes.jsa").write_text("Java's own")
    full = for_session(settings, java, {})
    assert slim is not None
    assert full is not None
    assert (slim.needs_base, full.needs_base) == (True, False)


def test_only_the_archives_used_last_are_kept(tmp_path: Path) -> None:
    for age, key in enumerate(["newest", "older", "oldest"]):
        for suffix in (".jsa", ".base.jsa", ".log"):
            (tmp_path / f"{key}{suffix}").write_text(key)
            os.utime(tmp_path / f"{key}{suffix}", (1000 - age, 1000 - age))
    class_archive_build._remove_old(tmp_path)
    assert {path.name.partition(".")[0] for path in tmp_path.iterdir()} == {"newest", "older"}
