#!/usr/bin/env python3
"""Files of the web, some of them in trouble, for the tests of ADD and of contexts.

web_server.py FOLDER PORT_FILE [TLS_CERTIFICATE TLS_KEY]

Serves the files of FOLDER on 127.0.0.1, with the times they have, and writes every request to
FOLDER.log, what it asked for and how it was answered to FOLDER.answers. A path's first component may say what happens to it:

  to          302 to the rest of the path
  plain       302 to the rest of the path of the server whose port is in FOLDER.plain
  loop        302 to itself
  away        302 to a file of the host that asks
  ageless     no Last-Modified
  odd         a Last-Modified that is no date
  cut         breaks off in the middle, the first time
  broken      breaks off in the middle, always
  busy        503, the first time
  slow        a byte a second
  forbidden   403
  tagged      an ETag instead of Last-Modified
  private     401 but for who says what is in FOLDER.word as his authorization
  other       302 to the rest of the path, at another name of this host
"""

import email.utils
import hashlib
import http.server
import os
import ssl
import sys
import time
import urllib.parse

FOLDER, PORT_FILE = sys.argv[1], sys.argv[2]
seen = set()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        with open(FOLDER + ".log", "a") as log:
            log.write("%s %s\n" % (self.command, self.path))

    def answer(self, status, body=b"", **headers):
        with open(FOLDER + ".answers", "a") as log:
            log.write("%d %s %s\n" % (status, self.path, self.headers["Authorization"] or "-"))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return body

    def first(self):
        new = self.path not in seen
        seen.add(self.path)
        return new

    def is_known(self):
        with open(FOLDER + ".word") as word:
            return self.headers["Authorization"] == word.read().strip()

    def send_file(self, path, trouble):
        name = os.path.join(FOLDER, path)
        headers = {"Last_Modified": email.utils.formatdate(os.stat(name).st_mtime, usegmt=True)}
        if trouble == "ageless":
            headers = {}
        if trouble == "odd":
            headers = {"Last_Modified": "the day before yesterday"}
        if trouble == "tagged":
            with open(name, "rb") as file:
                headers = {"ETag": '"%s"' % hashlib.sha256(file.read()).hexdigest()}
        for header, condition in (("ETag", "If-None-Match"), ("Last_Modified", "If-Modified-Since")):
            if header in headers and headers[header] == self.headers[condition]:
                self.answer(304, **headers)
                return
        with open(name, "rb") as file:
            body = self.answer(200, file.read(), **headers)
        if trouble == "broken" or (trouble == "cut" and self.first()):
            self.wfile.write(body[:len(body) // 2])
            self.close_connection = True
            return
        for i in range(len(body) if trouble == "slow" else 0):
            self.wfile.write(body[i:i + 1])
            self.wfile.flush()
            time.sleep(1)
        if trouble != "slow":
            self.wfile.write(body)

    def do_GET(self):
        path = urllib.parse.unquote(self.path.partition("?")[0]).lstrip("/")
        trouble, _, rest = path.partition("/")
        if trouble == "to":
            self.answer(302, Location="/" + rest, Last_Modified="Thu, 01 Jan 1998 00:00:00 GMT")
        elif trouble == "plain":
            with open(FOLDER + ".plain") as port:
                self.answer(302, Location="http://127.0.0.1:%s/%s" % (port.read().strip(), rest))
        elif trouble == "loop":
            self.answer(302, Location=self.path)
        elif trouble == "away":
            self.answer(302, Location="file:///etc/hostname")
        elif trouble == "forbidden":
            self.answer(403)
        elif trouble == "other":
            self.answer(302, Location="http://localhost:%d/%s" % (server.server_port, rest))
        elif trouble == "private" and not self.is_known():
            self.answer(401)
        elif trouble == "busy" and self.first():
            self.answer(503, Retry_After="0")
        else:
            known = trouble in ("ageless", "odd", "cut", "broken", "busy", "slow", "tagged",
                                "private")
            path = rest if known else path
            if os.path.isfile(os.path.join(FOLDER, path)):
                self.send_file(path, trouble)
            else:
                self.answer(404)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
if len(sys.argv) > 4:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
with open(PORT_FILE + ".new", "w") as file:
    file.write("%d\n" % server.server_port)
os.rename(PORT_FILE + ".new", PORT_FILE)
server.serve_forever()
