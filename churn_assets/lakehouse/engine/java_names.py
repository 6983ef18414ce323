"""Spares PySpark most of its calls to the JVM: the look-up of the same names with every column.

`F.col("x")` is three calls: where `functions` is, what `functions.col` is, and the function itself. Before the JVM
finds `PythonUtils` or `PythonSQLUtils`, it looks through all of its jars in vain, several times.
"""

from typing import Any

from py4j.java_gateway import JavaClass, JavaMember

# the classes whose static functions PySpark calls to make columns, windows and frames
CLASSES = (
    "functions",
    "org.apache.spark.sql.functions",
    "org.apache.spark.sql.expressions.Window",
    "PythonUtils",
    "PythonSQLUtils",
)


def remember_names(jvm: Any) -> None:
    """Looks these classes up once; from then on `jvm` gives them, and they their functions, without a call.

    `jvm` is the view of one JVM (`SparkContext._jvm`), and forgets the names with it.
    """
    for name in CLASSES:
        found = getattr(jvm, name)
        setattr(jvm, name, _Remembered(found._fqn, found._gateway_client))


class _Remembered(JavaClass):  # type: ignore[misc]
    """A class of Java that keeps each of its functions that was asked for."""

    def __getattr__(self, name: str) -> Any:
        found = super().__getattr__(name)
        if isinstance(found, JavaMember):
            self.__dict__[name] = found
        return found
