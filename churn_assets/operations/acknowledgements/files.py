"""A file per acknowledged alert below CHURN_HOME/acknowledgements."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from churn_assets.durable import replace_file
from churn_assets.operations.audit.chain import record
from churn_assets.settings import Settings

FOLDER = "acknowledgements"
ALERT_ID = re.compile(r"[0-9a-f]{16}")


class AcknowledgementError(RuntimeError):
    """An acknowledgement cannot be kept or read; the message names the remedy and no place of the server."""


@dataclass(frozen=True)
class Acknowledgement:
    """Somebody takes care of an alert: which one, who, and when (UTC)."""

    alert_id: str
    by: str
    at: datetime


def acknowledge(settings: Settings, by: str, alerts: Sequence[tuple[str, str]], now: datetime) -> None:
    """Notes that somebody takes care of alerts. Whoever was first with an alert keeps it.

    Args:
        settings: where the files and the audit lie.
        by: name of the reader.
        alerts: alert_id and customer_key of each.
        now: UTC.

    Raises:
        AcknowledgementError: an id is none, or the files cannot be written.
        AuditError: the act cannot be recorded; nothing was noted of this alert and those after it.
    """
    if wrong := [alert_id for alert_id, _ in alerts if not ALERT_ID.fullmatch(alert_id)]:
        raise AcknowledgementError(
            f"{len(wrong)} of the alerts have no valid number. Choose them in the list again."
        )
    known = acknowledgements(settings)
    folder = _folder(settings)
    for alert_id, customer_key in alerts:
        if alert_id in known:
            continue
        record(settings, "alert_acknowledged", by, customer_key, customers=1, alert=alert_id)
        content = json.dumps(asdict(Acknowledgement(alert_id, by, now)), default=str)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(folder / f"{alert_id}.json", content.encode())
        except OSError as error:
            raise AcknowledgementError(
                f"Acknowledgements cannot be written now ({type(error).__name__}). Try again later."
            ) from None


def acknowledgements(settings: Settings) -> dict[str, Acknowledgement]:
    """alert_id -> its acknowledgement, of those that are kept.

    Raises:
        AcknowledgementError: one of them cannot be read.
    """
    found = {}
    for file in sorted(_folder(settings).glob("*.json")):
        if not ALERT_ID.fullmatch(file.stem):
            continue
        try:
            told = json.loads(file.read_bytes())
            found[file.stem] = Acknowledgement(file.stem, str(told["by"]), datetime.fromisoformat(told["at"]))
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise AcknowledgementError(
                f"The acknowledgement {file.stem} cannot be read ({type(error).__name__}). Remove {FOLDER}/{file.name} "
                "from CHURN_HOME, and acknowledge the alert again."
            ) from None
    return found


def forget(settings: Settings, alert_ids: Iterable[str]) -> None:
    """Removes acknowledgements that the table of alerts holds by now."""
    for alert_id in alert_ids:
        (_folder(settings) / f"{alert_id}.json").unlink(missing_ok=True)


def _folder(settings: Settings) -> Path:
    return settings.home_path / FOLDER
