"""The search for interpreters and the installation, which run before any package is there."""

import os
import re
import runpy
import shutil
import socket
import subprocess
import sys
import tomllib
import venv
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from churn_assets.cli import doctor_machine
from churn_assets.settings import Settings
from churn_assets_tests.lakehouse.engine.servers import Authority, https_server

ROOT = Path(__file__).parent.parent
SCRIPTS = ROOT / ".ci"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a folder to be the whole PATH; it holds awk, and no Python yet."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    awk = shutil.which("awk")
    assert awk
    (folder / "awk").symlink_to(awk)
    return folder


def executable(file: Path, script: str) -> None:
    """Write a shell script that can be run."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def search(path: Path) -> subprocess.CompletedProcess[str]:
    """Run .ci/pythons with one folder as PATH and pyenv's folder beside it."""
    environment = {"PATH": str(path), "PYENV_ROOT": str(path.parent / "pyenv")}
    return subprocess.run([SCRIPTS / "pythons"], env=environment, capture_output=True, text=True, check=False)


def test_a_supported_python_is_found_with_its_version(path: Path) -> None:
    executable(path / "python3", f'exec "{sys.executable}" "$@"')
    found = search(path)
    version = ".".join(str(part) for part in sys.version_info[:3])
    assert found.stdout == f"{version} {sys.executable}\n"
    assert (found.returncode, found.stderr) == (0, "")


def test_the_lowest_minor_version_is_first_and_pyenv_is_searched(path: Path) -> None:
    executable(path / "python3", "echo 3.13.5 debian")
    executable(path / "python3.12", "echo 3.12.9 path")
    executable(path.parent / "pyenv/versions/3.12.1/bin/python3.12", "echo 3.12.1 pyenv")
    executable(path.parent / "pyenv/versions/3.13.5/bin/python3.13", "echo 3.13.5 pyenv")
    assert search(path).stdout.splitlines() == ["3.12.9 path", "3.12.1 pyenv", "3.13.5 pyenv"]


def test_a_python_without_ensurepip_is_skipped_and_its_package_named(path: Path, tmp_path: Path) -> None:
    (tmp_path / "ensurepip.py").write_text("raise ImportError\n")
    executable(path / "python3", f'PYTHONPATH="{tmp_path}" exec "{sys.executable}" "$@"')
    found = search(path)
    assert (found.returncode, found.stdout) == (1, "")
    assert "apt install python3-venv" in found.stderr
    executable(path / "python3.13", "echo 3.13.5 complete")
    found = search(path)
    assert (found.returncode, found.stdout, found.stderr) == (0, "3.13.5 complete\n", "")


def test_other_pythons_are_no_match(path: Path) -> None:
    # the probe is the script's own; only the version that it sees is another
    hook = "import sys; sys.version_info = (3, 14, 0); exec(sys.argv[1])"
    executable(path / "python3", f"""exec "{sys.executable}" -c '{hook}' "$2" """)
    found = search(path)
    assert (found.returncode, found.stdout) == (1, "")
    assert "No Python 3.11, 3.12 or 3.13" in found.stderr


def test_make_says_what_to_install(path: Path, tmp_path: Path) -> None:
    make = shutil.which("make")
    assert make
    for tool in ("sed", "sh"):
        (path / tool).symlink_to(str(shutil.which(tool)))
    executable(path / "python3", "exit 2")
    target = tmp_path / "environment" / ".stamp"
    done = subprocess.run(
        [make, f"VENV={target.parent}", str(target)],
        cwd=ROOT,
        env={"PATH": str(path), "PYENV_ROOT": str(tmp_path / "pyenv")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode
    assert "apt install python3-venv" in done.stderr
    assert not target.parent.exists()


def test_no_home_is_needed(path: Path) -> None:
    executable(path / "python3", "echo 3.12.9 path")
    found = subprocess.run(
        [SCRIPTS / "pythons"], env={"PATH": str(path)}, capture_output=True, text=True, check=False
    )
    assert (found.stdout, found.stderr) == ("3.12.9 path\n", "")


def test_a_port_in_use_is_told_before_anything_starts() -> None:
    made_already = [f"-o{sys.prefix}/.stamp", "-ojars"]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = subprocess.run(
            ["make", "--no-print-directory", "ui", f"VENV={sys.prefix}", f"PORT={port}", *made_already],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"Port {port} is not free. Name another one: make ui PORT=3001\n")


def test_the_supported_versions_are_the_same_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    low, high = re.findall(r"3\.(\d+)", project["requires-python"])
    supported = range(int(low), int(high))
    named = [c.rpartition(".")[2] for c in project["classifiers"] if c.startswith("Programming Language")]
    assert named == [str(minor) for minor in supported]
    assert f"(3, {low}) <= sys.version_info[:2] < (3, {high})" in (SCRIPTS / "pythons").read_text()
    for minor in range(10, 16):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "version_info", (3, minor, 0))
            finding = doctor_machine.check_python(Settings())
        assert (finding.status == "ok") == (minor in supported), minor


def test_every_installed_package_accepts_the_first_patch_of_each_supported_python() -> None:
    refused = [
        f"{package.name} {package.version} wants Python {wanted}, not {python}"
        for package in distributions()
        for python in ("3.11.0", "3.12.0", "3.13.0")
        if (wanted := package.metadata.get("Requires-Python")) and python not in SpecifierSet(wanted)
    ]
    assert refused == []


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the Python of an environment that holds pip alone."""
    folder = tmp_path_factory.mktemp("bare") / "environment"
    venv.create(folder, with_pip=True)
    return folder / "bin/python"


def installed(bare_python: Path, *what: str, **variables: str | None) -> subprocess.CompletedProcess[str]:
    """Run the installation; a variable of None is not set."""
    told = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
    environment = {name: value for name, value in os.environ.items() if name not in told}
    environment |= {name: value for name, value in variables.items() if value is not None}
    command = [bare_python, SCRIPTS / "install.py", *what]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def python_with_uv(bare_python: Path) -> Path:
    """Return the Python of the environment after its first installation, which has fetched uv."""
    folder = bare_python.parent.parent
    done = installed(bare_python, "-c", str(ROOT / "constraints.txt"), "wheel")
    assert done.returncode == 0, done.stderr
    assert not [*folder.glob(".uv-*/")], "what uv needs meanwhile is removed"
    assert list(folder.glob("lib/python*/site-packages/wheel/__pycache__")), (
        "the first command starts as fast"
    )
    return bare_python


def test_what_an_installation_left_that_was_killed_is_removed(python_with_uv: Path) -> None:
    left = python_with_uv.parent.parent / ".uv-killed"
    left.mkdir()
    assert installed(python_with_uv, "wheel").returncode == 0
    assert not left.exists()


def test_a_failed_installation_shows_the_error(python_with_uv: Path) -> None:
    done = installed(python_with_uv, "--no-index", "no-such-package")
    assert done.returncode == 1
    assert "no-such-package was not found" in done.stderr


def test_without_uv_the_error_of_pip_is_shown(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=True)
    nothing = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path)}
    done = installed(tmp_path / "bare/bin/python", "wheel", **nothing)
    assert done.returncode == 1
    assert "No matching distribution found for uv" in done.stderr


def test_an_environment_that_cannot_be_written_is_told_in_a_sentence(bare_python: Path) -> None:
    lock = bare_python.parent.parent / ".uv-lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()
    done = installed(bare_python, "wheel")
    lock.rmdir()
    assert done.returncode == 1
    assert done.stderr.startswith(f"{lock} cannot be written (Is a directory).")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("variable", "setting_of_pip", "reached"),
    [
        ("SSL_CERT_FILE", "", True),
        ("CURL_CA_BUNDLE", "", True),
        ("SSL_CERT_FILE", "[install]\ncert = /absent.pem\n", False),
        ("PIP_CERT", "", True),
        (None, "", False),
    ],
)
def test_it_trusts_what_the_machine_trusts_unless_pip_is_told_otherwise(
    variable: str | None, setting_of_pip: str, reached: bool, python_with_uv: Path, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "an authority")
    config = tmp_path / "my pip.conf"
    config.write_text(setting_of_pip)
    variables: dict[str, str | None] = {variable: str(authority.ca)} if variable else {}
    # a config file of null switches those of this machine off
    variables["PIP_CONFIG_FILE"] = str(config) if setting_of_pip else os.devnull
    with https_server(authority) as server:
        variables |= {"PIP_INDEX_URL": server.address, "UV_HTTP_RETRIES": "0"}
        installed(python_with_uv, "no-such-package", **variables)
    assert bool(server.asked) == reached


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    """Return what .ci/install.py defines."""
    return runpy.run_path(str(SCRIPTS / "install.py"))


def test_the_first_file_of_certificates_that_exists_is_taken(script: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.touch()
    certificates = script["certificates"]
    named = {"SSL_CERT_FILE": str(tmp_path / "absent.pem"), "REQUESTS_CA_BUNDLE": str(file)}
    assert certificates({}, named) == str(file)
    assert certificates({"cert": ["/mine.pem"]}, named) == "/mine.pem"
    of_the_system = certificates({}, {})
    assert of_the_system is None or Path(of_the_system).is_file()


def test_uv_is_told_what_pip_is_told(script: dict[str, Any], tmp_path: Path) -> None:
    told = f"""\
:env:.timeout='90'
global.index-url='https://mirror.example.com/simple'
global.timeout='15'
global.find-links='{tmp_path} /absent https://wheels.example.com'
install.extra-index-url='\\nhttps://a.example.com\\nhttps://b.example.com'
download.index-url='https://other.example.com'
"""
    variables = script["variables_for_uv"](script["settings_of_pip"](told), {"UV_NO_INDEX": "1"})
    variables.pop("SSL_CERT_FILE", None)
    assert variables == {
        "UV_HTTP_TIMEOUT": "90",
        "UV_DEFAULT_INDEX": "https://mirror.example.com/simple",
        "UV_INDEX": "https://a.example.com https://b.example.com",
        "UV_FIND_LINKS": f"{tmp_path},https://wheels.example.com",
    }
    mine = {"UV_DEFAULT_INDEX": "https://mine.example.com"}
    assert "UV_DEFAULT_INDEX" not in script["variables_for_uv"](script["settings_of_pip"](told), mine)
