"""Opens an extract file: its bytes without compression, and its text as UTF-8."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pyarrow as pa

from churn_assets.contracts.source import Compression, Source
from churn_assets.settings import filesystem
from churn_assets.sources.delivered_text import Bytes, CsvUtf8, Utf8
from churn_assets.sources.first_bytes import HEAD, kind_of, unexpected
from churn_assets.sources.landing import ExtractFile, LandingError

ARROW_NAMES: dict[Compression, str] = {"gz": "gzip", "zst": "zstd"}
CUT, DAMAGED = "Truncated", ("zlib inflate failed", "ZSTD decompress failed")  # Arrow's messages


class _Content:
    """The bytes of a file; errors of its decompression name the file."""

    def __init__(self, stream: pa.NativeFile, file: ExtractFile) -> None:
        self.stream, self.file = stream, file

    def read(self, size: int, /) -> bytes:
        """At most so many of the next bytes; none at the end.

        Raises:
            LandingError: the compressed data break off or are damaged.
        """
        try:
            return bytes(self.stream.read(size))
        except OSError as error:
            if CUT in str(error):
                raise LandingError(
                    f"{self.file.name} ends in the middle of its {self.file.compression} data: the file is cut off. "
                    "Deliver it again."
                ) from error
            if not any(words in str(error) for words in DAMAGED):
                raise
            raise LandingError(
                f"{self.file.name}: its {self.file.compression} data are damaged. Deliver it again."
            ) from error


@contextmanager
def open_bytes(file: ExtractFile) -> Iterator[Bytes]:
    """The content of a file without its compression.

    Raises:
        LandingError: the compressed data break off or are damaged, as soon as they are read.
    """
    fs, path = filesystem(file.path)
    compression = ARROW_NAMES[file.compression] if file.compression else None
    with fs.open_input_stream(path, compression=compression) as stream:
        yield _Content(stream, file)


@contextmanager
def open_utf8(
    source: Source, file: ExtractFile, ending: str = "", instead: Mapping[str, str] | None = None
) -> Iterator[Utf8]:
    """The text of a file as UTF-8: JSON lines (see `Utf8`) or CSV (see `CsvUtf8`, which uses `instead`)."""
    with open_bytes(file) as content:
        if source.format == "csv":
            yield CsvUtf8(content, source.encoding, ending, instead)
        else:
            yield Utf8(content, source.encoding, ending)


@contextmanager
def open_text(source: Source, file: ExtractFile) -> Iterator[io.TextIOWrapper]:
    """`open_utf8` as characters."""
    with open_utf8(source, file) as text:
        yield io.TextIOWrapper(io.BufferedReader(text), encoding="utf-8", newline="")


def first_bytes(file: ExtractFile) -> bytes:
    """The first HEAD bytes of the content.

    Raises:
        LandingError: the file is not compressed as its name or its contract says.
    """
    fs, path = filesystem(file.path)
    with fs.open_input_stream(path, compression=None) as stream:
        head: bytes = stream.read(HEAD)
    if not file.compression:
        return head
    kind = kind_of(head)
    if kind.name == "empty":
        raise LandingError(
            f"{file.name} is empty, without even {file.compression} data: the file is cut off. Deliver it again."
        )
    if kind.name != file.compression:
        raise LandingError(
            f"{file.name} is {kind.words}, not {file.compression} data. "
            "Correct its name or `compression` in the contract's server."
        )
    with open_bytes(file) as content:
        return content.read(HEAD)


def refuse_other_kinds(source: Source, file: ExtractFile) -> None:
    """Looks at the first bytes of a file.

    Raises:
        LandingError: they belong to a file of another kind than the contract says, such as a web page or a workbook;
            names the kind and the remedy.
    """
    if kind := unexpected(first_bytes(file), source.format, source.encoding):
        raise LandingError(f"{file.name} is {kind.words}, not {source.format}. {kind.remedy}")
