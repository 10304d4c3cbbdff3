"""ClickHouse's own engine (chdb) behind a small HTTP server, so that tests speak to it with the real client.

`python clickhouse_server.py FOLDER` prints its port. One query at a time; settings in the address are set for the
session. Not evidence for clusters or replication.
"""

import json
import re
import sys
import tempfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from chdb import session

NO_SETTINGS = {
    "query", "database", "session_id", "client_protocol_version", "wait_end_of_query", "buffer_size", "default_format",
    "query_id", "compress", "enable_http_compression", "send_progress_in_http_headers",
    "http_headers_progress_interval_ms",
}  # fmt: skip
INSERT = re.compile(rb"\s*INSERT\s+INTO\s[^\x00]*?\sFORMAT\s+Native\s*?\n", re.IGNORECASE)
FORMAT = re.compile(r"\s+FORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or every answer waits 40 ms for the acknowledgement of its own head
    wbufsize = -1
    chdb: session.Session
    settings: dict[str, str] = {}

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b"".join(iter(self._chunk, b""))
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._answer(body)

    def _chunk(self) -> bytes:
        size = int(self.rfile.readline().strip() or b"0", 16)
        data = self.rfile.read(size)
        self.rfile.readline()
        return data

    def _answer(self, body: bytes) -> None:
        asked = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        if self.path == "/ping":
            self._say(200, b"Ok.\n")
            return
        try:
            for name, value in asked.items():
                if name not in NO_SETTINGS and self.settings.get(name) != value:
                    self.chdb.query(f"SET {name} = {json.dumps(value)}".replace('"', "'"))
                    self.settings[name] = value
            self._say(200, self._run(asked, body))
        except RuntimeError as error:
            self._say(500, str(error).encode())

    def _run(self, asked: dict[str, str], body: bytes) -> bytes:
        statement = asked.get("query", "")
        if not statement and (begun := INSERT.match(body)):
            statement, body = begun[0].decode(), body[begun.end() :]
        if statement and body:  # rows to be inserted come behind their statement
            with tempfile.NamedTemporaryFile(suffix=".native") as file:
                file.write(body)
                file.flush()
                head, form = FORMAT.sub("", statement), FORMAT.search(statement)
                assert form is not None
                self.chdb.query(f"{head} SELECT * FROM file('{file.name}', '{form[1]}')")  # noqa: S608
            return b""
        statement = statement or body.decode()
        form = FORMAT.search(statement)
        answered = self.chdb.query(FORMAT.sub("", statement), form[1] if form else "TabSeparated")
        return bytes(answered.bytes()) if answered and answered.size() else b""

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-ClickHouse-Timezone", "UTC")
        self.send_header("X-ClickHouse-Summary", "{}")
        if status != 200:
            self.send_header("X-ClickHouse-Exception-Code", "1")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is said to the terminal."""


def main() -> None:
    Handler.chdb = session.Session(str(Path(sys.argv[1])))
    server = HTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
