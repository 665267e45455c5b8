"""gate.py UPSTREAM HOST TOKEN: a gateway before a model. It speaks TLS, goes by the Host header, and wants a token.

/gate holds its certificate and key, as a Secret of type tls has them.
"""

import http.client
import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

UPSTREAM, HOST, TOKEN = "", "", ""


class Gate(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm, wbufsize = True, 1 << 16

    def pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Host") != HOST:
            return self.reply(404, b'{"error": "no such host here"}')
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.reply(401, b'{"error": "a token is wanted"}')
        upstream = http.client.HTTPConnection(UPSTREAM, timeout=60)
        try:
            upstream.request(self.command, self.path, body=body, headers={"Content-Type": "application/json"})
            answered = upstream.getresponse()
            return self.reply(answered.status, answered.read())
        finally:
            upstream.close()

    do_GET = do_POST = pass_on  # noqa: N815 - names that http.server looks for

    def reply(self, status: int, body: bytes) -> None:
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    UPSTREAM, HOST, TOKEN = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/gate/tls.crt", "/gate/tls.key")
    server = ThreadingHTTPServer(("", 8443), Gate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()
