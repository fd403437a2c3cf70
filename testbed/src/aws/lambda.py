"""Runs the handler of a Lambda behind the path of AWS's own runtime interface emulator, on a loopback port.

As in AWS, the module is loaded once and its handler called for every event. Other than in AWS, events that come
together are handled by threads of one process and not each by an instance of its own.

usage: lambda.py PORT MODULE.FUNCTION, with the module in the current directory
"""

import importlib
import json
import logging
import os
import sys
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.1"
PATH = "/2015-03-31/functions/function/invocations"


class Server(ThreadingHTTPServer):
    # A burst of confirmations must not be refused at the door.
    request_queue_size = 256


class Invocation(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Headers and body in one packet: in two, the second waits for the first to be acknowledged.
    wbufsize = -1
    function = None

    def do_GET(self):
        self.answer({}, {})

    def do_POST(self):
        if self.path != PATH:
            self.send_error(404)
            return
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            self.answer(self.function(event, None), {})
        except Exception as error:
            traceback.print_exc()
            what = {"errorMessage": str(error), "errorType": type(error).__name__}
            self.answer(what, {"X-Amz-Function-Error": "Unhandled"})

    def answer(self, body, headers):
        body = json.dumps(body).encode()
        self.send_response(200)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """The handler writes the log, as in AWS."""


if __name__ == "__main__":
    # In AWS, too, what a handler logs is printed, and of what libraries log only the warnings.
    logging.basicConfig(format="[%(levelname)s] %(message)s")
    sys.path.insert(0, os.getcwd())
    module, function = sys.argv[2].split(".")
    Invocation.function = staticmethod(getattr(importlib.import_module(module), function))
    Server((HOST, int(sys.argv[1])), Invocation).serve_forever()
