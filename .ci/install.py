"""Installs packages into this environment with uv, which is faster than pip. Takes the arguments of `uv pip install`.

pip fetches uv. What pip is told about indexes, hosts, proxies and certificates holds for uv, too. Both trust the
certificates of this machine instead of their own, unless a setting names others.
"""

import ast
import fcntl
import math
import os
import re
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree
from typing import IO

# Debian and Alpine, Fedora and Red Hat, SUSE, macOS and the BSDs
SYSTEM_CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
SAME = {"default-timeout": "timeout"}  # names of settings that pip takes for others
CONSTRAINTS = Path(__file__).parent.parent / "constraints.txt"
SCRATCH = ".uv-"  # beginning of the names in the environment of what is there only meanwhile, and of the lock
OF_PACKAGES = (" + ", " - ", " ~ ")  # how lines of uv begin that each tell one package, 200 of them


class NoSettings(Exception):
    """pip cannot read its own settings; the message is pip's."""


def settings_of_pip() -> dict[str, str]:
    """Return the settings of `pip install`: variables count more than [install], and that more than [global].

    Raises:
        NoSettings: pip cannot read them.
    """
    return settings(pip_config("list"), lambda name: pip_config("get", name))


def pip_config(*asked: str) -> str:
    """Return what `pip config` answers.

    Raises:
        NoSettings: pip cannot read its settings.
    """
    command = [sys.executable, "-m", "pip", "config", *asked]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoSettings((done.stderr or done.stdout).strip())
    return done.stdout


def settings(told: str, value_of: Callable[[str], str]) -> dict[str, str]:
    """Return the settings that `pip config list` has `told`; pip passes over empty ones.

    A newer pip tells a setting once for each file that has it, in the order of the files' names; `value_of` tells which
    value counts.
    """
    values: dict[str, list[str]] = {}
    for name, value in re.findall(r"^((?:global|install|:env:)\.[\w-]+)=(.*)$", told, re.MULTILINE):
        values.setdefault(name, []).append(str(ast.literal_eval(value)))
    found = {}
    for wanted in ("global", "install", ":env:"):
        for name, some in values.items():
            section, _, plain = name.rpartition(".")
            if section != wanted:
                continue
            if text := (some[0] if len(some) == 1 else value_of(name)).strip():
                found[SAME.get(plain, plain)] = text
    return found


def certificates(of_pip: Mapping[str, str], environment: Mapping[str, str]) -> str | None:
    """Return the file of certificates to trust; None: nothing is found.

    Args:
        of_pip: its settings.
        environment: the environment variables.
    """
    if own := of_pip.get("cert"):
        return str(Path(own).expanduser())
    named = [environment.get(name, "") for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")]
    return next((file for file in (*named, *SYSTEM_CERTIFICATES) if Path(file).is_file()), None)


def variables_for_uv(of_pip: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that tell uv what pip is told.

    Args:
        of_pip: its settings.
        environment: the environment variables. An index that is named for uv counts more than that of pip.
    """
    found = {}
    if not {"UV_DEFAULT_INDEX", "UV_INDEX_URL"} & environment.keys() and (index := of_pip.get("index-url")):
        found["UV_DEFAULT_INDEX"] = index
    if more := of_pip.get("extra-index-url"):
        found["UV_INDEX"] = " ".join(more.split())
    if links := _places(of_pip.get("find-links", "")):
        found["UV_FIND_LINKS"] = ",".join(links)
    if hosts := of_pip.get("trusted-host"):
        found["UV_INSECURE_HOST"] = " ".join(hosts.split())
    if seconds := of_pip.get("timeout"):
        found["UV_HTTP_TIMEOUT"] = str(math.ceil(float(seconds)))
    if file := of_pip.get("client-cert"):
        found["SSL_CLIENT_CERT"] = str(Path(file).expanduser())
    if proxy := of_pip.get("proxy"):
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        found |= {name: proxy for upper in names for name in (upper, upper.lower())}
    if file := certificates(of_pip, environment):
        found["SSL_CERT_FILE"] = file
    return found


def _places(links: str) -> list[str]:
    """Return addresses, and folders and files that exist: pip passes over others."""
    places = [link if "://" in link else str(Path(link).expanduser()) for link in links.split()]
    return [place for place in places if "://" in place or Path(place).exists()]


def answers_as(uv: Path, version: str) -> bool:
    """Return whether uv is there, whole, and of this version."""
    try:
        said = subprocess.run([uv, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:  # not there, or half of it, because its installation was killed
        return False
    return said.split()[1:2] == [version]


def fetch_uv(uv: Path) -> int:
    """Fetch the version of uv that is pinned, unless it is there; return the exit code of pip."""
    pinned = next(line for line in CONSTRAINTS.read_text().splitlines() if line.startswith("uv=="))
    if answers_as(uv, pinned.removeprefix("uv==")):
        return 0
    for record in Path(sysconfig.get_path("purelib")).glob("uv-*.dist-info"):
        rmtree(record)  # by it pip would take for installed what was killed half-way
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return subprocess.run([*pip, "--no-deps", pinned], check=False).returncode


@contextmanager
def only_installation() -> Iterator[IO[str]]:
    """Wait for other installations into this environment, and remove what one left that was killed.

    Yields the lock, which is held as long as a process has it open.
    """
    with Path(sys.prefix, f"{SCRATCH}lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Waiting for another installation into {sys.prefix}.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left in Path(sys.prefix).glob(f"{SCRATCH}*/"):
            rmtree(left, ignore_errors=True)
        yield lock


def install(uv: Path, of_pip: Mapping[str, str], arguments: list[str], scratch: Path, lock: IO[str]) -> int:
    """Install what the arguments name; return the exit code of uv.

    The cache of uv is in the environment, too: packages are linked from it, and to build Spark takes 2 GB.
    """
    environment = os.environ | variables_for_uv(of_pip, os.environ)
    environment.setdefault("UV_CACHE_DIR", str(scratch / "cache"))
    # setuptools would write a project's metadata beside its source, which tests read meanwhile
    metadata, told = scratch / "metadata", scratch / "setuptools.cfg"
    metadata.mkdir()
    told.write_text(f"[egg_info]\negg_base = {metadata}\n")
    environment["DIST_EXTRA_CONFIG"] = str(told)
    command = [uv, "pip", "install", "--python", sys.executable, "--compile-bytecode"]
    command += ["--index-strategy", "unsafe-best-match"]  # as pip: the best version of all indexes
    if of_pip.get("no-index", "").lower() in {"y", "yes", "t", "true", "on", "1"}:  # as pip reads it
        command.append("--no-index")
    with subprocess.Popen(
        [*command, *arguments],
        env=environment,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        pass_fds=(lock.fileno(),),  # should this process be killed
    ) as process:
        try:
            for line in process.stderr or ():
                if not line.startswith(OF_PACKAGES):
                    sys.stderr.write(line)
        except BaseException:  # also a SIGTERM, which uv has not seen
            process.terminate()
            raise
    if process.returncode < 0:
        print(f"uv was killed by signal {-process.returncode}. Run the same command again.", file=sys.stderr)
        return 128 - process.returncode
    return process.returncode


def main() -> int:
    """Return the exit code of the installation."""
    of_pip = settings_of_pip()
    if file := certificates(of_pip, os.environ):
        os.environ["PIP_CERT"] = file
    uv = Path(sys.prefix, "bin", "uv")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with (
        only_installation() as lock,
        # what a killed uv has started may still write there
        tempfile.TemporaryDirectory(prefix=SCRATCH, dir=sys.prefix, ignore_cleanup_errors=True) as scratch,
    ):
        return fetch_uv(uv) or install(uv, of_pip, sys.argv[1:], Path(scratch), lock)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except NoSettings as error:
        sys.exit(f"pip cannot read its settings, which hold for uv, too: {error}")
    except OSError as error:
        sys.exit(
            f"{error.filename or sys.prefix} cannot be written or run ({error.strerror}). Is this environment yours? "
            "`make VENV=<folder>` uses another one."
        )
