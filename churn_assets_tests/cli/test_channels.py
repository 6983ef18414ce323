"""The commands `channels ...` as a person types them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from churn_assets.cli.main import cli
from churn_assets.operations.channels.outbox import Outbox
from churn_assets.settings import Settings
from churn_assets_tests.lakes import business_copy
from churn_assets_tests.operations.channels.conftest import SECRET, message
from churn_assets_tests.operations.channels.receivers import free_port


@pytest.fixture
def channels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Types `churn-assets channels ...` with a folder and a webhook that nobody listens to."""
    hook = {
        "name": "hook",
        "kind": "webhook",
        "url": f"http://127.0.0.1:{free_port()}",
        "secret": "${HOOK_SECRET}",
    }
    folder = business_copy(tmp_path, channels=[{"name": "files", "kind": "folder", "folder": "f"}, hook])
    monkeypatch.setenv("CHURN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CHURN_BUSINESS", str(folder))
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    return lambda *words: CliRunner().invoke(cli, ["channels", *words])


def test_list_before_any_message(channels: Callable[..., Result], tmp_path: Path) -> None:
    shown = channels("list").output.splitlines()
    assert shown[0] == "files (folder, tells incidents and alerts): 0 waiting"
    assert not (tmp_path / "home").exists(), "looking leaves nothing behind"


def test_test_says_whether_the_message_was_accepted(channels: Callable[..., Result], tmp_path: Path) -> None:
    good = channels("test", "files")
    assert good.exit_code == 0
    assert good.output.startswith("files accepted the message test-")
    assert len(list((tmp_path / "home" / "messages" / "f").glob("test-*.csv"))) == 1
    bad = channels("test", "hook")
    assert bad.exit_code == 1
    assert "hook did not accept the message. No answer (ConnectionRefusedError)." in bad.output
    assert "There is no channel hok. churn.yaml declares: files, hook." in channels("test", "hok").output


def test_deliver_and_retry(channels: Callable[..., Result], tmp_path: Path) -> None:
    assert channels("deliver").output == "Nothing is due.\n"
    outbox = Outbox(Settings(home=str(tmp_path / "home")).home_path)
    outbox.put([("files", False), ("hook", False), ("gone", False)], [message(1), message(2)])
    told = channels("deliver").output.splitlines()
    assert told == ["files: 2 delivered", "hook: 0 delivered. No answer (ConnectionRefusedError)."]
    listed = channels("list").output
    assert "hook (webhook, tells incidents and alerts): 2 waiting; fails since" in listed
    assert "gone (no longer declared in churn.yaml): 2 waiting" in listed
    assert channels("deliver").output == "Nothing is due.\n"
    assert channels("retry", "hook").output == "2 messages are due now.\n"


def test_without_channels_it_says_so(
    channels: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_BUSINESS", "telecom")
    assert channels("list").output == "churn.yaml declares no channels; docs/churn-yaml.md shows how.\n"
