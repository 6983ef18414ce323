"""The server of Sail, a process of its own: prints its port and serves until its stdin is closed.

The pipe on stdin closes when the process that started the server ends, however it ends. Run it as
`python -m churn_assets.lakehouse.engine.sail_server <scratch folder>`; the folder is removed at the end.
"""

import os
import shutil
import sys


def serve(scratch: str) -> None:
    """Serves on a free port of the loopback address. Does not return."""
    from pysail.spark import SparkConnectServer

    server = SparkConnectServer("127.0.0.1", 0)
    server.start(background=True)
    sys.stdout.write(f"{server.listening_address[1]}\n")
    sys.stdout.flush()
    sys.stdin.read()
    shutil.rmtree(scratch, ignore_errors=True)
    os._exit(0)  # a running query would hold up an orderly end


if __name__ == "__main__":
    serve(sys.argv[1])
