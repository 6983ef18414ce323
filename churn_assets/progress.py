"""Progress of long steps. Messages go to the logger of this module only; `reporting.progress_display` shows them."""

import logging

log = logging.getLogger(__name__)
log.propagate = False  # log files of a run contain no progress messages


def note(words: str) -> None:
    """Logs what the running step does now. No personal data: the message appears in terminals and CI logs."""
    log.info(words)
