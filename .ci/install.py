"""Installs packages into this environment by uv, which takes a quarter of the time that pip takes for them.

pip fetches uv. What pip is told about indexes, hosts and certificates holds for uv, too. Both trust the certificates of
this machine instead of their own, unless a setting names others. Takes the arguments of `uv pip install`.
"""

import ast
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

# setting of pip -> variable of uv; a variable that is set already is left alone
SAME = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "no-index": "UV_NO_INDEX",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
}
COMMA = {"UV_FIND_LINKS"}  # lists that uv separates by commas; others by blanks
# Debian and Alpine, Fedora and Red Hat, SUSE, macOS and the BSDs
SYSTEM_CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
CONSTRAINTS = Path(__file__).parent.parent / "constraints.txt"
TEMPORARY = ".uv-"  # beginning of the name of a folder in the environment


def settings_of_pip(told: str) -> dict[str, list[str]]:
    """Return the settings for `pip install`, each as a list of words.

    Args:
        told: the output of `pip config list`, where a later line of a more particular section wins.
    """
    found: dict[str, tuple[int, list[str]]] = {}
    sections = ("global", "install", ":env:")
    for section, name, value in re.findall(r"^(global|install|:env:)\.([\w-]+)=(.*)$", told, re.MULTILINE):
        rank = sections.index(section)
        if name not in found or rank >= found[name][0]:
            found[name] = rank, str(ast.literal_eval(value)).split()
    return {name: words for name, (_, words) in found.items()}


def certificates(settings: Mapping[str, list[str]], environment: Mapping[str, str]) -> str | None:
    """Return the file of certificates to trust; None: nothing is found.

    Args:
        settings: of pip.
        environment: the environment variables.
    """
    if own := settings.get("cert"):
        return " ".join(own)
    named = [environment.get(name, "") for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")]
    return next((file for file in (*named, *SYSTEM_CERTIFICATES) if Path(file).is_file()), None)


def variables_for_uv(settings: Mapping[str, list[str]], environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables that tell uv what pip is told.

    Args:
        settings: of pip.
        environment: the environment variables; what they say to uv counts more.
    """
    found = {}
    for name, variable in SAME.items():
        words = settings.get(name, [])
        if name == "find-links":  # pip passes over a folder that does not exist
            words = [word for word in words if "://" in word or Path(word).exists()]
        if words and variable not in environment:
            found[variable] = ("," if variable in COMMA else " ").join(words)
    if file := certificates(settings, environment):
        found["SSL_CERT_FILE"] = file
    return found


def metadata_in_environment() -> str:
    """Return a file that tells setuptools to write a project's metadata into this environment, not beside its source.

    There, two environments that are installed at once would write the same files, and running tests read them.
    """
    file = Path(sys.prefix, "setuptools.cfg")
    file.write_text(f"[egg_info]\negg_base = {sys.prefix}\n")
    return str(file)


@contextmanager
def alone() -> Iterator[None]:
    """Wait for other installations into this environment, and remove what one left that was killed."""
    with Path(sys.prefix, f"{TEMPORARY}lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in Path(sys.prefix).glob(f"{TEMPORARY}*/"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def main() -> int:
    """Return the exit code of the installation."""
    pip = [sys.executable, "-m", "pip"]
    told = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False).stdout
    settings = settings_of_pip(told)
    if file := certificates(settings, os.environ):
        os.environ["PIP_CERT"] = file
    # Here and not in the home: packages are linked from it, and what builds Spark takes 2 GB.
    with alone(), tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=sys.prefix) as cache:
        uv = Path(sys.prefix, "bin", "uv")
        if not uv.exists():
            quiet = ["--quiet", "--disable-pip-version-check", "--no-warn-script-location"]
            pinned = re.search("^uv==.*$", CONSTRAINTS.read_text(), re.MULTILINE)
            fetch = [*pip, "install", *quiet, pinned[0] if pinned else "uv"]
            if code := subprocess.run(fetch, check=False).returncode:
                return code
        install = [
            uv,
            "pip",
            "install",
            "--python",
            sys.executable,
            "--cache-dir",
            cache,
            "--compile-bytecode",
        ]
        as_pip = ["--index-strategy", "unsafe-best-match"]  # the best version of all indexes
        environment = os.environ | variables_for_uv(settings, os.environ)
        environment["DIST_EXTRA_CONFIG"] = metadata_in_environment()
        command = [*install, *as_pip, *sys.argv[1:]]
        with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
            try:
                for line in process.stderr or ():
                    if not line.startswith((" + ", " - ", " ~ ")):  # a line for each of 200 packages
                        sys.stderr.write(line)
                return process.wait()
            except KeyboardInterrupt:
                process.wait()  # Ctrl-C has reached uv, too
                return 130


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:
        sys.exit(
            f"{error.filename} cannot be written ({error.strerror}). Is this environment yours? "
            "`make VENV=<folder>` uses another one."
        )
