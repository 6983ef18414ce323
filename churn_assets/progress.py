"""What a long step is doing, in words for whoever watches: logged here, shown by `display`, heard by nobody else."""

import logging

log = logging.getLogger(__name__)
log.propagate = False  # a log file keeps its own account of a run


def note(words: str) -> None:
    """Tells what the running step does now. No personal data: the words appear in terminals and CI logs."""
    log.info(words)
