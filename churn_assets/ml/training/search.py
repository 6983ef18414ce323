"""Hyper-parameter search by Optuna, by mean AUC over rolling origins within the train part.

An origin is a train cohort that is scored by a model fitted on cohorts whose outcomes were known on its date. The
search never uses the training's validation and test cohorts, so their figures stay unbiased.

A journal file receives each trial: a restarted search of the same training continues after the last finished trial and
finds the same result as without the interruption. Trial 0 uses the candidate's defaults. Other settings replace them
only if they are better by more than one standard error over the origins.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from churn_assets.ml.candidates.candidate import Candidate, Engine, TrainingPart, engine_of
from churn_assets.ml.metrics.classification import MINIMUM_POSITIVES, auc_interval
from churn_assets.ml.portable.transformation import Transformation
from churn_assets.ml.training.learner import Learner, training_part
from churn_assets.ml.training.split import Split
from churn_assets.reporting.words import spoken

if TYPE_CHECKING:
    import optuna

ORIGINS = 3
MINIMUM_ORIGINS = 2  # one alone has no standard error
RANDOM_TRIALS = 8  # before the sampler uses the results of earlier trials
Settings = dict[str, float]


@dataclass(frozen=True)
class Trial:
    """One trial of one setting.

    Attributes:
        candidate: name from CANDIDATES.
        number: from 0; trial 0 uses the defaults.
        settings: hyper-parameter -> value.
        aucs: judged cohort -> ROC-AUC, oldest first; incomplete if the trial was given up.
        given_up: whether it was stopped early because earlier trials were better up to that origin.
        seconds: wall time.
    """

    candidate: str
    number: int
    settings: Settings
    aucs: dict[date, float]
    given_up: bool
    seconds: float


@dataclass(frozen=True)
class Found:
    """The result of the search for one candidate.

    Attributes:
        settings: hyper-parameters to use; the defaults unless better ones were found.
        improved: whether they are better than the defaults.
        why: the reason in words, with figures.
    """

    candidate: str
    settings: Settings
    improved: bool
    why: str


@dataclass(frozen=True)
class Search:
    """Settings of a search.

    Attributes:
        trials: number per candidate, including the defaults.
        file: journal of the trials, created if missing; one per training, see the module docstring.
        seconds: time of all candidates together, shared evenly; a running trial is completed. None: no limit.
        on_trial: called with each new trial.
    """

    trials: int
    file: Path
    seconds: float | None = None
    on_trial: Callable[[Trial], None] = field(default=lambda trial: None, repr=False)


@dataclass(frozen=True)
class _Origin:
    """A judged cohort and the rows to learn from, as matrices; `digest` is the digest of all their values."""

    day: date
    part: TrainingPart
    matrix: np.ndarray[Any, np.dtype[np.float64]]
    labels: np.ndarray[Any, np.dtype[np.float64]]
    digest: str


def rolling_origins(split: Split) -> list[tuple[tuple[date, ...], date]]:
    """Returns up to ORIGINS of the newest (cohorts to learn from, cohort to judge), oldest first.

    All are in the train part. The outcomes of the cohorts to learn from were known (gap + outcome window) on the date
    of the judged cohort, and those of the judged cohort on the date of the first validation cohort.
    """
    begin = min(*split.validation, split.test)
    known = [day for day in split.train if day + split.horizon <= begin]
    found = [(tuple(d for d in known if d + split.horizon <= day), day) for day in known]
    return [(learned, day) for learned, day in found if learned][-ORIGINS:]


def tuned(
    frame: pd.DataFrame,
    split: Split,
    names: Sequence[str],
    learner: Learner,
    search: Search,
    progress: Callable[[str], None] = lambda message: None,
) -> tuple[Found, ...]:
    """Search the hyper-parameters of each candidate with a non-empty `space`.

    Args:
        frame: customer_key, as_of_date, label and the features; cohorts outside the origins are ignored.
        split: of the training that follows.
        names: candidates.
        learner: features, seed, engine and candidates; trial 0 uses these candidates' settings.
        progress: receives a line per better trial and one per candidate.

    Returns:
        One result per searched candidate; none if the history is too short for MINIMUM_ORIGINS origins.
    """
    searched = [name for name in names if learner.candidates[name].space]
    with ExitStack() as stack:
        origins = _origins(frame, split, learner, stack)
        if searched and len(origins) < MINIMUM_ORIGINS:
            progress(
                f"no search: it takes {MINIMUM_ORIGINS} cohorts with enough churners before the validation part that "
                f"can be judged by earlier ones, and there are {len(origins)}"
            )
            return ()
        share = None if search.seconds is None else search.seconds / max(1, len(searched))
        return tuple(_searched(name, origins, learner, search, share, progress) for name in searched)


def _origins(frame: pd.DataFrame, split: Split, learner: Learner, stack: ExitStack) -> list[_Origin]:
    days = pd.to_datetime(frame["as_of_date"])
    found = []
    for learned, day in rolling_origins(split):
        taught = frame[days.isin(pd.to_datetime(list(learned)))]
        judged = frame[days == pd.Timestamp(day)]
        kinds = [
            count for rows in (taught, judged) for count in (rows["label"].sum(), (1 - rows["label"]).sum())
        ]
        if min(kinds) < MINIMUM_POSITIVES:
            continue
        transformation = Transformation.fit(taught, learner.features)
        part = stack.enter_context(training_part(taught, transformation, learner))
        matrix, labels = transformation.transform(judged), judged["label"].to_numpy(np.float64)
        digest = _digest(part.matrix, part.labels, part.customers, matrix, labels)
        found.append(_Origin(day, part, matrix, labels, digest))
    return found


def _digest(*arrays: NDArray[Any] | None) -> str:
    """Digest of values and shapes. It depends on the order of rows, because learners sample by position."""
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(str(array.shape).encode())
            # a matrix is in Fortran order, so the transpose needs no copy
            digest.update(np.ascontiguousarray(array.T).data)
    return digest.hexdigest()


def _searched(
    name: str,
    origins: Sequence[_Origin],
    learner: Learner,
    search: Search,
    seconds: float | None,
    progress: Callable[[str], None],
) -> Found:
    import optuna
    from optuna.trial import TrialState

    candidate = learner.candidates[name]
    defaults = {key: getattr(candidate, key) for key in candidate.space}
    study = _study(search.file, _name(name, candidate, origins, learner))
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)  # left by a killed process
    while True:
        finished = _finished(study)
        spent = sum(trial.duration.total_seconds() for trial in finished if trial.duration)
        if len(finished) >= search.trials or (finished and seconds is not None and spent >= seconds):
            break
        if not finished and not study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            study.enqueue_trial(defaults)
        # The seed depends on the number of finished trials, so an interrupted search continues with the same trial.
        study.sampler = optuna.samplers.TPESampler(
            seed=learner.seed + len(finished), n_startup_trials=RANDOM_TRIALS
        )
        tried = _try(study, name, candidate, origins, learner, len(finished))
        search.on_trial(tried)
        mean = float(np.mean(list(tried.aucs.values())))
        if not tried.given_up and all(mean > (trial.value or 0.0) for trial in finished):
            what = "defaults" if tried.number == 0 else _text(tried.settings)
            progress(f"search of {name}, trial {tried.number}: AUC {mean:.4f} with {what}")
    found = _verdict(name, defaults, study)
    progress(found.why)
    return found


def _try(
    study: "optuna.Study",
    name: str,
    candidate: Candidate,
    origins: Sequence[_Origin],
    learner: Learner,
    number: int,
) -> Trial:
    """Run one trial over the origins, newest last; stop it if its mean so far is below the median of earlier trials."""
    from optuna.trial import TrialState

    started = time.perf_counter()
    trial = study.ask(_distributions(candidate))
    changed: Any = replace(candidate, **trial.params)  # type: ignore[type-var]
    aucs: dict[date, float] = {}
    given_up = False
    for step, origin in enumerate(origins):
        part = replace(origin.part, engine=_engine(candidate, origin, learner))
        scorer = changed.fit(part)
        aucs[origin.day] = auc_interval(origin.labels, scorer.predict(origin.matrix))[0]
        trial.set_user_attr("aucs", list(aucs.values()))
        trial.report(float(np.mean(list(aucs.values()))), step)
        if step < len(origins) - 1 and trial.should_prune():
            given_up = True
            break
    if given_up:
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, float(np.mean(list(aucs.values()))))
    return Trial(name, number, dict(trial.params), aucs, given_up, time.perf_counter() - started)


def _verdict(name: str, defaults: Settings, study: "optuna.Study") -> Found:
    """Returns the best trial if it beats the defaults by more than one standard error of the paired differences."""
    from optuna.trial import TrialState

    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    first, best = complete[0], max(complete, key=lambda trial: (trial.value or 0.0, -trial.number))
    said = f"search of {name}, {len(_finished(study))} trials"
    if best.number == first.number:
        return Found(name, defaults, False, f"{said}: the defaults are best")
    difference = np.array(best.user_attrs["aucs"]) - np.array(first.user_attrs["aucs"])
    gain, error = float(difference.mean()), float(difference.std(ddof=1) / len(difference) ** 0.5)
    figures = f"gain {gain:+.4f} of AUC, standard error {error:.4f} over {len(difference)} origins"
    if gain <= error:
        return Found(name, defaults, False, f"{said}: the defaults stay ({figures})")
    return Found(name, dict(best.params), True, f"{said}: {_text(best.params)} ({figures})")


def _finished(study: "optuna.Study") -> "list[optuna.trial.FrozenTrial]":
    """Returns completed and pruned trials, in order; not those of killed processes."""
    from optuna.trial import TrialState

    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _distributions(candidate: Candidate) -> "dict[str, optuna.distributions.BaseDistribution]":
    from optuna.distributions import FloatDistribution, IntDistribution

    return {
        name: IntDistribution(of.low, of.high, log=of.log)
        if isinstance(of.low, int) and isinstance(of.high, int)
        else FloatDistribution(of.low, of.high, log=of.log)
        for name, of in candidate.space.items()
    }


def _study(file: Path, name: str) -> "optuna.Study":
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    file.parent.mkdir(parents=True, exist_ok=True)
    pruner = optuna.pruners.MedianPruner(n_startup_trials=RANDOM_TRIALS // 2)
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(file))),
        study_name=name,
        direction="maximize",
        pruner=pruner,
        load_if_exists=True,
    )


def _engine(candidate: Candidate, origin: _Origin, learner: Learner) -> Engine:
    """Where a candidate is fitted for an origin."""
    return engine_of(candidate, learner.engine, len(origin.part.labels))


def _name(name: str, candidate: Candidate, origins: Sequence[_Origin], learner: Learner) -> str:
    """Name of the study: the candidate and a digest of everything that its figures depend on.

    With other rows, ranges, settings or another engine the search starts from trial 0.
    """
    told: Mapping[str, Any] = {
        "space": {key: [of.low, of.high, of.log] for key, of in candidate.space.items()},
        "candidate": repr(candidate),  # all its settings, including those outside the space
        "features": list(learner.features),
        "seed": learner.seed,
        "origins": [
            [origin.day.isoformat(), origin.digest, _engine(candidate, origin, learner)] for origin in origins
        ],
    }
    return f"{name} {hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]}"


def _text(settings: Mapping[str, float]) -> str:
    return ", ".join(f"{spoken(name)} {value:.4g}" for name, value in settings.items())
