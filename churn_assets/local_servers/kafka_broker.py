"""A Kafka broker on this machine: one process of Java that is broker and controller, and listens on loopback only."""

import base64
import logging
import os
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from churn_assets.lakehouse.engine.jars import JarsError, verified_jars
from churn_assets.lakehouse.engine.java import JavaNotFoundError, find_java
from churn_assets.lakehouse.engine.processes import tied
from churn_assets.local_servers.kafka_jars import KAFKA_JARS
from churn_assets.local_servers.ports import free_port
from churn_assets.settings import Settings

log = logging.getLogger(__name__)

HEAP = "256m"
START_SECONDS, STOP_SECONDS = 90, 20
TRIES = 3  # another program may take a port between the choice and the start
CONFIGURATION = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{control}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{control}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
log.retention.check.interval.ms=1000
"""
IDENTITY = "version=1\ncluster.id={cluster}\nnode.id=1\ndirectory.id={directory}\n"


class BrokerError(RuntimeError):
    """The broker cannot be started; the message has the remedy."""


class KafkaBroker:
    """A broker with its data in a folder; what it holds outlives a kill and a start in the same folder.

    As a context manager it is started at the beginning and stopped at the end. It never outlives this process, even if
    that is killed.

    Attributes:
        address: host and port for clients; the same after a restart.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        """The broker is not started yet.

        Args:
            folder: of its data and log; made if it is not there.
            settings: where the jars are kept and fetched from.
        """
        self.folder, self.settings = folder, settings
        self.address = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Starts the broker and waits until it answers; fetches its jars first, if they are not there.

        Raises:
            BrokerError: there is no Java, no client, the jars cannot be fetched, or the broker does not answer.
        """
        why = why_not()
        if why:
            raise BrokerError(why)
        try:
            jars = verified_jars(self.settings, KAFKA_JARS, "Kafka")
        except JarsError as error:
            raise BrokerError(str(error)) from None
        self._prepare()
        for left in reversed(range(TRIES)):
            kept = self.address
            port = int(kept.rpartition(":")[2]) if kept else free_port()
            self._launch(jars, port)
            try:
                answers = self._answers()
            except BaseException:  # such as Ctrl-C: a `with` statement does not stop what did not start
                self.kill()
                raise
            if answers:
                log.info("Kafka on %s", self.address)
                return self
            said = self._said()
            self.kill()
            self.address = kept
            if left == 0 or "Address already in use" not in said:
                raise BrokerError(f"The Kafka broker does not start: {said}")
        raise AssertionError("every way out of the loop is inside it")

    def kill(self) -> None:
        """Ends the process as a loss of power would, at once; does nothing if it does not run."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()  # its watcher ends
            self._process = None

    def stop(self) -> None:
        """Ends the process and waits for it; does nothing if it does not run."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log.warning("The Kafka broker did not end within %d s and was killed", STOP_SECONDS)
        self.kill()

    def create_topic(self, name: str, partitions: int = 1, **own: str) -> None:
        """Makes a topic.

        Args:
            name: of the topic.
            partitions: number of its partitions.
            own: its configuration, with `_` for dots: `retention_ms="1000"`.
        """
        from confluent_kafka.cimpl import NewTopic

        admin = self.admin()  # kept: a client that nobody holds any more breaks its calls off
        topic = NewTopic(name, partitions, 1, config={key.replace("_", "."): own[key] for key in own})
        for made in admin.create_topics([topic]).values():
            made.result()

    def admin(self) -> Any:
        """A client that makes and changes topics: confluent_kafka's AdminClient."""
        from confluent_kafka.admin import AdminClient

        return AdminClient({"bootstrap.servers": self.address, "log_level": 0})

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _prepare(self) -> None:
        """Makes the folder of the data, which names its cluster; Kafka's own tool does the same in a second JVM."""
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        identity = data / "meta.properties"
        if not identity.exists():
            identity.write_text(IDENTITY.format(cluster=_identifier(), directory=_identifier()))

    def _launch(self, jars: list[Path], port: int) -> None:
        self.address = f"127.0.0.1:{port}"
        properties = self.folder / "server.properties"
        data = self.folder / "data"
        properties.write_text(CONFIGURATION.format(port=port, control=free_port(), data=data))
        command = [
            str(find_java().home / "bin" / "java"),
            f"-Xmx{HEAP}",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",  # half the processor time of the first minute
            "-Djava.net.preferIPv4Stack=true",
            "-cp",
            os.pathsep.join(map(str, jars)),
            "kafka.Kafka",
            str(properties),
        ]
        with (self.folder / "broker.log").open("wb") as output:
            self._process = subprocess.Popen(
                tied(command),
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                start_new_session=True,  # Ctrl-C in a terminal goes to whoever started it, and is to stop it
            )

    def _answers(self) -> bool:
        """Waits for an answer; False if the process has ended, or says nothing in time."""
        from confluent_kafka import KafkaException

        end = time.monotonic() + START_SECONDS
        host, _, port = self.address.rpartition(":")
        while time.monotonic() < end and self._process is not None and self._process.poll() is None:
            with socket.socket() as probe:
                probe.settimeout(1)
                listens = probe.connect_ex((host, int(port))) == 0
            if listens:
                try:
                    return bool(self.admin().list_topics(timeout=5).brokers)
                except KafkaException:  # it listens and does not serve yet
                    log.debug("the broker does not answer yet")
            time.sleep(0.1)
        return False

    def _said(self) -> str:
        """The first error of its log, else the last line."""
        lines = (self.folder / "broker.log").read_text(encoding="utf-8", errors="replace").splitlines()
        errors = [line for line in lines if "Exception" in line or "Error" in line]
        return (errors or lines[-1:] or ["it said nothing"])[0].strip()


def why_not() -> str | None:
    """Why no broker can be started on this machine, in a sentence with the remedy; None if nothing is missing.

    Does not look for the jars: `KafkaBroker.start` fetches them.
    """
    if find_spec("confluent_kafka") is None:
        return "confluent-kafka is not installed. Run `pip install 'churn-assets[kafka]'`."
    try:
        find_java()
    except JavaNotFoundError as error:
        return str(error)
    return None


def _identifier() -> str:
    """A random identifier as Kafka writes it: 16 bytes in 22 characters."""
    return base64.urlsafe_b64encode(os.urandom(16)).decode().rstrip("=")
