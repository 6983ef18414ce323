"""Keys of the service and of the page: made once, shown once, kept as SHA-256 only, in CHURN_HOME/api/keys.json.

A key is `churn_<id>_<secret>`. The id is no secret: it finds the line, and people name a key by it. The secret has 256
random bits, so a fast hash is enough, and a slow one would let wrong keys exhaust the service.
"""

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal, get_args

from churn_assets.durable import replace_file
from churn_assets.lakehouse.engine.processes import only_one
from churn_assets.service_settings import Role
from churn_assets.settings import Settings

Scope = Literal["scores", "identity", "monitoring"]
SCOPES: tuple[str, ...] = get_args(Scope)
SHAPE = re.compile(r"churn_([0-9a-f]{8})_[A-Za-z0-9_-]{43}")
# A key or a token in an address, whole or in part.
IN_AN_ADDRESS = re.compile(rb"churn_[0-9a-f]{8}_|eyJ[A-Za-z0-9_-]{8,}\.eyJ")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
NOBODY = hashlib.sha256(b"").hexdigest()  # compared with where there is no such id, so that it takes as long


class KeysError(RuntimeError):
    """Keys cannot be read or made; the message names the remedy."""


@dataclass(frozen=True)
class Key:
    """A key as it is kept.

    Attributes:
        id: 8 hexadecimal digits, part of the key.
        name: who uses it.
        scopes: what it may ask the service.
        sha256: of the whole key.
        created, expires, revoked: ISO, UTC; None: never.
        role: what it may do on the page of the retention team; None: it does not open that.
        owner: the name under which this person looks after customers; None: the name of the key.
    """

    id: str
    name: str
    scopes: tuple[str, ...]
    sha256: str
    created: str
    expires: str | None = None
    revoked: str | None = None
    role: Role | None = None
    owner: str | None = None

    def state(self, now: datetime) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked is not None:
            return "revoked"
        return (
            "expired"
            if self.expires is not None and now >= datetime.fromisoformat(self.expires)
            else "active"
        )


Note = Callable[[Key], object]


def keys_file(settings: Settings) -> Path:
    """Where the keys lie."""
    return settings.home_path / "api" / "keys.json"


class Keys:
    """The keys of a file. The file is read again as soon as it changes."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._seen: tuple[int, int, int] | None = None
        self._by_id: dict[str, Key] = {}

    def all(self) -> list[Key]:
        """Every key ever made, the oldest first.

        Raises:
            KeysError: the file cannot be read.
        """
        return list(self._read().values())

    def of_service(self) -> list[Key]:
        """Every key ever made that may ask the service anything."""
        return [key for key in self.all() if key.scopes]

    def of_page(self) -> list[Key]:
        """Every key ever made that opens the page."""
        return [key for key in self.all() if key.role]

    def find(self, given: str) -> Key | None:
        """The key that was given, whatever its state; None if there is no such key."""
        known = self._read()
        shape = SHAPE.fullmatch(given)
        key = known.get(shape[1]) if shape else None
        digest = hashlib.sha256(given.encode()).hexdigest()
        same = hmac.compare_digest(digest, key.sha256 if key else NOBODY)
        return key if key is not None and same else None

    def create(
        self,
        name: str,
        scopes: Sequence[str],
        expires: timedelta | None,
        now: datetime,
        note: Note,
        *,
        role: Role | None = None,
        owner: str | None = None,
    ) -> tuple[Key, str]:
        """Makes a key; returns it as it is kept, and the key itself, which is told nowhere else.

        Args:
            note: records it; called before the key is kept.
        """
        identifier = secrets.token_hex(4)
        given = f"churn_{identifier}_{secrets.token_urlsafe(32)}"
        until = (now + expires).isoformat(timespec="seconds") if expires is not None else None
        digest = hashlib.sha256(given.encode()).hexdigest()
        created = now.isoformat(timespec="seconds")
        key = Key(identifier, name, tuple(scopes), digest, created, until, role=role, owner=owner)
        with self._locked():
            note(key)
            self._write([*self.all(), key])
        return key, given

    def revoke(self, identifier: str, now: datetime, note: Note) -> Key:
        """Revokes the key with this id, or the one active key of this name.

        Raises:
            KeysError: there is no such active key, or there are several of this name.
        """
        with self._locked():
            known = self.all()
            active = [k for k in known if k.revoked is None]
            found = [k for k in active if k.id == identifier] or [k for k in active if k.name == identifier]
            if len(found) != 1:
                told = "Several keys have" if found else "No key that is not revoked yet has"
                raise KeysError(f"{told} this id or name. `churn-assets keys list` shows the ids.")
            gone = replace(found[0], revoked=now.isoformat(timespec="seconds"))
            note(gone)
            self._write([gone if k is found[0] else k for k in known])
            return gone

    def _read(self) -> dict[str, Key]:
        try:
            state = self.file.stat()
        except FileNotFoundError:
            self._seen, self._by_id = None, {}
            return self._by_id
        seen = (state.st_mtime_ns, state.st_size, state.st_ino)
        if seen != self._seen:
            try:
                stored = json.loads(self.file.read_text(encoding="utf-8"))
                found = [Key(**{**entry, "scopes": tuple(entry["scopes"])}) for entry in stored]
            except (OSError, ValueError, TypeError, KeyError) as error:
                raise KeysError(
                    f"{self.file} cannot be read ({type(error).__name__}). Restore it from a backup, or move it away "
                    "and make new keys."
                ) from None
            self._by_id, self._seen = {key.id: key for key in found}, seen
        return self._by_id

    def _write(self, keys: Sequence[Key]) -> None:
        replace_file(self.file, json.dumps([asdict(key) for key in keys], indent=1).encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with only_one(self.file.with_name(".keys.lock")):
            yield


def lifetime(text: str) -> timedelta | None:
    """`90d`, `12h` or `never` as a time span.

    Raises:
        ValueError: it is none of them.
    """
    if text == "never":
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,4})([dh])", text)
    if found is None:
        raise ValueError(f"{text} is no lifetime; write 90d, 12h or never.")
    return timedelta(**{"d": {"days": int(found[1])}, "h": {"hours": int(found[1])}}[found[2]])


def now() -> datetime:
    """The present time, UTC."""
    return datetime.now(UTC)
