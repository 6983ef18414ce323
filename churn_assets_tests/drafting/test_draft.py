"""Whole drafts: customers, roles, keys, labels and windows, of files unlike each other; all of them load."""

import gzip
import json
import random
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from churn_assets.contracts.business import Business
from churn_assets.drafting.doubt import DraftError
from churn_assets.drafting.draft import BusinessDraft
from churn_assets.drafting.features import measures
from churn_assets_tests.drafting.exports import (
    TODAY,
    business_of,
    delivered,
    drafted,
    export,
    places,
    purchases,
)

START = date(2024, 1, 1)


def test_a_shop_in_plain_csv(tmp_path: Path) -> None:
    found = drafted(purchases(tmp_path))
    business = business_of(found, tmp_path / "shop")
    [source] = delivered(business)
    assert (source.role, source.delivery, source.customer, source.event_time) == (
        "event",
        "changes",
        "customer_id",
        "day",
    )
    assert source.key == ("customer_id", "day")
    assert business.file.label.policy == "inactivity"
    assert (business.file.calendar.start, business.file.calendar.end) == ("2024-01", "2025-04")
    assert business.file.segments.value.feature.startswith("sales_amount_sum_")


def _telecom(folder: Path) -> list[Path]:
    """Customers, lines and calls in the dialect of another country: bars, month before day, names of their own."""
    random.seed(4)
    us, people = "%m/%d/%Y", 80
    starts = [START - timedelta(days=random.randint(30, 900)) for _ in range(people)]
    ends = {c: START + timedelta(days=random.randint(20, 400)) for c in range(0, people, 4)}
    for month in range(14):
        day = date(2024 + month // 12, month % 12 + 1, 28)
        stamp = f"{day:%Y%m%d}"
        export(
            folder / f"acct_{stamp}.txt",
            "AcctNo GivenName EMailAddr DOB Territory Status",
            [
                (f"A{c:04d}", "Kim", f"k{c}@example.org", "02/27/1976", "NESW"[c % 4], "on")
                for c in range(people)
            ],
            "|",
        )
        gone = {c: end for c, end in ends.items() if day - timedelta(days=31) < end <= day}
        rows = [(c, "") for c in range(people)] if month == 0 else [*gone.items()]
        export(
            folder / f"lines_{stamp}.txt",
            "LineRef Account RatePlan MRC ActivationDt TermExpiryDt DisconnectDt DisconnectReason",
            [
                (
                    f"L{c:04d}", f"A{c:04d}", ["basic", "plus"][c % 2], f"{20 + c % 9}.90", starts[c].strftime(us),
                    (starts[c] + timedelta(days=730)).strftime(us), end.strftime(us) if end else "",
                    ["price", "non_payment"][c % 8 // 4] if end else "",
                )
                for c, end in rows
            ],
            "|",
        )  # fmt: skip
        export(
            folder / f"cdr_{stamp}.txt",
            "AccountNumber UsageDay VoiceMin Drops",
            [
                (
                    f"A{c:04d}",
                    (day - timedelta(days=back)).strftime(us),
                    round(random.random() * 60, 1),
                    c % 3,
                )
                for c in range(people)
                for back in range(0, 28, 3)
                if c not in ends or ends[c] > day
            ],
            "|",
        )
    return [folder]


@pytest.fixture(scope="module")
def telecom(tmp_path_factory: pytest.TempPathFactory) -> tuple[BusinessDraft, Business]:
    folder = tmp_path_factory.mktemp("telecom")
    found = drafted(_telecom(folder / "exports"))
    return found, business_of(found, folder / "business")


def test_the_customer_goes_by_several_names(telecom: tuple[BusinessDraft, Business]) -> None:
    _, business = telecom
    assert {s.name: (s.role, s.customer, s.key) for s in delivered(business)} == {
        "acct": ("entity", "acct_no", ("acct_no",)),
        "cdr": ("event", "account_number", ("account_number", "usage_day")),
        "lines": ("spell", "account", ("line_ref",)),
    }
    assert business.source("lines").column("account").refers_to == "acct.acct_no"


def test_a_count_is_no_customer_because_another_file_has_the_same_numbers(tmp_path: Path) -> None:
    """Seats of planes and minutes of flights share all their numbers, and no column is called after a customer."""
    planes = [(f"N{p:03d}", f"{2 + p % 60}.0" if p % 9 else "") for p in range(200)]
    flights = [
        (f"2024-01-{1 + f % 28:02d}", f % 12, f"N{f % 200:03d}", 1 + f % 70, f"{f % 40 + 1}.50")
        for f in range(600)
    ]
    found = drafted(
        [
            export(tmp_path / "planes.csv", "tailnum seats", planes),
            export(tmp_path / "flights.csv", "departed month tailnum minutes fuel", flights),
        ]
    )
    assert {source.name: source.customer for source in found.sources} == {
        "planes": "tailnum",
        "flights": "tailnum",
    }
    flown = next(source for source in found.sources if source.name == "flights")
    assert [column.name for column in measures(flown)] == ["minutes", "fuel"], "nobody sums months"


def test_a_spell_and_its_policy(telecom: tuple[BusinessDraft, Business]) -> None:
    found, business = telecom
    spell = business.source("lines").spell
    assert spell is not None
    assert (spell.started_on, spell.expires_on, spell.ended_on) == (
        "activation_dt",
        "term_expiry_dt",
        "disconnect_dt",
    )
    assert (spell.end_reason, spell.voluntary_reasons) == ("disconnect_reason", ("price",))
    assert (business.file.label.policy, business.file.label.source) == ("cancellation", "lines")
    assert "involuntary: non_payment" in places(found)["contracts/lines.yaml, voluntaryReasons"]


def test_how_sources_deliver(telecom: tuple[BusinessDraft, Business]) -> None:
    _, business = telecom
    assert {s.name: s.delivery for s in delivered(business)} == {
        "acct": "full",
        "cdr": "changes",
        "lines": "changes",
    }


def test_personal_columns_are_classified_and_no_feature_reads_them(
    telecom: tuple[BusinessDraft, Business],
) -> None:
    _, business = telecom
    assert {c.name for c in business.source("acct").personal} == {"given_name", "e_mail_addr", "dob"}
    assert {f.column for f in business.features if f.source == "acct"} == {"territory"}


def test_a_history_that_is_long_enough_can_be_trained_on(telecom: tuple[BusinessDraft, Business]) -> None:
    found, business = telecom
    windows = business.file.windows
    assert (windows.observation_months, windows.gap_days, windows.outcome_days) == (6, 7, 30)
    assert not [place for place in places(found) if "calendar" in place]


def test_json_lines_with_paths(tmp_path: Path) -> None:
    for month in range(1, 10):
        lines = [
            json.dumps(
                {
                    "user": {"id": 1000 + u, "mail": f"u{u}@example.org"},
                    "at": f"2024-{month:02d}-{d:02d}T10:00:00Z",
                    "n": d,
                }
            )
            for u in range(30)
            for d in range(1, 9, 1 + u % 3)
        ]
        (tmp_path / f"visits-2024-{month:02d}.ndjson").write_text("\n".join(lines))
    business = business_of(drafted([tmp_path]), tmp_path / "business")
    [source] = delivered(business)
    assert source.format == "jsonl"
    assert (source.customer, source.column("user_id").json_path, source.column("user_id").type) == (
        "user_id",
        "$.id",
        "string",
    )
    assert [c.name for c in source.personal] == ["user_mail"]
    assert source.column("at").type == "timestamp"


def test_parquet_of_pandas(tmp_path: Path) -> None:
    for month in range(1, 10):
        days = pd.date_range(f"2024-{month:02d}-01", periods=20)
        frame = pd.DataFrame(
            {"cust": [float(n) for n in range(40)] * 20, "when": days.repeat(40), "paid": 1.5}
        )
        frame["paid"] += frame.index % 7
        frame.to_parquet(tmp_path / f"log2024{month:02d}.parquet")
    business = business_of(drafted([tmp_path]), tmp_path / "business")
    [source] = delivered(business)
    assert (source.name, source.format, source.customer, source.event_time) == (
        "log",
        "parquet",
        "cust",
        "when",
    )
    assert source.column("cust").transform == "cast(try_cast(`cust` as bigint) as string)"


def test_no_row_decides_between_day_and_month(tmp_path: Path) -> None:
    rows = [(f"C{c % 20}", f"{1 + c % 12:02d}/{1 + c % 11:02d}/2024", c) for c in range(90)]
    found = drafted([export(tmp_path / "log_2024-12-31.csv", "customer day n", rows)])
    assert "none decides" in places(found)["contracts/log.yaml, day"]
    assert "contracts/log.yaml, day" in {doubt.place for doubt in found.doubts if doubt.rank == 1}


def test_files_of_one_source_must_be_alike(tmp_path: Path) -> None:
    export(tmp_path / "log_2024-01.csv", "customer day", [("C1", "2024-01-31")] * 3)
    export(tmp_path / "log_2024-02.csv", "customer day", [("C1", "2024-02-28")] * 3, ";")
    with pytest.raises(
        DraftError,
        match=r"log_2024-01\.csv and log_2024-02\.csv seem to be one source, log, but their delimiter",
    ):
        drafted([tmp_path])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"<!DOCTYPE html><html><body>Please log in</body></html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00ff\nsize 7\n", "a pointer of Git LFS"),
        (b"PK\x03\x04" + bytes(60), "archive"),
        (b"", "an empty file"),
        (b"customer,day\n", "has a header but no rows"),
        (b"customer,day", "has a header but no rows"),
        (b'{"customer": "C1", "x": "\\ud800"}\n', "line 1 is no JSON document"),
        (
            b'{"customer": "C1", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n",
            "line 1 is no JSON document",
        ),
        (b"2024-01-31,5\n2024-02-28,6\n", "looks like data"),
    ],
)
def test_a_file_that_is_no_table(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "log.csv").write_bytes(content)
    with pytest.raises(DraftError, match=rf"(?s)log\.csv.*{says}"):
        drafted([tmp_path])


def test_compressed_data_that_are_damaged_are_told(tmp_path: Path) -> None:
    text = "customer,day\n" + "".join(f"C{n},2024-01-{1 + n % 28:02d}\n" for n in range(500))
    data = bytearray(gzip.compress(text.encode()))
    data[len(data) // 2 : len(data) // 2 + 30] = b"\xff" * 30
    (tmp_path / "log.csv.gz").write_bytes(data)
    with pytest.raises(DraftError, match=r"log\.csv\.gz cannot be read: .* Deliver it again"):
        drafted([tmp_path])


def test_parquet_columns_without_a_text_are_left_out_and_told(tmp_path: Path) -> None:
    for month in range(1, 10):
        count = 400
        days = pd.date_range(f"2024-{month:02d}-01", periods=20).repeat(count // 20)
        odd = {
            "photo": pa.array([b"\xff\xfe"] * count),
            "hash": pa.array([b"\xff" * 4] * count, pa.binary(4)),
            "took": pa.array([timedelta(seconds=n) for n in range(count)]),
        }
        rows = {"customer": [f"C{n % 40}" for n in range(count)], "day": days, "paid": [1.5] * count} | odd
        pq.write_table(pa.table(rows), tmp_path / f"log2024{month:02d}.parquet")
    found = drafted([tmp_path])
    assert [column.name for column in found.sources[0].columns] == ["customer", "day", "paid"]
    assert any("left out: photo, hash, took" in doubt.words for doubt in found.doubts)


def test_files_without_a_customer_or_a_time(tmp_path: Path) -> None:
    one = export(tmp_path / "rates.csv", "currency rate", [("EUR", 1), ("USD", 1.1)])
    with pytest.raises(DraftError, match="No column names the customer"):
        drafted([one])
    two = export(tmp_path / "people.csv", "customer_id region", [(f"C{n}", "NS"[n % 2]) for n in range(30)])
    with pytest.raises(DraftError, match="No file tells who left"):
        drafted([two])
    found = drafted([one, *purchases(tmp_path / "sales")])
    assert "no column names the customer" in places(found)["rates.csv"]


def test_one_file_of_history_says_what_it_cannot_do(tmp_path: Path) -> None:
    rows = [
        (f"C{c:02d}", START + timedelta(weeks=w), c % 7) for w in range(60) for c in range(40) if (c + w) % 3
    ]
    file = export(tmp_path / "log.csv", "customer day n", rows)
    told = places(drafted([file]))
    assert "are too few for a training" in told["churn.yaml, calendar"]
    whole = [d.words for d in drafted([file]).doubts if "all become known on one day" in d.words]
    assert len(whole) == 1
    cut = drafted([file], by_month=True)
    assert not [place for place in places(cut) if "calendar" in place]
    [source] = cut.sources
    assert [str(day) for day in source.days[:2]] == ["2024-01-31", "2024-02-29"]
    assert source.days[-1] == max(day for _, day, _ in rows)
    assert sum(sample.table.num_rows for sample in source.samples) == len(rows)


def test_a_living_business_has_no_end(tmp_path: Path) -> None:
    rows = [(f"C{n % 20}", TODAY - timedelta(days=n % 40), n) for n in range(90)]
    assert drafted([export(tmp_path / "log.csv", "customer day n", rows)]).plan.end is None


def test_personal_columns_of_one_name_and_two_types(tmp_path: Path) -> None:
    """They share a column of silver/customer_identity, so one of them gets another name."""
    people = [(f"C{n:03d}", "1970-01-31") for n in range(60)]
    export(tmp_path / "crm_2024-01-31.csv", "customer_id birth_date", people)
    export(
        tmp_path / "web_2024-01-31.csv",
        "customer_id birth_date",
        [(c, f"in {n}") for n, (c, _) in enumerate(people)],
    )
    business = business_of(
        drafted(
            [tmp_path / "crm_2024-01-31.csv", tmp_path / "web_2024-01-31.csv", *purchases(tmp_path / "in")]
        ),
        tmp_path / "b",
    )
    assert [c.name for c in business.source("crm").personal] == ["birth_date"]
    assert [c.name for c in business.source("web").personal] == ["web_birth_date"]


def test_a_source_that_grows_fast_asks_for_fewer_known_ids(tmp_path: Path) -> None:
    """Without a rule the lake refuses a month in which most ids are new."""
    for month, people in ((1, 40), (2, 90), (3, 100)):
        rows = [(f"C{n:03d}", "NS"[n % 2]) for n in range(people)]
        export(tmp_path / f"crm_2024-{month:02d}.csv", "customer_id region", rows)
    export(
        tmp_path / "log_2024-03.csv",
        "customer_id day",
        [(f"C{n % 30:03d}", f"2024-03-{1 + n % 9:02d}") for n in range(90)],
    )
    found = drafted([tmp_path])
    business = business_of(found, tmp_path / "b")
    assert {s.name: s.least_known for s in found.sources} == {"crm": pytest.approx(40 / 90), "log": None}
    rule = business.source("crm").month_rule("idOverlap")
    assert rule is not None and rule.min_share == 0.22
    assert business.source("log").month_rule("idOverlap") is None


def test_several_rows_of_a_customer_without_a_time(tmp_path: Path) -> None:
    accounts = [(f"K{n:03d}", f"C{n % 60:03d}", "NS"[n % 2]) for n in range(120)]
    file = export(tmp_path / "accounts_2024-01-31.csv", "account_ref customer_id region", accounts)
    business = business_of(drafted([file, *purchases(tmp_path / "in")]), tmp_path / "b")
    accounts_source = business.source("accounts")
    assert (accounts_source.role, accounts_source.customer, accounts_source.key) == (
        "entity",
        "customer_id",
        ("account_ref",),
    )
