"""A web server with images, such as an operator has: a real nginx."""

import os
import signal
import socket
import uuid
from pathlib import Path
from string import Template

from tests.support.processes import Program, free_port
from tests.support.services import require_command

USER, PASSWORD = "reader", "pass word"

_CONFIG = Template("""
daemon off;
worker_processes 1;
pid $home/pid;
error_log $home/error.log;
user root;
events { worker_connections 256; }
http {
    access_log $home/access.log;
    client_body_temp_path $home/temporary/body; proxy_temp_path $home/temporary/proxy;
    fastcgi_temp_path $home/temporary/fastcgi; uwsgi_temp_path $home/temporary/uwsgi;
    scgi_temp_path $home/temporary/scgi;
    default_type application/octet-stream;
    sendfile on;
    server {
        listen 127.0.0.1:$port;
        $tls
        root $home/files;
        location ~ ^/redirect/(.*)$$ { return 302 /$$1; }
        location ~ ^/far/(.*)$$ { return 307 http://far.invalid/$$1; }
        location ~ ^/local/(.*)$$ { return 302 file:///$$1; }
        location /loop { return 302 /loop; }
        auth_basic_user_file $home/users;
        location /private/ { alias $home/files/; auth_basic images; }
        location /whole/ { alias $home/files/; max_ranges 0; }
        # Server-side includes change the length, so none is announced.
        location /nolength/ { alias $home/files/; ssi on; ssi_types *; }
        location /forbidden { return 403; }
        location /broken { return 500; }
        location /gone { return 410; }
        location /busy { return 503; }
    }
}
""")


class Nginx:
    """nginx on a port of its own, which serves what is in `files`.

    ``/redirect/X`` leads to ``/X``, ``/far/X`` to another host, ``/local/X`` to a file;
    ``/private/X`` is for `USER` with `PASSWORD`; ``/whole/X`` has no ranges, and
    ``/nolength/X`` announces no length. ``/loop``, ``/forbidden``, ``/broken``, ``/gone``
    and ``/busy`` are what they say.

    Attributes:
        url: ``http://127.0.0.1:PORT``, or https.
        port: The port.
        files: The directory.
        home: Where its configuration and its logs are.
    """

    def __init__(self, home: Path, *, certificate: Path | None = None) -> None:
        """Describe one; with a certificate and its key in one file it speaks TLS."""
        self.home = home
        self.files = home / "files"
        self.port = free_port()
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self._certificate = certificate
        config = home / "nginx.conf"
        command = [require_command("nginx"), "-e", str(home / "error.log"), "-c", str(config)]
        self._program = Program(command, log_file=home / "nginx.log")

    def start(self) -> None:
        """Start it and wait until it answers."""
        (self.home / "temporary").mkdir(parents=True, exist_ok=True)
        self.files.mkdir(exist_ok=True)
        (self.home / "users").write_text(f"{USER}:{{PLAIN}}{PASSWORD}\n")
        tls = ""
        if self._certificate is not None:
            key = self._certificate
            tls = f"ssl_certificate {key}; ssl_certificate_key {key};"
            listen = f"{self.port} ssl"
        else:
            listen = str(self.port)
        text = _CONFIG.substitute(home=self.home, port=listen, tls=tls)
        (self.home / "nginx.conf").write_text(text)
        self._program.start()
        self._program.wait_for(self._answers)

    def stop(self) -> None:
        self._program.stop()

    def pause(self) -> None:
        """Have it take connections, and say nothing."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """End a pause."""
        self._signal(signal.SIGCONT)

    def publish(self, data: bytes, name: str | None = None) -> str:
        """Serve *data*, under some name if none is given; return its URL."""
        name = name or str(uuid.uuid4())
        (self.files / name).write_bytes(data)
        return f"{self.url}/{name}"

    def requests(self) -> list[str]:
        """The lines of the access log."""
        return (self.home / "access.log").read_text().splitlines()

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=10):
                return True
        except OSError:
            return False

    def _signal(self, number: int) -> None:
        for pid in self._program.pids():
            os.kill(pid, number)
