"""The kept jars are the tested ones, or nothing starts. The jars are small ones; servers, TLS and proxies are real."""

import hashlib
import multiprocessing
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from churn_assets.lakehouse.engine import download, jars
from churn_assets.lakehouse.engine.jars import (
    DELTA_JARS,
    JarsError,
    check_source,
    delta_jars,
    jar_problem,
    jar_problems,
    jars_folder,
)
from churn_assets.lakehouse.engine.processes import module_environment
from churn_assets.settings import MAVEN_CENTRAL, Settings
from churn_assets_tests.lakehouse.engine.servers import (
    CONTENT,
    Authority,
    Server,
    body,
    broken_off,
    connect_proxy,
    https_server,
    silent,
    small_jars,
    status,
)

NAMES = [jar.file_name for jar in DELTA_JARS]
SURROUNDINGS = (
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "DEFAULT_ARTIFACT_REPOSITORY"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small jars, short pauses, and nothing of the certificates and proxies of whoever runs the tests."""
    for name in SURROUNDINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(jars, "DELTA_JARS", small_jars())
    monkeypatch.setattr(download, "PAUSES", (0.01, 0.01))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(authority: Authority) -> Iterator[Server]:
    with https_server(authority) as running:
        for jar in small_jars():
            running.answers[f"/maven/{jar.path}"] = [body(CONTENT[jar.artifact])]
        yield running


@pytest.fixture
def trusted(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))


@pytest.fixture
def settings(tmp_path: Path, server: Server) -> Settings:
    return Settings(home=str(tmp_path), jars=str(tmp_path / "kept"), maven=f"{server.address}/maven/")


def fetched(settings: Settings) -> bool:
    return [path.read_bytes() for path in delta_jars(settings)] == list(CONTENT.values())


def failed(settings: Settings) -> tuple[str, str, str]:
    """The three lines of the error; nothing is left in the folder."""
    with pytest.raises(JarsError) as error:
        delta_jars(settings)
    assert [path.name for path in jars_folder(settings).iterdir()] == [".lock"]
    assert error.value.__suppress_context__  # Dagster shows the first cause
    reason, looked, remedy = str(error.value).splitlines()
    assert str(jars_folder(settings)) in looked
    assert "CHURN_MAVEN" in remedy
    assert all(name in remedy for name in NAMES)
    return reason, looked, remedy


def test_the_default_is_maven_central_or_what_spark_would_take(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().maven == MAVEN_CENTRAL
    monkeypatch.setenv("DEFAULT_ARTIFACT_REPOSITORY", "https://mirror.example.com/spark")
    assert Settings().maven == "https://mirror.example.com/spark"
    monkeypatch.setenv("CHURN_MAVEN", "https://mirror.example.com/own")
    assert Settings().maven == "https://mirror.example.com/own"


@pytest.mark.usefixtures("trusted")
def test_jars_are_fetched_once(server: Server, settings: Settings) -> None:
    assert fetched(settings)
    assert fetched(settings)
    assert [path for _, path, _ in server.asked] == [f"/maven/{jar.path}" for jar in jars.DELTA_JARS]
    assert sorted(path.name for path in jars_folder(settings).iterdir()) == [".lock", *NAMES]


def test_jars_copied_by_hand_need_no_network(server: Server, settings: Settings) -> None:
    jars_folder(settings).mkdir(parents=True)
    for jar in jars.DELTA_JARS:
        (jars_folder(settings) / jar.file_name).write_bytes(CONTENT[jar.artifact])
    assert fetched(settings)
    assert server.asked == []


@pytest.mark.usefixtures("trusted")
def test_a_corrupt_jar_is_noticed_and_fetched_again_alone(server: Server, settings: Settings) -> None:
    storage = delta_jars(settings)[1]
    storage.write_bytes(b"half a ja")
    assert "SHA-256 is" in jar_problem(storage, jars.DELTA_JARS[1])
    server.asked.clear()
    assert fetched(settings)
    assert [path for _, path, _ in server.asked] == [f"/maven/{jars.DELTA_JARS[1].path}"]


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_of_a_file(
    variable: str, authority: Authority, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, str(authority.ca))
    assert fetched(settings)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl tells the hash of the certificate")
@pytest.mark.parametrize("variable", ["SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"])
def test_certificates_of_a_folder(
    variable: str, authority: Authority, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "certificates"
    folder.mkdir()
    said = subprocess.check_output(["openssl", "x509", "-hash", "-noout", "-in", authority.ca], text=True)
    monkeypatch.setenv(variable, str(folder))
    shutil.copy(authority.ca, folder / "company.pem")
    assert f"{variable}={folder} (no certificate is named by its hash there" in failed(settings)[1]
    (folder / f"{said.strip()}.0").symlink_to("company.pem")
    assert fetched(settings)


def test_an_untrusted_certificate_is_told_with_what_is_trusted(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "no.pem"
    text.write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(text))
    reason, looked, remedy = failed(settings)
    assert "the certificate of localhost:" in reason
    assert "is not trusted" in reason
    assert f"SSL_CERT_FILE={tmp_path / 'absent.pem'} (does not exist)" in looked
    assert f"REQUESTS_CA_BUNDLE={text} (holds no certificate in PEM format)" in looked
    assert "set SSL_CERT_FILE to the PEM file with the CA of your company" in remedy


def test_a_certificate_for_another_host_is_not_a_missing_authority(
    server: Server, settings: Settings, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    other = settings.model_copy(update={"maven": f"https://127.0.0.2:{server.port}/maven"})
    with connect_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.host}")
        proxy.elsewhere = f"localhost:{server.port}"
        reason, _, remedy = failed(other)
    assert "is not valid (IP address mismatch" in reason
    assert "SSL_CERT_FILE" not in remedy


def test_the_command_prints_three_lines(settings: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "churn_assets.lakehouse.engine.jars"],
        env=module_environment(CHURN_JARS=str(settings.jars), CHURN_MAVEN=settings.maven),
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert [line.partition(" ")[0] for line in done.stderr.splitlines()] == [
        *("Fetching", "No", "Looked", "Remedy:"),
    ]


@pytest.mark.usefixtures("trusted")
def test_ctrl_c_ends_the_command_without_a_traceback(server: Server, settings: Settings) -> None:
    server.answers[f"/maven/{jars.DELTA_JARS[0].path}"] = [silent(20)]
    with subprocess.Popen(
        [sys.executable, "-m", "churn_assets.lakehouse.engine.jars"],
        env=module_environment(CHURN_JARS=str(settings.jars), CHURN_MAVEN=settings.maven),
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr
        said = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        said += process.stderr.read()
    assert (process.returncode, said) == (130, f"Fetching {NAMES[0]}\n")


@pytest.mark.usefixtures("trusted")
def test_the_way_through_a_proxy(
    server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with connect_proxy() as proxy:
        proxy.credentials = "me:p@ss"
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:wrong@{proxy.host}")
        reason, looked, remedy = failed(settings)
        assert reason.startswith(f"No Delta jars: the proxy {proxy.host} wants credentials (407")
        assert f"through the proxy {proxy.host}," in looked
        assert "HTTPS_PROXY=http://user:password@host:port" in remedy
        assert "wrong" not in reason + looked + remedy
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss@{proxy.host}")
        assert fetched(settings)
        assert proxy.connected == [f"localhost:{server.port}"] * 2
        monkeypatch.setenv("NO_PROXY", "example.org,localhost")
        assert fetched(settings.model_copy(update={"jars": str(tmp_path / "direct")}))
        assert len(proxy.connected) == 2


def test_a_proxy_that_is_not_there(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with connect_proxy() as proxy:
        host = proxy.host
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@{host}")
    reason, looked, remedy = failed(settings)
    assert f"the connection to the proxy {host} failed: Connection refused" in reason
    assert "correct HTTPS_PROXY" in remedy
    assert "secret" not in reason + looked + remedy


@pytest.mark.parametrize("proxy", ["http:/me:secret@proxy", "http://me:secret@localhost:1x"])
def test_a_proxy_that_is_no_address(proxy: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    lines = failed(settings)
    assert "its address is not valid" in lines[0]
    assert not any("sec" in line or "ret@" in line for line in lines)


@pytest.mark.usefixtures("trusted")
def test_credentials_of_the_mirror_go_to_the_mirror_and_nowhere_else(
    server: Server, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = (f"/maven/{jar.path}" for jar in jars.DELTA_JARS)
    server.answers["/elsewhere"] = server.answers[first]
    server.answers[first] = [status(503), status(302, Location=f"https://127.0.0.1:{server.port}/elsewhere")]
    server.answers[second] = [status(403)]
    own = settings.model_copy(update={"maven": settings.maven.replace("//", "//me:p%40ss-word@")})
    with pytest.raises(JarsError) as error:
        delta_jars(own)
    basic = "Basic bWU6cEBzcy13b3Jk"  # me:p@ss-word
    assert server.asked == [
        *[("localhost", first, basic)] * 2,
        ("127.0.0.1", "/elsewhere", None),
        ("localhost", second, basic),
    ]
    assert "answers 403 Forbidden" in error.value.reason
    assert "user:password@" in error.value.remedy
    assert "answers 503" in caplog.text
    assert not any("ss-word" in text for text in (str(error.value), caplog.text, repr(own)))


@pytest.mark.parametrize(
    "maven",
    ["https://me:sec/ret@localhost/m", "https://me:sec ret@:80x/m", "ftp://me:secret@localhost", "https://"],
)
def test_an_address_that_is_none(maven: str, settings: Settings) -> None:
    lines = failed(settings.model_copy(update={"maven": maven}))
    assert "the address of the repository is not valid" in lines[0]
    assert not any("sec" in line for line in lines)


def test_a_name_that_is_not_resolved(settings: Settings) -> None:
    reason, _, remedy = failed(settings.model_copy(update={"maven": "https://nowhere.invalid/maven2"}))
    assert "the name of nowhere.invalid is not resolved" in reason
    assert "HTTPS_PROXY" in remedy


@pytest.mark.usefixtures("trusted")
def test_what_passes_is_tried_again(server: Server, settings: Settings) -> None:
    spark, storage = (f"/maven/{jar.path}" for jar in jars.DELTA_JARS)
    server.answers[spark].insert(0, broken_off(CONTENT["delta-spark_4.2_2.13"]))
    server.answers[storage][:0] = [status(503), status(429)]
    assert fetched(settings)
    assert len(server.asked) == 5


@pytest.mark.usefixtures("trusted")
def test_what_stays_is_given_up(server: Server, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    path = f"/maven/{jars.DELTA_JARS[0].path}"
    server.answers[path] = [silent(2)]
    assert "does not answer within 0.2 s" in failed(settings)[0]
    assert len(server.asked) == 3
    server.answers[path] = [broken_off(CONTENT["delta-spark_4.2_2.13"])]
    assert "the connection ended after 100,000 of 200,000 bytes" in failed(settings)[0]
    server.answers[path] = [status(404)]
    server.asked.clear()
    assert "answers 404 Not Found" in failed(settings)[0]
    assert len(server.asked) == 1


@pytest.mark.usefixtures("trusted")
def test_a_jar_that_is_not_the_tested_one_is_never_kept(server: Server, settings: Settings) -> None:
    path = f"/maven/{jars.DELTA_JARS[0].path}"
    server.answers[path] = [body(b"something else")]
    found = hashlib.sha256(b"something else").hexdigest()
    assert f"SHA-256 is {found}, expected {jars.DELTA_JARS[0].sha256}" in failed(settings)[0]
    server.answers[path] = [body(b"\n<!DOCTYPE html><title>Sign in</title>", "text/html")]
    assert f"{NAMES[0]} is an HTML page" in failed(settings)[0]


@pytest.mark.parametrize("maven_layout", [False, True])
@pytest.mark.parametrize("uri", [False, True])
def test_a_folder_brought_by_hand(
    maven_layout: bool, uri: bool, settings: Settings, server: Server, tmp_path: Path
) -> None:
    folder = tmp_path / "brought by hand"
    folder.mkdir()
    own = settings.model_copy(update={"maven": folder.as_uri() if uri else str(folder)})
    reason, looked, _ = failed(own)
    first = folder / (jars.DELTA_JARS[0].path if maven_layout else NAMES[0])
    assert f"{first}: missing" in reason
    assert looked.endswith(f"then {folder}.")
    for jar in jars.DELTA_JARS:
        path = folder / (jar.path if maven_layout else jar.file_name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"another")
    assert f"{first}: SHA-256 is" in failed(own)[0]
    for jar in jars.DELTA_JARS:
        (folder / (jar.path if maven_layout else jar.file_name)).write_bytes(CONTENT[jar.artifact])
    assert fetched(own)
    assert server.asked == []


def test_a_folder_that_cannot_be_written(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file where the folder should be")
    with pytest.raises(JarsError) as error:
        delta_jars(settings)
    assert f"{jars_folder(settings)} cannot be written (Not a directory)" in error.value.reason
    assert "CHURN_JARS" in error.value.remedy


def test_the_source_is_checked_without_a_download(
    server: Server, settings: Settings, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = (jars.DELTA_JARS, jars.DELTA)
    with pytest.raises(JarsError, match="is not trusted"):
        check_source(settings, *wanted)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    assert check_source(settings, *wanted).startswith(
        f"{settings.maven}, without a proxy, trusting SSL_CERT_FILE="
    )
    server.answers[f"/maven/{jars.DELTA_JARS[1].path}"] = [body(b"<html>", "text/html")]
    with pytest.raises(JarsError, match="answers with an HTML page"):
        check_source(settings, *wanted)
    assert not settings.jars_path.exists()


def _start(settings: Settings, done: "multiprocessing.Queue[bool]") -> None:
    jars.DELTA_JARS = small_jars()
    done.put(fetched(settings))


@pytest.mark.usefixtures("trusted")
def test_of_several_first_starts_one_fetches(server: Server, settings: Settings) -> None:
    spawning = multiprocessing.get_context("spawn")
    done = spawning.Queue()
    processes = [spawning.Process(target=_start, args=(settings, done)) for _ in range(3)]
    for process in processes:
        process.start()
    assert [done.get(timeout=60) for _ in processes] == [True] * 3
    for process in processes:
        process.join(timeout=60)
    assert len(server.asked) == 2


@pytest.mark.jvm(reason="only a session of Spark has fetched them")
def test_the_pinned_jars_are_the_real_ones(spark: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shared session runs on them, so they are kept; their hashes are those in the code."""
    monkeypatch.setattr(jars, "DELTA_JARS", DELTA_JARS)
    assert jar_problems(Settings(), DELTA_JARS) == {}
