"""Uploads a wheel with nothing but Python's own urllib: URL FILE NAME VERSION.

The token is taken from TWINE_PASSWORD, as twine takes it.
"""

import base64
import hashlib
import os
import pathlib
import sys
import urllib.error
import urllib.request
import uuid

url, file, name, version = sys.argv[1:]
content = pathlib.Path(file).read_bytes()
fields = {
    ":action": "file_upload",
    "protocol_version": "1",
    "metadata_version": "2.1",
    "name": name,
    "version": version,
    "filetype": "bdist_wheel",
    "pyversion": "py3",
    "sha256_digest": hashlib.sha256(content).hexdigest(),
}
boundary = uuid.uuid4().hex
body = b"".join(
    f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
    for key, value in fields.items()
)
body += (
    f'--{boundary}\r\nContent-Disposition: form-data; name="content"; '
    f'filename="{pathlib.Path(file).name}"\r\nContent-Type: application/octet-stream\r\n\r\n'
).encode()
body += content + f"\r\n--{boundary}--\r\n".encode()
credentials = base64.b64encode(f"__token__:{os.environ['TWINE_PASSWORD']}".encode()).decode()
request = urllib.request.Request(
    url,
    body,
    {
        "Authorization": f"Basic {credentials}",
        "Content-Type": f"multipart/form-data; boundary={boundary}",
    },
)
try:
    with urllib.request.urlopen(request) as response:
        print(f"{pathlib.Path(file).name}: {response.status} {response.reason}")
except urllib.error.HTTPError as error:
    sys.exit(f"refused: {error.code} {error.reason}")
