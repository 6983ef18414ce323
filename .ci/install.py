"""Run `pip install` with the given arguments, and say every few seconds how far it is.

pip itself is silent for minutes while it builds Spark or copies files. Its whole output goes to install.log in the
environment; its warnings and errors also go to stderr as they come.
"""

import subprocess
import sys
import sysconfig
import time
from pathlib import Path

EVERY_SECONDS = 5
INSTALLING = "Installing collected packages: "


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
    collected = sum(line.startswith("Collecting ") for line in lines)
    return f"{last.partition(' (from ')[0]:.70} (packages so far: {collected})"


def main() -> int:
    """Return the exit code of pip."""
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar=off"]
    log = Path(sys.prefix, "install.log")
    installed_before, started = installed(), time.monotonic()
    with log.open("w") as output, subprocess.Popen([*pip, *sys.argv[1:]], stdout=output) as process:
        while True:
            try:
                code = process.wait(EVERY_SECONDS)
                break
            except subprocess.TimeoutExpired:
                seconds = time.monotonic() - started
                print(f"  {seconds:3.0f} s: {progress(log.read_text(), installed_before)}", flush=True)
            except KeyboardInterrupt:
                process.wait()  # Ctrl-C has reached pip too, which removes its temporary files
                return 130
    if code:
        print("The last lines of pip:", *log.read_text().splitlines()[-15:], sep="\n  ", file=sys.stderr)
        print(f"The installation failed. The whole output of pip is in {log}.", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
