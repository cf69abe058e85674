"""Takes the options of ``vitrine serve`` and has three pages: a bench tests itself.

A page holds its configuration file as JSON. With ``[stand_in] fail`` it ends at once.
"""

import argparse
import configparser
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Shows what the server was started with, and who asks."""

    protocol_version = "HTTP/1.1"
    shown: dict[str, object]

    def do_GET(self) -> None:
        links = [{"rel": "self", "href": f"http://{self.headers['Host']}/v2/"}]
        # Clients look for the versions before they call anything.
        known: dict[str, dict[str, object]] = {
            "/": {"versions": [{"id": "v2.17", "status": "CURRENT", "links": links}]},
            "/healthcheck": {},
            "/v2/images": {"images": []},
        }
        found = known.get(self.path.partition("?")[0])
        token = {"token": self.headers.get("X-Auth-Token")}
        shown = {} if found is None else {**self.shown, **token, **found}
        body = json.dumps(shown).encode()
        self.send_response(404 if found is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--config-file", required=True)
    parser.add_argument("--bind", required=True)
    parser.add_argument("--identity")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    config = configparser.ConfigParser(interpolation=None)
    config.read(given.config_file)
    if config.has_option("stand_in", "fail"):
        sys.exit(f"cannot start: {config.get('stand_in', 'fail')}")
    Handler.shown = {
        "config": {name: dict(config[name]) for name in config.sections()},
        "identity": given.identity,
    }
    host, _, port = given.bind.partition(":")
    server = ThreadingHTTPServer((host, int(port)), Handler)
    for _ in range(given.workers):
        if os.fork() == 0:
            break
    server.serve_forever()


if __name__ == "__main__":
    main()
