#!/usr/bin/env python3
"""A registry that misbehaves as it is told, for the tests of pull and push.

registry_server.py STORE PORT_FILE [TLS_CERTIFICATE TLS_KEY]

STORE/log has a line for each request, STORE/sent the bytes of each answer. $PORT: where to listen.

Serves what lies in STORE/blobs (by digest) and STORE/manifests/REPOSITORY/TAG. The repository's
first component says what goes wrong:

  good        nothing
  flaky       every second request is answered 503, the first of them with Retry-After
  busy        429, always
  broken      500, always
  cut         a blob breaks off after a part of it; a Range goes on from there
  stubborn    the same, but Range is ignored
  short       a blob is shorter than its manifest says, and stays so
  wrong       a blob is not what its digest says
  loop        blobs are redirected in a circle
  slow        blobs trickle
  drip        manifests trickle
  circle      manifests are redirected in a circle
  large       a manifest that does not end
  token       asks for a bearer token, from /token, where user:secret is wanted; STORE/token holds
              the one that is good
  away        wants a password, and redirects blobs to another host's good
  echo        refuses, and repeats what it was sent
"""

import base64
import http.server
import json
import os
import socketserver
import ssl
import sys
import time

STORE, PORT_FILE = sys.argv[1], sys.argv[2]
seen = {}


def good_token():
    try:
        with open(os.path.join(STORE, "token")) as file:
            return file.read().strip()
    except FileNotFoundError:
        return "somebody"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args, size=0):
        with open(os.path.join(STORE, "log"), "a") as log:
            log.write("%s %s %s %s\n" % (self.command, self.path, self.headers.get("Range", "-"),
                                         "proof" if "Authorization" in self.headers else "-"))
        with open(os.path.join(STORE, "sent"), "a") as sent:
            sent.write("%d\n" % size)

    def answer(self, status, body=b"", headers=()):
        self.log_message(size=len(body) if self.command != "HEAD" else 0)
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if "Content-Length" not in dict(headers):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def hang_up(self):
        self.wfile.flush()
        self.close_connection = True

    def complain(self, status, message, headers=()):
        body = json.dumps({"errors": [{"code": "X", "message": message}]}).encode()
        self.answer(status, body, headers)

    def token(self):
        authorization = self.headers.get("Authorization", "")
        wanted = "Basic " + base64.b64encode(b"user:secret").decode()
        if authorization and authorization != wanted:
            return self.complain(401, "no such user: " + authorization)
        if not authorization:
            return self.answer(200, b'{"token": "nobody"}')
        return self.answer(200, json.dumps({"access_token": good_token(),
                                            "expires_in": 300}).encode())

    def passes(self, kind):
        """False when a refusal was sent."""
        count = seen[self.path] = seen.get(self.path, 0) + 1
        if kind == "flaky" and count == 1:
            self.complain(503, "later", [("Retry-After", "1")])
        elif kind == "busy":
            self.complain(429, "too many")
        elif kind == "broken":
            self.complain(500, "oh")
        elif kind == "echo" and "Authorization" in self.headers:
            sent = self.headers["Authorization"]
            plain = base64.b64decode(sent.split()[1]).decode()
            self.complain(403, "you sent %s which is %s" % (sent, plain.split(":")[1]))
        elif kind in ("echo", "away") and "Authorization" not in self.headers:
            self.complain(401, "who", [("WWW-Authenticate", 'Basic realm="echo"')])
        elif kind == "token" and self.headers.get("Authorization") != "Bearer " + good_token():
            self.complain(401, "token", [("WWW-Authenticate", self.challenge())])
        else:
            return True
        return False

    def challenge(self):
        return 'Bearer realm="http://%s/token",service="test"' % self.headers["Host"]

    def do_GET(self):
        if self.path == "/v2/":
            return self.answer(200, b"{}")
        if self.path.startswith("/token"):
            return self.token()
        parts = self.path.split("/")
        if len(parts) < 6:
            return self.complain(404, "name unknown")
        if not self.passes(parts[2]):
            return None
        if parts[-2] == "manifests":
            return self.manifest(parts)
        return self.blob(parts)

    do_HEAD = do_GET

    def manifest(self, parts):
        kind, version = parts[2], parts[-1].split("?")[0]
        path = os.path.join(STORE, "manifests", version.replace(":", "_"))
        if kind == "large":
            self.answer(200, b"", [("Content-Length", str(1 << 40))])
            try:
                while True:
                    self.wfile.write(b" " * 65536)
            except OSError:
                return self.hang_up()
        if kind == "circle":
            return self.answer(307, b"", [("Location", self.path + "?again")])
        if kind == "drip":
            self.answer(200, b"", [("Content-Length", "100000")])
            try:
                while True:
                    self.wfile.write(b" ")
                    time.sleep(0.3)
            except OSError:
                return self.hang_up()
        if not os.path.exists(path):
            return self.complain(404, "manifest unknown")
        with open(path, "rb") as file:
            body = file.read()
        return self.answer(200, body, [("Content-Type", json.loads(body)["mediaType"])])

    def blob(self, parts):
        kind, digest = parts[2], parts[-1].split("?")[0]
        path = os.path.join(STORE, "blobs", digest.replace(":", "_"))
        if kind == "away":
            away = "http://localhost:%d/v2/good/away/blobs/%s" % (server.server_port, digest)
            return self.answer(307, b"", [("Location", away)])
        if kind == "loop":
            return self.answer(307, b"", [("Location", self.path + "?again")])
        if not os.path.exists(path):
            return self.complain(404, "blob unknown")
        with open(path, "rb") as file:
            body = file.read()
        if body.startswith(b"{"):
            return self.answer(200, body)
        return self.layer(kind, body)

    def layer(self, kind, body):
        first = 0
        if "Range" in self.headers and kind != "stubborn":
            first, last = self.headers["Range"].split("=")[1].split("-")
            first = int(first)
            if last and kind not in ("cut", "short", "wrong", "slow"):
                return self.part(body, first, int(last))
        length = [("Content-Length", str(len(body) - first))]
        status = 206 if first else 200
        if first:
            length.append(("Content-Range", "bytes %d-%d/%d" % (first, len(body) - 1, len(body))))
        if kind in ("cut", "stubborn"):
            # Three requests bring a third each.
            seen["bytes"] = seen.get("bytes", 0) + len(body) // 3 + 1
            self.answer(status, body[first:seen["bytes"]], length)
            return self.hang_up()
        if kind == "short":
            return self.answer(200, body[:-100] if not first else b"")
        if kind == "wrong":
            return self.answer(200, body[:-1] + bytes([body[-1] ^ 1]))
        if kind == "slow":
            self.answer(200, body[:10], length)
            time.sleep(20)
            return self.hang_up()
        return self.answer(status, body[first:], length)

    def part(self, body, first, last):
        body_range = "bytes %d-%d/%d" % (first, min(last, len(body) - 1), len(body))
        return self.answer(206, body[first:last + 1], [("Content-Range", body_range)])


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # who hangs up is not worth a word


server = Server(("127.0.0.1", int(os.environ.get("PORT", "0"))), Handler)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
with open(PORT_FILE + ".new", "w") as port_file:
    port_file.write(str(server.server_port))
os.rename(PORT_FILE + ".new", PORT_FILE)
server.serve_forever()
