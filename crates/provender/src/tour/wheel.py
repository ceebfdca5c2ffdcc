"""Builds a small wheel with nothing but Python's own zipfile: FOLDER NAME VERSION SAYS.

Prints the file's name and its SHA-256.
"""

import base64
import hashlib
import pathlib
import sys
import zipfile

folder, name, version, says = sys.argv[1:]
stem = name.replace("-", "_")
metadata = f"{stem}-{version}.dist-info"
files = {
    f"{stem}/__init__.py": f"__version__ = {version!r}\nprint({says!r})\n",
    f"{metadata}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
    f"{metadata}/WHEEL": "Wheel-Version: 1.0\nGenerator: tour\n"
    "Root-Is-Purelib: true\nTag: py3-none-any\n",
}
record = ""
for path, text in files.items():
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    record += f"{path},sha256={digest},{len(text.encode())}\n"
files[f"{metadata}/RECORD"] = record + f"{metadata}/RECORD,,\n"

wheel = pathlib.Path(folder) / f"{stem}-{version}-py3-none-any.whl"
with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
    for path, text in files.items():
        archive.writestr(path, text)
print(wheel.name, hashlib.sha256(wheel.read_bytes()).hexdigest())
