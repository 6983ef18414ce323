"""The checks of the doctor on what is declared, delivered and kept: business, landing zone, months, runs, stores."""

from churn_assets.cli.doctor_finding import Finding
from churn_assets.counts import counted, form
from churn_assets.settings import Settings, is_uri

SHOWN_FILES = 10  # of a source


def check_business(settings: Settings) -> Finding:
    """Checks that churn.yaml and the contracts can be read and fit each other."""
    from churn_assets.contracts.loader import load_business

    try:
        business = load_business(settings.business_path)
    except (FileNotFoundError, ValueError) as error:
        return Finding("business", "fail", str(error), "Correct the named file, or CHURN_BUSINESS.")
    return Finding("business", "ok", f"{settings.business_path}: {len(business.sources)} sources")


def check_sql(settings: Settings) -> Finding:
    """Checks whether the SQL of the business is proven to mean the same on Spark and on Sail."""
    from churn_assets.contracts.loader import load_business

    try:
        differences = load_business(settings.business_path).sql_differences
    except (FileNotFoundError, ValueError):
        return Finding("sql", "warn", "not checked: there is no valid business")
    if not differences:
        return Finding("sql", "ok", "means the same on Spark and on Sail")
    places = dict.fromkeys(f"{d.file.name}:{d.line}: {d.problem}" for d in differences)
    shown = [*places][:SHOWN_FILES] + (
        [f"and {len(places) - SHOWN_FILES} more"] if len(places) > SHOWN_FILES else []
    )
    if settings.engine == "sail":
        what = "\n".join(["refused by CHURN_ENGINE=sail; not proven to mean the same as on Spark:", *shown])
        return Finding(
            "sql", "fail", what, "Write what `churn-assets check` names instead, or set CHURN_ENGINE=spark."
        )
    what = "\n".join(["computed by Spark; not proven to mean the same on Sail:", *shown])
    return Finding("sql", "ok", what, "For Sail, write what `churn-assets check` names instead.")


def check_landing(settings: Settings) -> Finding:
    """Checks for files that nothing reads: by their month, their name, or the folder that they are in."""
    from churn_assets.contracts.loader import load_business
    from churn_assets.sources.landing import list_everything, unclaimed

    landing = settings.landing_uri
    try:
        business = load_business(settings.business_path)
    except (FileNotFoundError, ValueError):
        return Finding("landing", "warn", "not checked: there is no valid business to compare it with")
    first, last = business.file.calendar.start, business.file.calendar.end
    refused: list[str] = []
    unread: list[str] = []
    remedies: dict[str, None] = {}
    count = 0
    for source in business.sources:
        listing = list_everything(landing, source)
        refused += [str(file.error) for file in listing.refused]
        count += len(listing.files)
        if outside := sum(f.month < first or (last is not None and f.month > last) for f in listing.files):
            span, lie = f"{first} to {last}" if last else f"from {first} on", form(outside, "lies", "lie")
            unread.append(
                f"{source.name}: {outside:,} of {len(listing.files):,} files {lie} outside the calendar, {span}"
            )
            remedies["Move calendar.start or calendar.end in churn.yaml, or remove the files."] = None
        if listing.not_read:
            unread += [f"{name}: {reason}" for name, _, reason in listing.not_read[:SHOWN_FILES]]
            if len(listing.not_read) > SHOWN_FILES:
                unread.append(f"... and {len(listing.not_read) - SHOWN_FILES:,} more of {source.name}")
            remedies[
                "Rename files that hold rows; such names are for files that are still being written."
            ] = None
    if unknown := unclaimed(landing, business.sources):
        unread.append(f"no contract names {', '.join(unknown)}")
        remedies["Rename folders as the contract of their source names them, or write a contract."] = None
    if refused:
        return Finding(
            "landing", "fail", "\n".join(refused + unread), "Fix the problems that the messages name."
        )
    if unread:
        return Finding(
            "landing",
            "warn",
            f"files that nothing reads, in {landing}:\n" + "\n".join(unread),
            " ".join(remedies),
        )
    return Finding("landing", "ok", f"{counted(count, 'file')} in {landing}")


def check_known(settings: Settings) -> Finding:
    """Checks for months that have not passed silver, so that nothing is computed from them."""
    from churn_assets.cli.known_until import delivered_once, lines, not_known, remedy, states_of
    from churn_assets.contracts.loader import load_business
    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.silver.today import today_of

    name = "known until"
    try:
        business = load_business(settings.business_path)
    except (FileNotFoundError, ValueError):
        return Finding(name, "warn", "not checked: there is no valid business, so its sources are unknown")
    lakehouse = Lakehouse(settings)
    states = states_of(lakehouse, business)
    if not states:
        return Finding(name, "ok", "nothing has passed silver yet")
    if missing := not_known(business, states, today_of(lakehouse, business)):
        return Finding(name, "warn", "\n".join(lines(states, missing)), remedy(missing))
    until = min(state.until for state in states if state.until)
    old = [f"{state.source} was {age}" for state in states if (age := delivered_once(state))]
    found = f"every source until {until}, or until its newest month that is due"
    return Finding(name, "ok", "; ".join([found, *old]))


def check_sources(settings: Settings) -> Finding:
    """Checks a sample of each source as `churn-assets check` does; tells no delivered value."""
    from churn_assets.cli.check import in_short

    status, what = in_short(settings)
    remedy = "" if status == "ok" else "`churn-assets check` shows examples and remedies."
    return Finding("sources", status, what, remedy)


def check_origins(settings: Settings) -> Finding:
    """Checks that the address of each source that is asked can be made up; connects to none."""
    from churn_assets.contracts.loader import load_business
    from churn_assets.extracts.asking import check_address
    from churn_assets.sources.live.errors import ExtractError

    try:
        business = load_business(settings.business_path)
    except (FileNotFoundError, ValueError):
        return Finding("asked sources", "warn", "not checked: there is no valid business")
    asked = [source for source in business.sources if source.origin]
    wrong = []
    for source in asked:
        try:
            check_address(source)
        except ExtractError as error:
            wrong.append(f"{source.name}: {error}")
    if wrong:
        return Finding("asked sources", "fail", "\n".join(wrong))
    told = f"the address of {counted(len(asked), 'source')} is known; no connection was tried"
    return Finding("asked sources", "ok", told if asked else "none; all are delivered as files")


def check_findings(settings: Settings) -> Finding:
    """Lists what the checks of silver found in the newest month, and counts what they found before."""
    from churn_assets.cli.findings import open_findings
    from churn_assets.lakehouse.lakehouse import Lakehouse
    from churn_assets.silver.findings import told

    if is_uri(settings.lake_uri):
        return Finding("findings", "ok", "not read: without Spark, only a lake on this machine can be read")
    found = open_findings(Lakehouse(settings))
    if not found.month:
        return Finding("findings", "ok", "no month has passed silver yet")
    before = f"{len(found.earlier):,} in earlier months: see `churn-assets summary --full`"
    lines = [told(row) for row in found.newest] or [f"none in {found.month}"]
    lines += [before] if found.earlier else []
    return Finding("findings", "warn" if found.newest or found.earlier else "ok", "\n".join(lines))


def check_audit(settings: Settings) -> Finding:
    """Verifies the chain of the audit, also against what the log and the lake tell of it."""
    from churn_assets.cli.audit import ELSEWHERE, lake_witness
    from churn_assets.operations.audit.verification import verify

    witnesses, unread = lake_witness(settings)
    found = verify(settings, *witnesses)
    if found.damage:
        return Finding(
            "audit",
            "fail",
            f"not intact: {counted(len(found.damage), 'finding')}",
            "`churn-assets audit verify` shows them. Find out who changed it.",
        )
    unread += found.unread
    elsewhere = [ELSEWHERE] if is_uri(settings.lake_uri) else []
    told = "\n".join([f"intact: {counted(found.records, 'record')}", *unread, *elsewhere, *found.unknown])
    if unread:
        return Finding("audit", "warn", told, "Make readable what the message names.")
    return Finding("audit", "ok", told)


def check_runs(settings: Settings) -> Finding:
    """Checks for runs of killed processes, and marks them as failed: sensors wait for a run that seems to go on."""
    from churn_assets.abandoned_runs import end_abandoned_in, told

    if ended := end_abandoned_in(settings):
        return Finding("runs", "warn", "\n".join(told(run) for run in ended))
    return Finding("runs", "ok", "none was killed since the last look")


def check_home(settings: Settings) -> Finding:
    """Checks whether the home was moved or copied since MLflow wrote its paths down."""
    from churn_assets.tracking.moved_home import former_roots, lost_roots, told_lost, way_to_bring

    artifacts = settings.mlflow_artifacts
    if lost := lost_roots(settings.mlflow_uri, artifacts):
        return Finding("home", "fail", told_lost(lost[0], artifacts), way_to_bring(artifacts))
    if former := former_roots(settings.mlflow_uri, artifacts):
        what = f"moved or copied: MLflow names {', '.join(former)}; the next command that uses a model corrects this"
        return Finding("home", "ok", what)
    return Finding("home", "ok", "all paths lead into this home")


def check_stores(settings: Settings) -> Finding:
    """Checks that everything in CHURN_HOME is in the catalogue."""
    from churn_assets.contracts.loader import load_business
    from churn_assets.lakehouse.stores import unregistered

    try:
        business = load_business(settings.business_path)
    except (FileNotFoundError, ValueError):
        return Finding("stores", "warn", "not checked: there is no valid business, so its tables are unknown")
    if unknown := unregistered(settings.home_path, business):
        return Finding(
            "stores",
            "warn",
            f"not in the catalogue, in {settings.home_path}: {', '.join(unknown)}",
            "Move your own files and the tables of another business elsewhere: no erasure and no backup covers them.",
        )
    return Finding("stores", "ok", f"all of {settings.home_path} is in the catalogue")
