"""The address of a database of MongoDB, and errors that tell no secret."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from churn_assets.contracts.mongodb import SourceCollection
from churn_assets.sources.live.attempts import Lost
from churn_assets.sources.live.errors import ExtractError
from churn_assets.sources.live.secrets import hidden, long_enough, with_secrets

if TYPE_CHECKING:
    from pymongo.database import Database

CONNECT_SECONDS, ANSWER_SECONDS = 15, 600
# Codes of the server -> what to do.
REMEDIES = {
    13: "Give this user the role `read` on the database.",
    18: "Correct the user or the secret in the address, or its `authSource`.",
}


@dataclass(frozen=True)
class MongoAddress:
    """A database to connect to.

    Attributes:
        url: with its secrets.
        shown: hosts and database.
        secrets: texts that no message may hold.
    """

    url: str = field(repr=False)
    shown: str
    database: str
    secrets: tuple[str, ...] = field(repr=False)


def mongo_address(collection: SourceCollection, environ: Mapping[str, str]) -> MongoAddress:
    """Returns the database to connect to; connects to nothing.

    Raises:
        ExtractError: a variable is not set, the location is no address, or pymongo is not installed.
    """
    if find_spec("pymongo") is None:
        raise ExtractError(
            "pymongo, the driver of mongodb, is not installed. Run `pip install 'churn-assets[mongodb]'`."
        )
    location, secrets = with_secrets(collection.location, environ)
    parts = urlsplit(location)
    login, _, hosts = parts.netloc.rpartition("@")
    if parts.scheme not in ("mongodb", "mongodb+srv") or not hosts or "@" in login:
        raise ExtractError(
            "The location of the server is no address of mongodb. Write mongodb://user@host/database, with ${NAME} for "
            "a secret, and %40 for an @ in a password."
        )
    database = parts.path.strip("/")
    if not database:
        raise ExtractError(
            "The address names no database. Write it at the end: mongodb://user@host/database."
        )
    if password := login.partition(":")[2]:
        secrets += [password, unquote(password)]
    return MongoAddress(location, f"{parts.scheme}://{hosts}/{database}", database, long_enough(secrets))


@contextmanager
def opened(address: MongoAddress) -> "Iterator[Database[dict[str, Any]]]":
    """The database, for reading.

    Raises:
        Lost: the database cannot be reached.
        ExtractError: it refuses the login or the question.
    """
    from bson.binary import UuidRepresentation
    from bson.codec_options import CodecOptions, DatetimeConversion
    from pymongo import MongoClient
    from pymongo.errors import ConnectionFailure, OperationFailure, PyMongoError

    logging.getLogger("pymongo").setLevel(logging.WARNING)  # it logs what the server answers
    options: CodecOptions[dict[str, Any]] = CodecOptions(
        tz_aware=True,
        uuid_representation=UuidRepresentation.STANDARD,
        datetime_conversion=DatetimeConversion.DATETIME_CLAMP,
        unicode_decode_error_handler="strict",
    )
    try:
        with MongoClient[dict[str, Any]](
            address.url,
            appname="churn-assets",
            serverSelectionTimeoutMS=CONNECT_SECONDS * 1000,
            connectTimeoutMS=CONNECT_SECONDS * 1000,
            socketTimeoutMS=ANSWER_SECONDS * 1000,
        ) as client:
            yield client.get_database(address.database, codec_options=options)
    except ConnectionFailure as error:
        raise Lost(
            f"{address.shown} does not answer ({type(error).__name__}). Is the address right, and does the database "
            "run?"
        ) from None
    except OperationFailure as error:
        name = (error.details or {}).get("codeName") or f"code {error.code}"
        remedy = REMEDIES.get(error.code or 0, "Correct the contract's server, or the user's rights.")
        raise ExtractError(f"{address.shown} refuses: {name}. {remedy}") from None
    except (PyMongoError, UnicodeDecodeError) as error:
        said = hidden(type(error).__name__, address.secrets)
        raise ExtractError(
            f"{address.shown} cannot be read: {said}. Correct the contract's server."
        ) from None
