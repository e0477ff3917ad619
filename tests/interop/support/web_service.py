# A web service that knows accounts, as MongooseIM's and Prosody's users have them, with every mood that one may have.
import base64
import http.server
import json
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from pathlib import Path

from support.cases import Failure
from support.slapd import reserve

PATIENCE = 15.0


class Service(socketserver.ThreadingMixIn, http.server.HTTPServer):
    """The service itself, in a process of its own: see the end of this file."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address, options):
        self.options = options
        self.accounts = dict(options["accounts"])
        self.counts = {"connections": 0, "requests": 0, "requests_by_name": {}, "seen": []}
        self.lock = threading.Lock()
        super().__init__(address, Handler)
        if options.get("certificate"):
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*options["certificate"])
            if options.get("client_ca"):
                self.tls.verify_mode = ssl.CERT_REQUIRED
                self.tls.load_verify_locations(options["client_ca"])

    def process_request_thread(self, request, client_address):
        # The handshake in the connection's own thread: who is slow keeps nobody else waiting.
        if self.options.get("certificate"):
            try:
                request = self.tls.wrap_socket(request, server_side=True)
            except OSError:
                request.close()
                return
        with self.lock:
            self.counts["connections"] += 1
        super().process_request_thread(request, client_address)

    def handle_error(self, request, client_address):
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer(urllib.parse.urlsplit(self.path).query)

    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode("utf-8"))

    def say(self, status, body=b"", headers=()):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self, form):
        service, path = self.server, urllib.parse.urlsplit(self.path).path
        if path == "/counts":
            with service.lock:
                return self.say(200, json.dumps(service.counts))
        is_json = self.headers.get("Content-Type") == "application/json"
        if path.endswith("/basic"):
            authorization = self.headers.get("Authorization", "")
            name, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode("utf-8").partition(":")
            operation, user, server = "check_password", name.partition("@")[0], ""
        elif is_json:
            table = json.loads(form)
            operation, user, password = table.get("operation"), table["username"], table.get("password")
            server = table.get("server")
        else:
            fields = dict(urllib.parse.parse_qsl(form, keep_blank_values=True, strict_parsing=True))
            operation, user, password = path.rpartition("/")[2], fields["user"], fields.get("pass")
            server = fields["server"]
        with service.lock:
            service.counts["requests"] += 1
            by_name = service.counts["requests_by_name"]
            by_name[user] = by_name.get(user, 0) + 1
            service.counts["seen"] = (service.counts["seen"]
                                      + [[self.command, path, operation, user, server,
                                          self.headers.get("Authorization"), self.client_address[1]]])[-20:]
        wanted = self.wanted_authorization()
        if wanted and not path.endswith("/basic") and self.headers.get("Authorization") != wanted:
            return self.say(401, "who are you?", [("WWW-Authenticate", "Basic")])
        mood = getattr(self, "mood_" + user.partition("-")[0].partition("@")[0], None)
        if mood:
            return mood(user, password)
        if service.options.get("work"):
            time.sleep(service.options["work"])
        return self.serve(operation, user, password, is_json, path)

    def wanted_authorization(self):
        """From a file, so that it may change."""
        path = self.server.options.get("authorization_file")
        return Path(path).read_text(encoding="utf-8") if path else None

    def serve(self, operation, user, password, is_json, path):
        service = self.server
        user = user.partition("@")[0]
        with service.lock:
            known = service.accounts.get(user)
            if operation == "check_password":
                is_right = known is not None and known == password
                if path.endswith("/basic"):
                    return self.say(200 if is_right else 401)
                if is_json and path.endswith("/custom"):  # Prosody's mod_auth_custom_http: nothing but true
                    return self.say(200, "true" if is_right else "false")
                if is_json:
                    table = {"result": is_right}
                    if is_right and user in ("disabled", "expired"):
                        table = {"result": False, "reason": user}
                    return self.say(200, json.dumps(table), [("Content-Type", "application/json")])
                return self.say(200, "true" if is_right else "false")
            if operation == "user_exists":
                return self.say(200, json.dumps({"result": known is not None}) if is_json
                                else "true" if known is not None else "false")
            if operation == "register":
                if known is not None:
                    return self.say(409)
                service.accounts[user] = password
                return self.say(201)
            if known is None:
                return self.say(404)
            if operation == "set_password":
                service.accounts[user] = password
            elif operation == "remove_user":
                del service.accounts[user]
            else:
                return self.say(501)
            return self.say(204)

    # -- what a service may do instead --

    def mood_status(self, user, _password):
        """status-NNN"""
        status = int(user.split("-")[1])
        headers = [("Location", f"http://{self.headers['Host']}/elsewhere/check_password?user=ana&server=x&pass=pencil")]
        self.say(status, "true", headers if 300 <= status < 400 else ())

    def mood_says(self, user, _password):
        """says-HEX: this text."""
        self.say(200, bytes.fromhex(user.split("-")[1]))

    def mood_size(self, user, _password):
        """size-N: a yes of so many bytes."""
        self.say(200, "true".ljust(int(user.split("-")[1])))

    def mood_endless(self, *_):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"1000\r\n" + b" " * 4096 + b"\r\n")
        except OSError:
            self.close_connection = True

    def mood_headers(self, *_):
        self.send_response(200)
        try:
            while True:
                self.send_header("X-More", "x" * 1000)
                self.flush_headers()
        except OSError:
            self.close_connection = True

    def mood_hanging(self, *_):
        time.sleep(60)
        self.close_connection = True

    def mood_dripping(self, *_):
        """A byte at a time, for ever."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.1)
        except OSError:
            self.close_connection = True

    def mood_half(self, *_):
        self.send_response(200)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"tr")
        self.close_connection = True

    def mood_leaving(self, *_):
        """Ends the connection without a word."""
        self.close_connection = True

    def mood_garbage(self, *_):
        self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n" * 3)
        self.close_connection = True


class WebService:
    """A service in a process that can be killed, stopped and started again at the same port."""

    def __init__(self, accounts, certificate=None, client_ca=None, authorization_file=None, work=0):
        self.options = {"accounts": accounts, "certificate": certificate and [str(c) for c in certificate],
                        "client_ca": client_ca and str(client_ca), "work": work,
                        "authorization_file": authorization_file and str(authorization_file)}
        self._kept, self.port = reserve()
        self.scheme = "https" if certificate else "http"
        self.process = None

    def url(self, path=""):
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-B", "-m", "support.web_service", str(self.port), json.dumps(self.options)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != b"ready\n":
            raise Failure("the web service did not start")
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def hang(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.go_on()
            self.kill()
        self._kept.close()

    def counts(self):
        """Of the process that runs now; the question itself is not counted, but its connection is."""
        connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        if self.scheme == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            connection = context.wrap_socket(connection)
        with connection:
            connection.sendall(b"GET /counts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            data = b"".join(iter(lambda: connection.recv(65536), b""))
        found = json.loads(data.partition(b"\r\n\r\n")[2])
        found["connections"] -= 1
        return found


def main():
    service = Service(("127.0.0.1", int(sys.argv[1])), json.loads(sys.argv[2]))
    # Ends with who started it, whatever becomes of that one.
    threading.Thread(target=lambda: (sys.stdin.buffer.read(), service.shutdown()), daemon=True).start()
    print("ready", flush=True)
    service.serve_forever()


if __name__ == "__main__":
    main()
