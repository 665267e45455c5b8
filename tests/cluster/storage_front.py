"""storage_front.py UPSTREAM: passes requests on to a Cloud Storage emulator, and answers the one that it does not know.

The connector for gs:// asks for a bucket's layout before it renames a directory; without an answer it renames nothing.
"""

import http.client
import json
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}
LAYOUT = {"kind": "storage#storageLayout", "hierarchicalNamespace": {"enabled": False}, "locationType": "region"}


class Front(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream = ""

    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self) -> None:
        body = self.body()
        if urlsplit(self.path).path.endswith("/storageLayout"):
            return self.reply(200, [("Content-Type", "application/json")], json.dumps(LAYOUT).encode())
        upstream = http.client.HTTPConnection(self.upstream, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            upstream.request(self.command, self.path, body=body, headers=headers)
            answered = upstream.getresponse()
            return self.reply(answered.status, answered.getheaders(), answered.read())
        finally:
            upstream.close()

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return parts

    def reply(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)


if __name__ == "__main__":
    Front.upstream = urlsplit(sys.argv[1]).netloc
    ThreadingHTTPServer(("", 4443), Front).serve_forever()
