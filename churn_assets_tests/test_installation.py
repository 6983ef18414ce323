"""The search for interpreters and the installation, which run before any package is there."""

import fcntl
import os
import re
import runpy
import shutil
import socket
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from churn_assets.cli import doctor_machine
from churn_assets.settings import Settings
from churn_assets_tests.lakehouse.engine.servers import Authority, https_server

pytestmark = pytest.mark.one_python(reason="CI installs with it on each Python")

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


def install(python: Path, *what: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the installation."""
    command = [python, SCRIPTS / "install.py", *what]
    environment = os.environ | variables
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a wheel of one module."""
    file = tmp_path_factory.mktemp("a wheel") / "small-1.0-py3-none-any.whl"
    about = "small-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as content:
        content.writestr("small.py", "")
        content.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: small\nVersion: 1.0\n")
        content.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        names = ["small.py", *(f"{about}/{name}" for name in ("METADATA", "WHEEL", "RECORD"))]
        content.writestr(f"{about}/RECORD", "".join(f"{name},,\n" for name in names))
    return str(file)


@pytest.fixture(scope="module")
def python_with_uv(bare_python: Path) -> Path:
    """Return the Python of an environment with the uv of this one; where it has none, uv is fetched."""
    if (uv := Path(sys.prefix, "bin/uv")).exists():
        (bare_python.parent / "uv").symlink_to(uv)
    return bare_python


def test_packages_are_installed_and_compiled_and_nothing_else_stays(python_with_uv: Path, wheel: str) -> None:
    folder = python_with_uv.parent.parent
    killed = folder / ".uv-killed"
    killed.mkdir()
    done = install(python_with_uv, wheel)
    assert (done.returncode, done.stdout) == (0, "")
    assert "Installed 1 package" in done.stderr and " + small" not in done.stderr
    assert list(folder.glob("lib/python*/site-packages/__pycache__/small.*.pyc"))
    assert [path.name for path in folder.glob(".uv-*")] == [".uv-lock"]


def test_a_second_installation_waits_for_the_first(python_with_uv: Path, wheel: str) -> None:
    with Path(python_with_uv.parent.parent, ".uv-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [python_with_uv, SCRIPTS / "install.py", wheel]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as second:
            assert second.stdout is not None
            assert second.stdout.readline().startswith("Waiting for another installation into ")
            assert second.poll() is None
            fcntl.flock(lock, fcntl.LOCK_UN)
            second.communicate()
            assert second.returncode == 0


def test_a_uv_that_is_half_there_is_fetched_again(bare_python: Path, tmp_path: Path) -> None:
    """Its version is asked, since pip takes for installed what was killed half-way."""
    folder = tmp_path / "environment"
    shutil.copytree(bare_python.parent.parent, folder, symlinks=True)
    uv = folder / "bin/uv"
    [packages] = folder.glob("lib/python*/site-packages")
    pinned = re.search("^uv==(.*)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert pinned
    record = packages / f"uv-{pinned[1]}.dist-info"
    for content in ("", "#!/bin/sh\necho uv 0.1.0\n"):
        uv.unlink(missing_ok=True)
        executable(uv, "")
        uv.write_text(content)
        record.mkdir()
        (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: uv\nVersion: {pinned[1]}\n")
        done = install(folder / "bin/python", "x", PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))
        assert "No matching distribution found for uv==" in done.stderr, "it is asked for"


def test_a_uv_that_is_killed_is_told(bare_python: Path, tmp_path: Path) -> None:
    folder = tmp_path / "environment"
    shutil.copytree(bare_python.parent.parent, folder, symlinks=True)
    (folder / "bin/uv").unlink(missing_ok=True)
    version = re.search("^uv==(.*)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    assert version
    executable(folder / "bin/uv", f'test "$1" = --version && echo uv {version[1]} && exit; kill -9 $$')
    done = install(folder / "bin/python", "x")
    assert (done.returncode, done.stderr) == (
        128 + 9,
        "uv was killed by signal 9. Run the same command again.\n",
    )
    assert not list(folder.glob(".uv-*/"))


def test_a_failed_installation_shows_the_error(python_with_uv: Path) -> None:
    done = install(python_with_uv, "no-such-package", PIP_NO_INDEX="y")
    assert done.returncode == 1
    assert "no-such-package was not found in the provided package locations" in done.stderr


def test_without_uv_the_error_of_pip_is_shown(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=True)
    done = install(tmp_path / "bare/bin/python", "x", PIP_NO_INDEX="1", PIP_FIND_LINKS=str(tmp_path))
    assert done.returncode == 1
    assert "No matching distribution found for uv" in done.stderr


def test_settings_that_pip_cannot_read_are_told(python_with_uv: Path, wheel: str, tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("index-url = https://mirror.example.com\n")
    done = install(python_with_uv, wheel, PIP_CONFIG_FILE=str(config))
    assert done.returncode == 1
    assert done.stderr.startswith("pip cannot read its settings") and str(config) in done.stderr


def test_an_environment_that_cannot_be_written_is_told_in_a_sentence(bare_python: Path) -> None:
    lock = bare_python.parent.parent / ".uv-lock"
    lock.unlink(missing_ok=True)
    lock.mkdir()
    done = install(bare_python, "x")
    lock.rmdir()
    assert done.returncode == 1
    assert done.stderr.startswith(f"{lock} cannot be written or run (Is a directory).")
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
    variable: str | None,
    setting_of_pip: str,
    reached: bool,
    python_with_uv: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority = Authority(tmp_path / "an authority")
    config = tmp_path / "my pip.conf"
    config.write_text(setting_of_pip)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"):
        monkeypatch.delenv(name, raising=False)
    if variable:
        monkeypatch.setenv(variable, str(authority.ca))
    # a config file of null switches those of this machine off
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config) if setting_of_pip else os.devnull)
    with https_server(authority) as server:
        install(python_with_uv, "no-such-package", PIP_INDEX_URL=server.address, UV_HTTP_RETRIES="0")
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
    assert certificates({"cert": "/my  own/ca.pem"}, named) == "/my  own/ca.pem"
    assert certificates({"cert": "~/ca.pem"}, named) == str(Path.home() / "ca.pem")
    of_the_system = certificates({}, {})
    assert of_the_system is None or Path(of_the_system).is_file()


def test_uv_is_told_what_pip_is_told(script: dict[str, Any], tmp_path: Path) -> None:
    told = f"""\
global.timeout='15'
:env:.default-timeout='2.5'
:env:.extra-index-url=''
download.index-url='https://other.example.com'
global.client-cert='~/me.pem'
global.find-links='{tmp_path} /absent https://wheels.example.com'
global.index-url='https://mirror.example.com/simple'
global.index-url='https://of-a-file-that-counts-less.example.com/simple'
global.proxy='http://proxy.example.com:3128'
install.extra-index-url='\\nhttps://a.example.com\\nhttps://b.example.com'
install.trusted-host='a.example.com b.example.com:8443'
"""
    of_pip = script["settings"](told, {"global.index-url": "https://mirror.example.com/simple\n"}.__getitem__)
    variables = script["variables_for_uv"](of_pip, {})
    variables.pop("SSL_CERT_FILE", None)
    proxies = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"}
    assert variables == {
        "UV_HTTP_TIMEOUT": "3",
        "SSL_CLIENT_CERT": str(Path.home() / "me.pem"),
        "UV_DEFAULT_INDEX": "https://mirror.example.com/simple",
        "UV_INDEX": "https://a.example.com https://b.example.com",
        "UV_FIND_LINKS": f"{tmp_path},https://wheels.example.com",
        "UV_INSECURE_HOST": "a.example.com b.example.com:8443",
    } | dict.fromkeys(proxies, "http://proxy.example.com:3128")
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        own = script["variables_for_uv"](of_pip, {name: "https://mine.example.com"})
        assert "UV_DEFAULT_INDEX" not in own
