"""Serves the decoder's site on this machine with the headers that let a page have threads.

``python serve.py SITE [PORT]``. Pages get memory that threads share only if nothing of another site
can be in their process, which the two headers of ``HEADERS`` say.
"""

from __future__ import annotations

import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
}


class Handler(SimpleHTTPRequestHandler):
    """Serves files, each with the headers."""

    def end_headers(self) -> None:
        """End the headers of an answer."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()


if __name__ == "__main__":
    site, port = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 8000
    with ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, directory=site)) as server:
        print(f"http://127.0.0.1:{server.server_address[1]}/", flush=True)
        server.serve_forever()
