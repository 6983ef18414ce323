"""Run `pip install` with the given arguments, and say every few seconds how far it is.

pip itself is silent for minutes while it builds Spark or copies files. Its whole output goes to install.log in the
environment; its warnings and errors also go to stderr as they come. pip trusts the certificates of this machine instead
of its own, unless one of its settings names others.
"""

import os
import re
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping
from pathlib import Path

EVERY_SECONDS = 5
LONGEST = 70  # characters of pip's own line
INSTALLING = "Installing collected packages: "
INSTALLED = "Successfully installed "
# Debian and Alpine, Fedora and Red Hat, SUSE, macOS and the BSDs
SYSTEM_CERTIFICATES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def certificates(pip_settings: str, environment: Mapping[str, str]) -> str | None:
    """Return the file of certificates for pip, or None if it has a setting for that or nothing is found.

    Args:
        pip_settings: the output of `pip config list`.
        environment: the environment variables.
    """
    if re.search(r"^\S+\.cert=", pip_settings, re.MULTILINE):
        return None
    named = [environment.get(name, "") for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")]
    return next((file for file in (*named, *SYSTEM_CERTIFICATES) if Path(file).is_file()), None)


def metadata_in_environment() -> str:
    """Return a file that tells setuptools to write a project's metadata into this environment, not beside its source.

    There, two environments that are installed at once would write the same files, and running tests read them.
    """
    file = Path(sys.prefix, "setuptools.cfg")
    file.write_text(f"[egg_info]\negg_base = {sys.prefix}\n")
    return str(file)


def installed() -> int:
    """Return the number of packages in this environment."""
    return sum(1 for _ in Path(sysconfig.get_path("purelib")).glob("*.dist-info"))


def progress(output: str, installed_before: int) -> str:
    """Return in one short line how far pip is, given its output so far."""
    lines = output.splitlines()
    last = lines[-1].strip() if lines else "starting pip"
    if last.startswith(INSTALLING):
        total = len(last.removeprefix(INSTALLING).split(","))
        return f"{installed() - installed_before} of {total} packages installed"
    if last.startswith(INSTALLED):
        return f"{len(last.removeprefix(INSTALLED).split())} packages installed"
    collected = sum(line.startswith("Collecting ") for line in lines)
    last = last.partition(" (from ")[0]
    if len(last) > LONGEST:
        last = last.partition(" (")[0][:LONGEST]
    return f"{last} (packages so far: {collected})"


def text_of(log: Path) -> str:
    """Return the text of a log that is being written; it may end within a character."""
    return log.read_text(errors="replace")


def main() -> int:
    """Return the exit code of pip."""
    pip = [sys.executable, "-m", "pip"]
    settings = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=False).stdout
    if file := certificates(settings, os.environ):
        os.environ["PIP_CERT"] = file
    if "-e" in sys.argv:
        os.environ["DIST_EXTRA_CONFIG"] = metadata_in_environment()
    install = [*pip, "install", "--disable-pip-version-check", "--progress-bar=off", *sys.argv[1:]]
    log = Path(sys.prefix, "install.log")
    installed_before, started = installed(), time.monotonic()
    with log.open("w") as output, subprocess.Popen(install, stdout=output) as process:
        while True:
            try:
                code = process.wait(EVERY_SECONDS)
                break
            except subprocess.TimeoutExpired:
                seconds = time.monotonic() - started
                print(f"  {seconds:3.0f} s: {progress(text_of(log), installed_before)}", flush=True)
            except KeyboardInterrupt:
                process.wait()  # Ctrl-C has reached pip too, which removes its temporary files
                return 130
    if code:
        print("The last lines of pip:", *text_of(log).splitlines()[-15:], sep="\n  ", file=sys.stderr)
        print(f"The installation failed. The whole output of pip is in {log}.", file=sys.stderr)
    return code


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:
        sys.exit(
            f"{error.filename} cannot be written ({error.strerror}). Is this environment yours? "
            "`make VENV=<folder>` uses another one."
        )
