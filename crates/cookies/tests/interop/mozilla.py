"""What Python's MozillaCookieJar makes of cookies.

    mozilla.py copy FROM TO          loads a file and saves it as another
    mozilla.py header FROM URL       prints the Cookie field of a request
    mozilla.py store TO URL LINE...  stores Set-Cookie lines of a response and saves them
"""

import sys
from email.message import Message
from http.cookiejar import MozillaCookieJar
from urllib.request import Request


class Response:
    def __init__(self, lines):
        self.message = Message()
        for line in lines:
            self.message["Set-Cookie"] = line

    def info(self):
        return self.message


def load(path):
    jar = MozillaCookieJar(path)
    # A session cookie of curl's has the expiry 0, which Python takes for 1970.
    jar.load(ignore_discard=True, ignore_expires=True)
    return jar


command, *arguments = sys.argv[1:]
if command == "copy":
    load(arguments[0]).save(arguments[1], ignore_discard=True, ignore_expires=True)
elif command == "header":
    jar, request = load(arguments[0]), Request(arguments[1])
    for cookie in jar:
        # Or it would leave out what "expired" in 1970.
        cookie.expires = cookie.expires or None
    jar.add_cookie_header(request)
    print(request.get_header("Cookie", ""))
else:
    path, url, *lines = arguments
    jar = MozillaCookieJar(path)
    jar.extract_cookies(Response(lines), Request(url))
    jar.save(ignore_discard=True, ignore_expires=True)
