# pypi-attestations: what a publisher makes and attaches (PEP 740).

# A wheel of nothing, and an attestation for it, in ./dist.
attested_wheel() {
  mkdir -p dist
  python3 - "$1" <<'PYTHON'
import base64, hashlib, sys, zipfile

name = sys.argv[1]
info = f"{name}-1.0.dist-info"
files = {
    f"{name}/__init__.py": "",
    f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
    f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}

def line(path, content):
    digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest())
    return f"{path},sha256={digest.rstrip(b'=').decode()},{len(content)}\n"

files[f"{info}/RECORD"] = "".join(line(*item) for item in files.items()) + f"{info}/RECORD,,\n"
with zipfile.ZipFile(f"dist/{name}-1.0-py3-none-any.whl", "w") as wheel:
    for path, content in files.items():
        wheel.writestr(path, content)
PYTHON
  wheel=$PWD/dist/$1-1.0-py3-none-any.whl
  identity_token >token.jwt && python3 "$here/pep740.py" "$TRUST" token.jwt "$wheel"
}

# The bundle of each maker becomes an attestation in their own words.
pep740_converted() {
  pypi-attestations convert --output-file made.attestation "$1" &&
    says "$IDENTITY" pypi-attestations inspect made.attestation
}

# Published with the attestation by an unmodified uploader, and kept beside the file.
pep740_published() {
  attested_wheel "attested" || return 1
  twine --no-color upload --non-interactive --attestations --username __token__ \
    --password "$TOKEN" --repository-url "$URL/main/pypi/legacy/" dist/* || return 1
  curl -fsS --noproxy '*' --user "__token__:$TOKEN" \
    "$URL/main/pypi/integrity/attested/1.0/$(basename "$wheel")/provenance" -o provenance.json &&
    python3 "$here/pep740.py" --provenance provenance.json "$wheel"
}

# One that is about another file is refused, and so is the file.
pep740_foreign() {
  attested_wheel "first" && attested_wheel "second" || return 1
  mv dist/second-1.0-py3-none-any.whl.publish.attestation \
    dist/first-1.0-py3-none-any.whl.publish.attestation
  refuses twine --no-color upload --non-interactive --attestations --username __token__ \
    --password "$TOKEN" --repository-url "$URL/main/pypi/legacy/" dist/first-*
}

pep740_cases() {
  local maker
  for maker in "${makers[@]}"; do
    with "sigstore-python $(clients_of "$maker")" \
      "pypi-attestations converts an attestation of $(named "$maker")" \
      pep740_converted "$made/$maker.attestation.json"
  done
  with sigstore-python "an attestation is published with its file" pep740_published
  with sigstore-python "an attestation of another file is refused" pep740_foreign
}
