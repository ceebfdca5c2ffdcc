"""A browser's part in signing in: opens an address, fills in whatever forms come, and sends them.

browser.py URL ACCOUNT PASSWORD [approve|deny]
"""

import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from html.parser import HTMLParser


class Forms(HTMLParser):
    """The forms of a page: where each is sent, and its fields."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "form":
            self.forms.append((found.get("action", ""), {}))
        elif tag in ("input", "button") and self.forms and "name" in found:
            self.forms[-1][1].setdefault(found["name"], found.get("value") or "")


def load(request) -> tuple[str, str]:
    # Straight to the server, whatever proxies the machine is set up to use.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as response:
        return response.url, response.read().decode()


url, account, password = sys.argv[1:4]
answer = sys.argv[4] if len(sys.argv) > 4 else "approve"
known = {"account": account, "password": password, "answer": answer}
try:
    address, page = load(url)
    # Two steps at most: who it is, and the answer.
    for _ in range(2):
        parser = Forms()
        parser.feed(page)
        if not parser.forms:
            break
        action, fields = parser.forms[0]
        fields |= {name: value for name, value in known.items() if name in fields}
        body = urllib.parse.urlencode(fields).encode()
        target = urllib.parse.urljoin(address, action)
        origin = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(target))
        headers = {"Origin": origin, "Sec-Fetch-Site": "same-origin"}
        address, page = load(urllib.request.Request(target, body, headers))
except urllib.error.HTTPError as error:
    page = error.read().decode()
    print(error.code)
print(re.sub(r"<[^>]*>|\s+", " ", page))
