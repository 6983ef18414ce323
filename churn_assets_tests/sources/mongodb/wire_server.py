"""A server of MongoDB's wire protocol for tests: mongo-java-server (BSD licence), which keeps its data in memory.

It is no MongoDB. To run the same tests against one of yours, whose collection `orders` is replaced:
`CHURN_TEST_MONGODB=mongodb://127.0.0.1:27017/test pytest churn_assets_tests/sources/mongodb`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from churn_assets.lakehouse.engine.jars import Jar, verified_jars
from churn_assets.lakehouse.engine.java import find_java
from churn_assets.settings import Settings

GIVEN = os.environ.get("CHURN_TEST_MONGODB")
GROUP, VERSION = "de.bwaldvogel", "1.47.0"
MONGODB_JARS = (
    Jar(
        "mongo-java-server-core",
        VERSION,
        "9a34c9ad6ac6261906295481838256033ec1efc8c93a3e3828e5d47a006b0bd4",
        GROUP,
    ),
    Jar(
        "mongo-java-server-memory-backend",
        VERSION,
        "82864f8a2ede1514f64c2cd3a70e8022c259eb3d78975cfa208c1668ac1f12bb",
        GROUP,
    ),
)
OF_SPARK = ("netty-*.jar", "slf4j-api-*.jar")  # that it needs, too
WIRE_VERSION = 13  # of MongoDB 5; it tells 8, which today's drivers refuse
JAVA = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


@contextmanager
def server() -> Iterator[str]:
    """Starts a server on a free port; yields the address of its database `shop`.

    Raises:
        JavaNotFoundError: there is no Java.
        JarsError: its jars are not there, and cannot be fetched.
    """
    from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway

    spark = find_spec("pyspark")
    assert spark and spark.origin
    shipped = Path(spark.origin).parent / "jars"
    jars = [*verified_jars(Settings(), MONGODB_JARS, "MongoDB test server")]
    jars += [jar for names in OF_SPARK for jar in sorted(shipped.glob(names))]
    port, token = launch_gateway(
        jarpath=str(next(shipped.glob("py4j-*.jar"))),
        classpath=os.pathsep.join(map(str, jars)),
        javaopts=[*JAVA],
        java_path=str(find_java().home / "bin" / "java"),
        die_on_exit=True,
        enable_auth=True,
    )
    gateway = JavaGateway(gateway_parameters=GatewayParameters(port=port, auth_token=token))
    try:
        mongo = gateway.jvm.de.bwaldvogel.mongo
        version = mongo.ServerVersion.MONGO_5_0
        wire = version.getClass().getDeclaredField("wireVersion")
        wire.setAccessible(True)
        wire.setInt(version, WIRE_VERSION)
        backend = mongo.backend.memory.MemoryBackend()
        backend.version(version)
        running = mongo.MongoServer(backend)
        yield f"mongodb://127.0.0.1:{running.bind().getPort()}/shop"
        running.shutdownNow()
    finally:
        gateway.shutdown()
