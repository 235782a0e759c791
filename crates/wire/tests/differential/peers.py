"""What Python's http.client and h11 make of responses.

Each line of standard input is a JSON object: `method` of the request and `input`, the bytes that the server sends before it
closes, in base64. Each line of standard output is a JSON object with an outcome under `http.client` and one under `h11`.
"""

import base64
import http.client
import io
import json
import re
import sys

import h11


def field_lines(pairs):
    """A folded line is joined by one space; white space around a value is not part of it."""
    return [[name, re.sub("[ \t]*\r?\n[ \t]+", " ", value).strip(" \t")] for name, value in pairs]


def accepted(status, headers, body, trailers, informational, left):
    return {
        "accepted": True,
        "status": status,
        "headers": field_lines(headers),
        "body": base64.b64encode(body).decode(),
        "trailers": trailers if trailers is None else field_lines(trailers),
        "informational": informational,
        "left": left,
    }


def refused(error):
    return {"accepted": False, "why": f"{type(error).__name__}: {error}"}


class Socket(io.BytesIO):
    """Both a socket and its file; it stays open, to tell how far it was read."""

    def makefile(self, _mode):
        return self

    def close(self):
        pass


def ask_http_client(method, data):
    socket = Socket(data)
    try:
        response = http.client.HTTPResponse(socket, method=method)
        response.begin()
        body = response.read()
    except (http.client.HTTPException, ValueError, OverflowError, MemoryError) as error:
        return refused(error)
    # It drops trailers unseen, and tells nothing of informational responses.
    return accepted(response.status, response.getheaders(), body, None, None, len(data) - socket.tell())


def latin_1(headers):
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.raw_items()]


def ask_h11(method, data):
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    response, body, trailers, informational = None, b"", [], []
    try:
        connection.receive_data(data)
        connection.receive_data(b"")
        while True:
            event = connection.next_event()
            if isinstance(event, h11.InformationalResponse):
                informational.append(event.status_code)
            elif isinstance(event, h11.Response):
                response = event
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage):
                trailers = latin_1(event.headers)
                break
            else:
                return {"accepted": False, "why": f"it ends with {event!r}"}
    except h11.RemoteProtocolError as error:
        return refused(error)
    left = len(connection.trailing_data[0])
    return accepted(response.status_code, latin_1(response.headers), body, trailers, informational, left)


for line in sys.stdin:
    case = json.loads(line)
    data = base64.b64decode(case["input"])
    outcomes = {"http.client": ask_http_client(case["method"], data), "h11": ask_h11(case["method"], data)}
    print(json.dumps(outcomes))
