"""Foreign folders: how fsspec reaches each kind of store, secrets from the environment, and errors that tell none."""

import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from churn_assets.contracts.folder import SourceFolder
from churn_assets.contracts.odcs import FolderKind
from churn_assets.contracts.source import Source
from churn_assets.settings import without_secrets
from churn_assets.sources.folders.host_keys import only_known
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.secrets import hidden, long_enough, with_secrets

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

SECONDS = 60  # that a store may keep silent
DEEPEST = 8  # levels of folders, where no pattern tells them


@dataclass(frozen=True)
class StoreDriver:
    """How fsspec reaches a kind of store.

    Attributes:
        protocol: its name in fsspec.
        module: package of the driver.
        install: command that installs it.
        login: names of the arguments for user and password; none where nobody logs in.
        version: names under which a listing tells the version of a file, the best first.
        whole: a file is visible only when it is whole, and folders are but parts of names.
    """

    protocol: str
    module: str
    install: str
    login: tuple[str, ...]
    version: tuple[str, ...]
    whole: bool


DRIVERS: dict[FolderKind, StoreDriver] = {
    "folder": StoreDriver("file", "fsspec", "pip install fsspec", (), ("mtime",), False),
    "s3": StoreDriver(
        "s3", "s3fs", "pip install 'churn-assets[s3]'", ("key", "secret"), ("ETag", "LastModified"), True
    ),
    "gcs": StoreDriver("gcs", "gcsfs", "pip install gcsfs", (), ("md5Hash", "etag", "updated"), True),
    "azure": StoreDriver(
        "abfs", "adlfs", "pip install adlfs", ("account_name", "account_key"), ("etag", "last_modified"), True
    ),
    "sftp": StoreDriver(
        "sftp", "paramiko", "pip install 'churn-assets[sftp]'", ("username", "password"), ("mtime",), False
    ),
    "http": StoreDriver("http", "aiohttp", "pip install aiohttp", (), ("ETag", "Last-Modified"), False),
}


@dataclass(frozen=True)
class FolderAddress:
    """A folder to look into.

    Attributes:
        driver: of its kind.
        location: with the values of its variables.
        options: of the filesystem of fsspec.
        shown: the location as the contract has it.
        secrets: texts that no message may hold.
    """

    driver: StoreDriver
    location: str = field(repr=False)
    options: dict[str, Any] = field(repr=False)
    shown: str
    secrets: tuple[str, ...] = field(repr=False)

    def connect(self) -> "tuple[AbstractFileSystem, str]":
        """Returns the filesystem, and the path of the folder in it without a slash at its end.

        Raises:
            ExtractError: the store refuses, or does not answer.
        """
        import fsspec

        try:
            fs = fsspec.filesystem(self.driver.protocol, skip_instance_cache=True, **self.options)
        except Exception as error:  # noqa: BLE001 (each driver raises its own)
            raise self.error(error) from None
        # of the topmost folder, which those who may only copy see of a server of SFTP, the slash stays
        return fs, str(fs._strip_protocol(self.location)).rstrip("/") or "/"

    def listed(
        self, fs: "AbstractFileSystem", root: str, depth: int = DEEPEST
    ) -> Mapping[str, Mapping[str, Any]]:
        """Returns path -> what is told of each file below a folder, so many levels deep.

        `find` of fsspec passes over folders that cannot be listed, which then look empty, and follows links of pages
        without end.

        Raises:
            ExtractError: the store refuses, or does not answer.
        """
        try:
            if self.driver.whole:
                found: Mapping[str, Mapping[str, Any]] = fs.find(root, detail=True)
                return found
            files, level = dict[str, Mapping[str, Any]](), [root]
            for _ in range(depth):
                listed = [(folder, info) for folder in level for info in fs.ls(folder, detail=True)]
                files |= {info["name"]: info for _, info in listed if info["type"] != "directory"}
                level = [
                    path
                    for folder, info in listed
                    if info["type"] == "directory" and (path := info["name"].rstrip("/")) != folder
                ]
        except Exception as error:  # noqa: BLE001 (each driver raises its own)
            raise self.error(error) from None
        return files

    def error(self, error: BaseException) -> ExtractError:
        """Returns the error for what a store or its driver has said, without a secret."""
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return ExtractError(
            f"{self.shown} cannot be read: {hidden(without_secrets(said), self.secrets).rstrip('.')}. Look whether the "
            "location is right, and whether this user may list and read it."
        )


def folder_of(source: Source) -> SourceFolder:
    """The folder of a source; ValueError if it has none."""
    if not isinstance(source.origin, SourceFolder):
        raise ValueError(f"{source.name} is no folder")
    return source.origin


def folder_address(folder: SourceFolder, environ: Mapping[str, str] = os.environ) -> FolderAddress:
    """Returns the folder to look into; connects to nothing.

    Raises:
        ExtractError: a variable is not set, or the driver is not installed.
    """
    driver = DRIVERS[folder.kind]
    if find_spec(driver.module) is None:
        raise ExtractError(
            f"{driver.module}, the driver of {folder.kind}, is not installed. Run `{driver.install}`."
        )
    location, secrets = with_secrets(folder.location, environ, is_url=folder.kind == "http")
    # that of SFTP has no such cache, and hands all options to the connection
    options: dict[str, Any] = {} if folder.kind == "sftp" else {"use_listings_cache": False}
    if folder.user is not None and folder.password is not None:
        user, _ = with_secrets(folder.user, environ, is_url=False)
        password, more = with_secrets(folder.password, environ, is_url=False)
        secrets += more
        options |= _login(driver, user, password)
    if folder.kind == "s3":
        options["config_kwargs"] = {"connect_timeout": SECONDS / 4, "read_timeout": SECONDS}
        if folder.endpoint is not None:
            options["endpoint_url"] = folder.endpoint
    if folder.kind == "sftp":
        options |= _host_of(location)
    if folder.kind == "http":
        from aiohttp import ClientTimeout

        # aiohttp itself gives a whole answer five minutes, however steadily it comes
        patience = ClientTimeout(total=None, sock_connect=SECONDS / 4, sock_read=SECONDS)
        options["client_kwargs"] = options.get("client_kwargs", {}) | {"timeout": patience}
    return FolderAddress(driver, location, options, folder.location, long_enough(secrets))


def _login(driver: StoreDriver, user: str, password: str) -> dict[str, Any]:
    if driver.protocol == "http":
        both = b64encode(f"{user}:{password}".encode()).decode()
        return {"headers": {"Authorization": f"Basic {both}"}}  # aiohttp sends it to no other host
    return dict(zip(driver.login, (user, password), strict=True))


def _host_of(location: str) -> dict[str, Any]:
    from urllib.parse import urlsplit

    found = urlsplit(location)
    return {
        "host": found.hostname,
        "port": found.port or 22,
        "timeout": SECONDS,
        "host_key_policy": only_known(),
    }
