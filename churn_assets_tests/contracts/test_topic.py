"""The server of a contract that is a topic of Kafka: what it may say, and how mistakes are told."""

from pathlib import Path

import pytest

from churn_assets.contracts.mistakes import DeclarationErrors
from churn_assets.contracts.topic import SourceTopic
from churn_assets_tests.sources.topics.events import topic_contract


@pytest.mark.parametrize(
    ("host", "delivery", "own", "told"),
    [
        ("a:Kanarienvogel@h:9092", "changes", {}, "the host is an address"),
        ("h:9092", "changes", {"protection": "sasl_ssl", "user": "a"}, "`sasl_ssl` needs a password"),
        ("h:9092", "changes", {"password": "${X}"}, "nobody logs in with `plaintext`"),
        (
            "h:9092",
            "changes",
            {"protection": "sasl_ssl", "user": "a", "password": "Kanarienvogel"},
            "a secret does not stand in a file",
        ),
        ("h:9092", "full", {}, "a topic never holds all rows"),
        ("h:9092", "changes", {"protecton": "ssl"}, "did you mean protection?"),
        ("h:9092", "changes", {"engine": "sparc"}, "engine"),
    ],
)
def test_a_mistake_is_told_without_the_secret(
    tmp_path: Path, host: str, delivery: str, own: dict[str, str], told: str
) -> None:
    with pytest.raises(DeclarationErrors) as error:
        topic_contract(tmp_path, host, "calls", delivery, **own)
    assert told in str(error.value) and "Kanarienvogel" not in str(error.value)


def test_extracts_of_a_topic_are_json_lines_below_the_name_of_the_source(tmp_path: Path) -> None:
    source = topic_contract(tmp_path, "${BROKERS}", "calls")
    assert (source.path, source.format) == ("calls", "jsonl")
    assert isinstance(source.origin, SourceTopic) and source.origin.what == "the topic calls"
