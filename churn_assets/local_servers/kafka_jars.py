"""The jars of a Kafka broker: those that its process loads, and the codecs of compressed messages; 38 MB."""

from collections.abc import Iterator, Mapping

from churn_assets.lakehouse.engine.jars import Jar

VERSION = "4.3.1"


def _of(group: str, version: str, sums: Mapping[str, str]) -> Iterator[Jar]:
    """The jars of a group; `sums` has the SHA-256 of each artifact."""
    return (Jar(artifact, version, sha256, group) for artifact, sha256 in sums.items())


KAFKA_JARS = (
    *_of(
        "at.yawk.lz4",
        "1.10.2",
        {
            "lz4-java": "252dabd586d22149a31661a8afc1a50747714eb1a298bd4a6e780c8c91a13866",
        },
    ),
    *_of(
        "com.fasterxml.jackson.core",
        "2.21",
        {
            "jackson-annotations": "53ca085f4a150f703f49e1aabd935bd03b43e1ea3d55d135438292af22cef56b",
        },
    ),
    *_of(
        "com.fasterxml.jackson.core",
        "2.21.2",
        {
            "jackson-core": "12e8655b100267b44d0f14d01b1f5082a5105e616174dc4307be1a761e92407b",
            "jackson-databind": "8c982f01f148d805f0aaac2339011244757e0df7c6ff8951f2fa3f433b8ed849",
        },
    ),
    *_of(
        "com.fasterxml.jackson.dataformat",
        "2.21.2",
        {
            "jackson-dataformat-yaml": "d25551812fa0c14f37cabaa9401e63eadcea42ce36311183af5622d5bc8a1bc7",
        },
    ),
    *_of(
        "com.fasterxml.jackson.datatype",
        "2.21.2",
        {
            "jackson-datatype-jdk8": "e581bbf3fc5622d16b57366dd41e10fc56921fb202879de2ef487f87dd9b30e7",
        },
    ),
    *_of(
        "com.github.luben",
        "1.5.6-10",
        {
            "zstd-jni": "b6c3237e24b8252a5a9c3a0e1ae30ef8f323412e74bd358548b7a9e527d676df",
        },
    ),
    *_of(
        "com.google.re2j",
        "1.8",
        {
            "re2j": "7b52c72156dd7f98b3237a5b35c1d34fba381b21048c89208913ad80a45dfbd7",
        },
    ),
    *_of(
        "com.typesafe.scala-logging",
        "3.9.6",
        {
            "scala-logging_2.13": "0ad0c3f4d89d538b3b6c300158555e266aa69cf1b5f6522aba8b5bad238eb994",
        },
    ),
    *_of(
        "com.yammer.metrics",
        "2.2.0",
        {
            "metrics-core": "6b7a14a6f34c10f8683f7b5e2f39df0f07b58c7dff0e468ebbc713905c46979c",
        },
    ),
    *_of(
        "commons-validator",
        "1.10.1",
        {
            "commons-validator": "ed74711a78d793ca37f6075e4a1e93d107233dfd20d0bb17e32bad88d38e56aa",
        },
    ),
    *_of(
        "net.sf.jopt-simple",
        "5.0.4",
        {
            "jopt-simple": "df26cc58f235f477db07f753ba5a3ab243ebe5789d9f89ecf68dd62ea9a66c28",
        },
    ),
    *_of(
        "org.apache.kafka",
        "4.3.1",
        {
            "kafka-clients": "52501b7b47510c66f898871adaf6d2968ab7246561d44ced43643a8a587f0b36",
            "kafka-coordinator-common": "66a86b8c89718216ffa72fe4e44b9d1bdf3472e4cb9200c36a0742a25febbdba",
            "kafka-group-coordinator": "4ab56d002e1624185c874199e9e0ffb243dbeb9f68b4d0cadf48ce2f617a1126",
            "kafka-group-coordinator-api": "d81bc1a3739ff6c9b21815baae00022306342a16d3d94e6a2621201b9980a30d",
            "kafka-metadata": "4d73a96c6474a4ebdd67a1cee14da1a94cfd6bb9e6e252685ba5667d8ab7f898",
            "kafka-raft": "46abbf89806dd22d848e997cdfb1431524cab4ec88e38a7d2806e20b24a70609",
            "kafka-server": "01d736599ec3b0cdbb0480c15219170b28cdae189785e7f0c6f1f26e528eaebc",
            "kafka-server-common": "d7c719f749579a399011f0df7414de8a78f10f074a6122caa550fdb141351575",
            "kafka-share-coordinator": "8ceeed7346127e652ea5c650b217890aaff14919f967d27fadce420745bd3066",
            "kafka-storage": "97e3facddd2914a58f28ec91ef35f8da69963eab3651196e97f487924f6dac98",
            "kafka-storage-api": "bc2b22639fa554494461d101d599e01bae840d97c4f46e18fdf3d2fe41a47098",
            "kafka-tools-api": "dcf6785742e0c8ab11a0fc09c62f1192e11e997dc629669a8db82aa40d933c31",
            "kafka-transaction-coordinator": "c64aaa2a88d8fd382c4800204872917686e542043c7916c9e8797d939d8eb313",
            "kafka_2.13": "b098abef5ff878e76f60cd6c559b9baa5663ccb1b55f2837558b22c329d32423",
        },
    ),
    *_of(
        "org.apache.logging.log4j",
        "2.25.4",
        {
            "log4j-api": "c4b642a7f047275215de117e0e3847eb2c7711d84a0aa7433e7b3c096daf341d",
            "log4j-core": "10fee2c0485d54fa44ee75d314f6295508f7b932281873db61a91b88073200e6",
        },
    ),
    *_of(
        "org.hdrhistogram",
        "2.2.2",
        {
            "HdrHistogram": "22d1d4316c4ec13a68b559e98c8256d69071593731da96136640f864fa14fad8",
        },
    ),
    *_of(
        "org.pcollections",
        "4.0.2",
        {
            "pcollections": "2bbeef5797a241300c4f7513cd546239629ed7deda4fc0c31df90bb95f5f13ef",
        },
    ),
    *_of(
        "org.scala-lang",
        "2.13.18",
        {
            "scala-library": "4e85d96ff7bc7dc627985523c3541b9917aaa08e956391380c42db21a2c4e5a0",
        },
    ),
    *_of(
        "org.slf4j",
        "1.7.36",
        {
            "slf4j-api": "d3ef575e3e4979678dc01bf1dcce51021493b4d11fb7f1be8ad982877c16a1c0",
            "slf4j-simple": "2f39bed943d624dfa8f4102d0571283a10870b6aa36f197a8a506f147010c10f",
        },
    ),
    *_of(
        "org.xerial.snappy",
        "1.1.10.7",
        {
            "snappy-java": "4c766cb3f855415ee734b2392949a0b6f12a60879334a74518deaf6270d32e36",
        },
    ),
)
