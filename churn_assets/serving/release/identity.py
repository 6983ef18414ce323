"""The identity file: who is behind a customer_key, encrypted, apart from the releases.

AES-256-GCM seals the table in pieces, each with its own nonce; position and end are sealed with it, so that no piece
can be left out, moved or added.
"""

import base64
import binascii
import os
from typing import TYPE_CHECKING

import pyarrow as pa

from churn_assets.durable import replace_file
from churn_assets.serving.release.root import IDENTITY, Root
from churn_assets.settings import Settings

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"CHURN-ID-1\n"
KEY_FILE = "identity.key"
KEY_BYTES, NONCE_BYTES, LENGTH_BYTES = 32, 12, 4
ROWS_OF_A_PIECE = 100_000


class IdentityError(RuntimeError):
    """The identity file or its key cannot be used; the message names the remedy and shows nothing of either."""


def key_of(settings: Settings) -> bytes:
    """The key of the identity file: CHURN_IDENTITY_KEY, else the key file of this home.

    Raises:
        IdentityError: there is none, it is no key, or others can read the file.
    """
    if settings.identity_key is not None:
        return _decoded(settings.identity_key.get_secret_value(), "CHURN_IDENTITY_KEY")
    file = settings.home_path / KEY_FILE
    try:
        if file.stat().st_mode & 0o077:
            raise IdentityError(f"Others can read {KEY_FILE} in CHURN_HOME. Run chmod 600 on it.")
        return _decoded(file.read_text(encoding="ascii"), KEY_FILE)
    except FileNotFoundError:
        raise IdentityError(
            f"There is no key of the identity file. Set CHURN_IDENTITY_KEY, or publish a release: that makes "
            f"{KEY_FILE} in CHURN_HOME."
        ) from None


def key_made_once(settings: Settings) -> bytes:
    """`key_of`; makes the key file first if there is no key yet. The caller holds the lock of the writers."""
    file = settings.home_path / KEY_FILE
    if settings.identity_key is None and not file.exists():
        settings.home_path.mkdir(parents=True, exist_ok=True)
        replace_file(file, base64.b64encode(os.urandom(KEY_BYTES)))
    return key_of(settings)


def write_identity(root: str, people: pa.Table, key: bytes) -> None:
    """Replaces the identity file."""
    cipher, sealed = _cipher(key), [MAGIC]
    pieces = people.combine_chunks().to_batches(ROWS_OF_A_PIECE) or [
        pa.RecordBatch.from_pylist([], schema=people.schema)
    ]
    for number, piece in enumerate(pieces):
        nonce = os.urandom(NONCE_BYTES)
        text = cipher.encrypt(nonce, _stream(piece), _bound(number, number == len(pieces) - 1))
        sealed += [nonce, len(text).to_bytes(LENGTH_BYTES, "big"), text]
    Root(root).replace(IDENTITY, b"".join(sealed))


def open_identity(root: str, key: bytes) -> pa.Table:
    """The table of `write_identity`, decrypted in memory.

    Raises:
        IdentityError: there is no identity file, the key is another one, or the file was changed.
    """
    from cryptography.exceptions import InvalidTag

    content = Root(root).read(IDENTITY)
    if content is None:
        raise IdentityError("There is no identity file yet. Publish a release.")
    pieces, cipher = _pieces(content), _cipher(key)
    try:
        opened = [
            cipher.decrypt(nonce, text, _bound(number, number == len(pieces) - 1))
            for number, (nonce, text) in enumerate(pieces)
        ]
    except InvalidTag:
        raise IdentityError(
            "The identity file does not open: its key is another one, or the file was changed. Publish a release to "
            "write it anew."
        ) from None
    return pa.concat_tables([pa.ipc.open_stream(text).read_all() for text in opened])


def _cipher(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _bound(number: int, last: bool) -> bytes:
    """What is sealed with a piece: its position, and whether it is the last."""
    return MAGIC + number.to_bytes(8, "big") + bytes([last])


def _stream(piece: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, piece.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(piece)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _pieces(content: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], len(MAGIC)
    while at < len(content):
        start = at + NONCE_BYTES + LENGTH_BYTES
        length = int.from_bytes(content[at + NONCE_BYTES : start], "big")
        found.append((content[at : at + NONCE_BYTES], content[start : start + length]))
        at = start + length
    if not content.startswith(MAGIC) or at != len(content) or not found:
        raise IdentityError("The identity file is not whole. Publish a release to write it anew.")
    return found


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise IdentityError(f"{where} is no key. A key is {KEY_BYTES} random bytes as base64.")
    return key
