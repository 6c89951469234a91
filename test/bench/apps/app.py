# The routes of test/fixtures/full.js that the bench asks for, as WSGI.
import hashlib
import json
import os
import time
from urllib.parse import parse_qs


def application(environ, start_response):
    query = parse_qs(environ.get("QUERY_STRING", ""))
    path = environ["PATH_INFO"]
    body = b"hello\n"
    if path == "/slow":
        time.sleep(int(query.get("ms", ["300"])[0]) / 1000)
        body = b"slow\n"
    elif path == "/upload":
        data = environ["wsgi.input"].read()
        body = json.dumps({"length": len(data), "sha1": hashlib.sha1(data).hexdigest()}, separators=(",", ":")).encode()
    headers = [("Content-Length", str(len(body))), ("X-Worker", str(os.getpid()))]
    if "n" in query:
        headers.append(("X-N", query["n"][0]))
    start_response("200 OK", headers)
    return [body]
