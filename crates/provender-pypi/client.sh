#!/usr/bin/env bash
# Drives the real pip, uv and twine against a real server: publish, install, refuse, yank, mirror,
# quarantine, claim a name, outlive an upstream.
#
# Starts a server of its own, unless PROVENDER_URL names one that runs and whose repository `main`
# PROVENDER_PUBLISH_TOKEN may publish to.

# shellcheck source=../../tests/clients/lib.sh
. "$(dirname "$0")/../../tests/clients/lib.sh"

export PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_RETRIES=0
export UV_NO_CACHE=1 UV_NO_CONFIG=1 UV_NO_PROGRESS=1 UV_HTTP_RETRIES=0 UV_PYTHON_DOWNLOADS=never
export TWINE_NON_INTERACTIVE=1 PYTHONDONTWRITEBYTECODE=1 COLUMNS=400
# Whatever this machine's clients use beside an index would answer in the server's place.
client() {
  env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL -u PIP_INDEX_URL -u UV_INDEX -u UV_DEFAULT_INDEX \
    -u UV_INDEX_URL -u UV_EXTRA_INDEX_URL -u UV_FIND_LINKS "$@"
}

# make_files NAME VERSION TEXT [FOLDER]: a wheel and a source distribution that hold TEXT.
make_files() {
  python3 - "$1" "$2" "$3" "${4:-dist}" <<'PYTHON'
import base64, gzip, hashlib, io, os, sys, tarfile, zipfile

name, version, text, folder = sys.argv[1:]
stem = name.replace("-", "_")
metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nRequires-Python: >=3.8\n"
info = f"{stem}-{version}.dist-info"
files = {
    f"{stem}/__init__.py": f"TEXT = {text!r}\n",
    f"{info}/METADATA": metadata,
    f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}

def line(path, content):
    digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest())
    return f"{path},sha256={digest.rstrip(b'=').decode()},{len(content)}\n"

record = f"{info}/RECORD"
files[record] = "".join(line(*item) for item in files.items()) + f"{record},,\n"
os.makedirs(folder, exist_ok=True)
with zipfile.ZipFile(f"{folder}/{stem}-{version}-py3-none-any.whl", "w") as wheel:
    for path, content in files.items():
        wheel.writestr(zipfile.ZipInfo(path), content)
sources = {
    "PKG-INFO": metadata,
    f"{stem}/__init__.py": files[f"{stem}/__init__.py"],
    # A build backend of its own, so that pip needs no build tool from anywhere.
    "pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'backend'\nbackend-path = ['.']\n",
    "backend.py": f"""
import os
def prepare_metadata_for_build_wheel(folder, settings=None):
    os.mkdir(os.path.join(folder, {info!r}))
    with open(os.path.join(folder, {info!r}, "METADATA"), "w") as file:
        file.write({metadata!r})
    return {info!r}
""",
}
# The same files give the same bytes: without the time of day.
with gzip.GzipFile(f"{folder}/{stem}-{version}.tar.gz", "wb", mtime=0) as packed, \
        tarfile.open(fileobj=packed, mode="w") as sdist:
    for path, content in sources.items():
        entry = tarfile.TarInfo(f"{stem}-{version}/{path}")
        entry.size = len(content)
        sdist.addfile(entry, io.BytesIO(content.encode()))
PYTHON
}

twine_upload() {
  client twine --no-color upload --repository-url "$INDEX/legacy/" \
    --username __token__ --password "${TOKEN}" "$@"
}

uv_publish() {
  client uv publish --publish-url "$INDEX/legacy/" --token "$TOKEN" "$@"
}

# new_environment: a Python environment in ./venv, whose pip is the one under test.
new_environment() {
  client uv venv --quiet venv
}

pip_install() {
  client pip --python venv/bin/python install --index-url "$INDEX/simple/" "$@"
}

uv_install() {
  client uv pip install --python venv/bin/python --default-index "$INDEX/simple/" "$@"
}

# holds NAME TEXT: what is installed in ./venv is what was published.
holds() {
  [ "$(venv/bin/python -c "import $1; print($1.TEXT)")" = "$2" ]
}

twine_publishes() {
  make_files acme-twine 1.0 first && twine_upload dist/*
}

uv_publishes() {
  make_files acme-uv 1.0 first && uv_publish dist/*
}

pip_installs() {
  new_environment && pip_install acme-twine && holds acme_twine first
}

pip_installs_by_another_spelling() {
  new_environment && pip_install Acme.Twine && holds acme_twine first
}

pip_downloads_the_source() {
  client pip download --no-deps --no-binary :all: --index-url "$INDEX/simple/" acme-uv==1.0 &&
    [ -f acme_uv-1.0.tar.gz ]
}

pip_reads_metadata_first() {
  says .whl.metadata client pip download --no-deps --index-url "$INDEX/simple/" acme-twine
}

pip_lists_versions() {
  make_files acme-twine 1.1 second && twine_upload dist/* &&
    says "Available versions: 1.1, 1.0" client pip index versions acme-twine \
      --index-url "$INDEX/simple/"
}

uv_installs() {
  new_environment && uv_install acme-uv && holds acme_uv first
}

uv_locks_with_digests() {
  echo acme-uv >requirements.in
  says --hash=sha256: client uv pip compile --quiet --generate-hashes \
    --default-index "$INDEX/simple/" requirements.in
}

the_same_file_again() {
  make_files acme-uv 1.0 first && twine_upload dist/* && uv_publish dist/*
}

twine_shows_why_other_bytes_are_refused() {
  make_files acme-twine 1.0 tampered && says "already" refuses twine_upload dist/*.whl
}

uv_shows_why_other_bytes_are_refused() {
  make_files acme-uv 1.0 tampered && says "already" refuses uv_publish dist/*.whl
}

the_first_bytes_stay() {
  new_environment && pip_install acme-twine==1.0 && holds acme_twine first
}

twine_shows_what_is_wrong_with_a_wheel() {
  make_files acme-wrong 1.0 text
  mv dist/acme_wrong-1.0-py3-none-any.whl dist/acme_wrong-2.0-py3-none-any.whl
  # twine reads name and version from the archive and sends them beside the file's name.
  says "version" refuses twine_upload dist/*.whl
}

uv_shows_what_is_wrong_with_a_wheel() {
  make_files acme-wrong 1.0 text
  python3 -c 'import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "a") as wheel: wheel.writestr("unlisted.py", "")' dist/*.whl
  says "does not list" refuses uv_publish dist/*.whl
}

twine_shows_that_a_token_is_wrong() {
  make_files acme-token 1.0 text && TOKEN=wrong says "401" refuses twine_upload dist/*.whl
}

uv_shows_that_a_token_is_wrong() {
  make_files acme-token 1.0 text && TOKEN=wrong says "token" refuses uv_publish dist/*.whl
}

# yank VERSION REASON: by the API, with the publisher's own token.
yank() {
  PROVENDER_TOKEN=$TOKEN "$PROVENDER" package yank --server "$URL" pypi acme-twine "$1" \
    --reason "$2"
}

a_yanked_version_is_not_chosen() {
  yank 1.1 "eats disks" && new_environment && pip_install acme-twine && holds acme_twine first &&
    rm -rf venv && new_environment && uv_install acme-twine && holds acme_twine first
}

a_pinned_yanked_version_is_installed_and_said_so() {
  new_environment && says "eats disks" pip_install acme-twine==1.1 && holds acme_twine second &&
    rm -rf venv && new_environment && says "eats disks" uv_install acme-twine==1.1
}

# operator COMMAND…: the command line, as the operator of the server that this script started.
operator() {
  "$PROVENDER" "$@" --data "$DATA"
}

# file_url NAME: the address of the first file that the index lists of a package.
file_url() {
  curl --silent --fail --noproxy '*' -H 'Accept: application/vnd.pypi.simple.v1+json' \
    "$INDEX/simple/$1/" | json files 0 url |
    python3 -c 'import sys, urllib.parse
print(urllib.parse.urljoin(sys.argv[1], sys.stdin.read().strip()))' "$INDEX/simple/$1/"
}

# A lock file may hold the address of a file that no index lists any more.
a_quarantined_file_is_not_installed_until_it_is_released() {
  local url
  make_files acme-odd 1.0 odd && twine_upload dist/*.whl && url=$(file_url acme-odd) || return 1
  operator quarantine add pypi acme-odd 1.0 --reason "looks wrong" || return 1
  new_environment || return 1
  says "No matching distribution" refuses pip_install acme-odd || return 1
  says "quarantine: looks wrong" refuses pip_install "$url" || return 1
  refuses uv_install acme-odd && says "looks wrong" refuses uv_install "$url" || return 1
  operator package release pypi acme-odd 1.0 --reason "it was not" || return 1
  pip_install acme-odd && holds acme_odd odd || return 1
  rm -rf venv && new_environment && uv_install acme-odd && holds acme_odd odd
}

# serve_upstream FOLDER PORT: a folder's wheels as an index that lists its names and knows of no digest.
serve_upstream() {
  python3 - "$1" <<'PYTHON' || return 1
import os, sys

folder = sys.argv[1]
pages = {}
for file in sorted(os.listdir(f"{folder}/files")):
    name = file.split("-")[0].replace("_", "-")
    pages.setdefault(name, []).append(f'<a href="/files/{file}">{file}</a>')
pages = {f"{name}/": links for name, links in pages.items()}
pages[""] = [f'<a href="/simple/{page}">{page[:-1]}</a>' for page in pages]
for page, links in pages.items():
    os.makedirs(f"{folder}/simple/{page}", exist_ok=True)
    with open(f"{folder}/simple/{page}index.html", "w") as out:
        out.write("<!DOCTYPE html><html><body>" + "<br>".join(links) + "</body></html>")
PYTHON
  in_background python3 -m http.server "$2" --bind 127.0.0.1 --directory "$1"
  upstream_pid=$!
  until curl --silent --fail --noproxy '*' --output /dev/null "http://127.0.0.1:$2/simple/"; do
    kill -0 "$upstream_pid" || return 1
    sleep 0.1
  done
}

# street: a repository before whose upstream, of this script's own, nobody else is asked.
open_street() {
  local port
  port=$(free_port)
  for version in 1.0 1.1; do make_files street-tool "$version" outside "$SCRATCH/street/files"; done
  make_files street-kept 1.0 kept "$SCRATCH/street/files"
  make_files street-late 1.0 late "$SCRATCH/street/files"
  rm "$SCRATCH"/street/files/*.tar.gz
  serve_upstream "$SCRATCH/street" "$port" &&
    operator repo create street --visibility public &&
    operator upstream add pypi "http://127.0.0.1:$port/simple/" --repo street --watch-names
}

a_claimed_name_is_installed_from_here() {
  local INDEX=$URL/street/pypi TOKEN
  TOKEN=$(token publish street)
  new_environment && pip_install street-tool && holds street_tool outside || return 1
  make_files street-tool 2.0 inside && says "street-tool" refuses twine_upload dist/*.whl || return 1
  operator own add pypi street-tool --repo street && twine_upload dist/*.whl || return 1
  rm -rf venv && new_environment && pip_install street-tool && holds street_tool inside || return 1
  refuses pip_install street-tool==1.1 || return 1
  rm -rf venv && new_environment && uv_install street-tool && holds street_tool inside
}

a_namesake_of_a_claimed_name_is_told_of() {
  says street-tool operator upstream check-names --repo street &&
    says street-tool operator events --kind namesake
}

what_an_upstream_has_is_installed() {
  local INDEX=$URL/street/pypi
  new_environment && pip_install street-kept && holds street_kept kept
}

# Indexes that were asked for just now are not asked for again for some minutes: those are let pass by
# turning their time back.
close_street() {
  kill "$upstream_pid" && wait "$upstream_pid"
  stop_server
  python3 -c 'import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as database:
    database.execute("UPDATE listings SET fetched_at = fetched_at - 3600000000")' \
    "$DATA/metadata.sqlite"
  start_server --no-discover
}

what_was_installed_is_served_stale() {
  local INDEX=$URL/street/pypi
  says detail=stale curl --silent --noproxy '*' --head "$INDEX/simple/street-kept/" || return 1
  rm -rf venv && new_environment && pip_install street-kept && holds street_kept kept || return 1
  rm -rf venv && new_environment && uv_install street-kept && holds street_kept kept || return 1
  # pip shows no reason where an index fails; uv does.
  refuses pip_install street-late && says "cannot be reached" refuses uv_install street-late
}

what_is_unknown_is_not_found() {
  new_environment && refuses pip_install acme-unknown && refuses uv_install acme-unknown
}

pip_installs_from_upstream() {
  new_environment && pip_install --only-binary :all: six && venv/bin/python -c 'import six'
}

uv_installs_from_upstream() {
  new_environment && uv_install --only-binary :all: six && venv/bin/python -c 'import six'
}

if [ -n "${PROVENDER_URL:-}" ]; then
  URL=$PROVENDER_URL
  TOKEN=$PROVENDER_PUBLISH_TOKEN
else
  # Unless offline, the server adopts the index that this machine's clients are configured with.
  if [ "$OFFLINE" = 1 ]; then start_server --no-discover; else start_server; fi
  TOKEN=$(token)
  # No name of these cases is asked for upstream.
  "$PROVENDER" own --data "$DATA" add pypi 'acme-*' >/dev/null
fi
INDEX=$URL/main/pypi

it "twine publishes a wheel and a source distribution" twine_publishes
it "uv publishes a wheel and a source distribution" uv_publishes
it "pip installs" pip_installs
it "pip installs by another spelling of the name" pip_installs_by_another_spelling
it "pip reads metadata before the wheel" pip_reads_metadata_first
it "pip downloads a source distribution" pip_downloads_the_source
it "pip lists versions" pip_lists_versions
it "uv installs" uv_installs
it "uv locks with digests" uv_locks_with_digests
it "the same file may be published again" the_same_file_again
it "twine shows why other bytes are refused" twine_shows_why_other_bytes_are_refused
it "uv shows why other bytes are refused" uv_shows_why_other_bytes_are_refused
it "the first bytes stay" the_first_bytes_stay
it "twine shows what is wrong with a wheel" twine_shows_what_is_wrong_with_a_wheel
it "uv shows what is wrong with a wheel" uv_shows_what_is_wrong_with_a_wheel
it "twine shows that a token is wrong" twine_shows_that_a_token_is_wrong
it "uv shows that a token is wrong" uv_shows_that_a_token_is_wrong
it "a yanked version is not chosen" a_yanked_version_is_not_chosen
it "a pinned yanked version is installed, with the reason" \
  a_pinned_yanked_version_is_installed_and_said_so
it "what is unknown is not found" what_is_unknown_is_not_found
if [ -z "${PROVENDER_URL:-}" ]; then
  it "a quarantined file is not installed until it is released" \
    a_quarantined_file_is_not_installed_until_it_is_released
fi
it_online "pip installs from the upstream" pip_installs_from_upstream
it_online "uv installs from the upstream" uv_installs_from_upstream
# These change the server's settings, and end it in between.
if [ -z "${PROVENDER_URL:-}" ]; then
  upstream_pid=
  open_street >>"$SCRATCH/background.log" 2>&1
  it "a claimed name is installed from here" a_claimed_name_is_installed_from_here
  it "a namesake of a claimed name is told of" a_namesake_of_a_claimed_name_is_told_of
  it "what an upstream has is installed" what_an_upstream_has_is_installed
  close_street >>"$SCRATCH/background.log" 2>&1
  it "what was installed is served stale once its upstream is gone" what_was_installed_is_served_stale
fi
finish
