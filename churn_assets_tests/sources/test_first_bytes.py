"""What kind of file some first bytes belong to, and whether the contract expects that kind."""

import gzip
import io
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_assets.contracts.odcs import FileFormat
from churn_assets.sources.first_bytes import HEAD, KindName, kind_of, unexpected

CSV = "customer_id,plan,größe\n1,basic,2\n"
PAGE = b"<!DOCTYPE HTML>\n<html><body>Please log in</body></html>\n"


def _workbook() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as book:
        book.writestr("[Content_Types].xml", "<Types/>")
    return content.getvalue()


def _parquet() -> bytes:
    content = io.BytesIO()
    pq.write_table(pa.table({"a": [1]}), content)
    return content.getvalue()


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"", "empty"),
        (CSV.encode(), "text"),
        (CSV.encode("utf-8-sig"), "text"),
        (CSV.encode("cp1252"), "text"),
        (b"<DATE>,<OPEN>\n2025-01-01,1\n", "text"),
        (b"id\x01name\n1\x01Ann\n", "text"),
        (b"a,b\x00\n", "text"),
        (PAGE, "web page"),
        (b"\n \xef\xbb\xbf<html lang=en>", "web page"),
        (b'<?xml version="1.0"?>\n<!DOCTYPE html>\n<html xmlns="x">', "web page"),
        (b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>', "xml"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00ff\nsize 79156935\n", "pointer"),
        (b"../.git/annex/objects/Wx/1/SHA256E-s1--00.csv", "pointer"),
        (b"https://example.org/datasets/churn \n", "address"),
        (b"s3://bucket/a.csv\ns3://bucket/b.csv", "address"),
        (b"[InternetShortcut]\r\nURL=https://example.org\r\n", "address"),
        (b"url,visits\nhttps://example.org,2\n", "text"),
        (b"PK\x03\x04" + bytes(60), "archive"),
        (_workbook(), "workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(60), "workbook"),
        (gzip.compress(CSV.encode()), "gz"),
        (pa.compress(CSV.encode(), "zstd", asbytes=True), "zst"),
        (b"%PDF-1.7\n", "pdf"),
        (_parquet(), "parquet"),
        (b"SQLite format 3\0", "binary"),
        (bytes(range(256)), "binary"),
        (b'{"a": 1}\n{"a": 2}\n', "json lines"),
        (b'{\n  "a": 1\n}\n', "json document"),
        (b'[\n  {"a": 1}\n]\n', "json document"),
        (b'[{"a": 1}, {"a": 2}]', "json document"),
    ],
)
def test_the_kind_is_told_by_the_first_bytes(head: bytes, name: KindName) -> None:
    assert kind_of(head[:HEAD]).name == name


@pytest.mark.parametrize(
    ("codec", "encoding"),
    [
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16LE"),
        ("utf-16-be", "UTF-16BE"),
        ("utf-32", "UTF-32"),
        ("utf-32-le", "UTF-32LE"),
        ("utf-32-be", "UTF-32BE"),
    ],
)
@pytest.mark.parametrize("text", [CSV, CSV * 200, "номер,имя,тариф\n1,Анна,базовый\n"])
def test_wide_text_is_recognised_with_and_without_a_byte_order_mark(
    codec: str, encoding: str, text: str
) -> None:
    kind = kind_of(text.encode(codec)[:HEAD])
    assert (kind.name, kind.encoding) == ("wide text", encoding)
    assert encoding in kind.remedy
    assert unexpected(text.encode(codec)[:HEAD], "csv", "UTF-8") == kind
    assert unexpected(text.encode(codec)[:HEAD], "csv", codec) is None


@pytest.mark.parametrize(
    ("head", "file_format", "encoding", "words"),
    [
        (CSV.encode(), "csv", "UTF-8", None),
        (CSV.encode("cp037"), "csv", "cp037", None),
        (CSV.encode(), "csv", "UTF-16", "a text with one byte a character"),
        (CSV.encode(), "jsonl", "UTF-8", None),
        (CSV.encode(), "parquet", "UTF-8", "a text"),
        (b'{"a": 1}\n', "csv", "UTF-8", "JSON lines"),
        (b'{"a": 1}\n', "jsonl", "UTF-8", None),
        (b'\xef\xbb\xbf{"a": 1}\n', "jsonl", "UTF-8", None),
        (b'[{"a": 1}]\n', "jsonl", "UTF-8", "a JSON array"),
        (b"[1, 2]\n", "jsonl", "UTF-8", None),
        (PAGE, "jsonl", "UTF-8", "a web page (HTML)"),
        (PAGE.decode().encode("utf-16"), "csv", "UTF-16", "a web page (HTML)"),
        (_parquet(), "csv", "UTF-8", "a Parquet file"),
        (_parquet(), "parquet", "UTF-8", None),
        (b"PARE", "parquet", "UTF-8", "an encrypted Parquet file"),
        (gzip.compress(b"a"), "csv", "UTF-8", "compressed with gzip"),
        (b"", "csv", "UTF-8", None),
    ],
)
def test_what_the_contract_does_not_expect_is_named(
    head: bytes, file_format: FileFormat, encoding: str, words: str | None
) -> None:
    found = unexpected(head[:HEAD], file_format, encoding)
    assert (found and found.words) == words
