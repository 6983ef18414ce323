"""The servers of SFTP that are trusted: those whose keys are in the files of known hosts, as with ssh itself."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paramiko import MissingHostKeyPolicy

KNOWN_HOSTS = (Path("~/.ssh/known_hosts"), Path("/etc/ssh/ssh_known_hosts"))


def only_known() -> "MissingHostKeyPolicy":
    """Returns the policy of paramiko that refuses a server before a password is sent, unless its key is known."""
    import paramiko

    class OnlyKnown(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]  # it has no types
        def missing_host_key(self, client: Any, hostname: str, key: Any) -> None:
            known = paramiko.HostKeys()
            for file in KNOWN_HOSTS:
                if (path := file.expanduser()).exists():
                    known.load(str(path))
            if not known.check(hostname, key):
                raise paramiko.SSHException(
                    f"the key of {hostname} ({key.get_name()}, {key.fingerprint}) is not in {KNOWN_HOSTS[0]}. If it is "
                    "the right one, add it there with ssh-keyscan"
                )

    return OnlyKnown()
