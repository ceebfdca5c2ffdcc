# What each client makes, each one verifies; and none of them a file that was changed.

makers=(python js cosign provender)
clients_of() {
  case $1 in
    python) echo sigstore-python ;;
    js) echo sigstore-js ;;
    *) echo "$1" ;;
  esac
}

named() {
  case $1 in
    python | js) echo "sigstore-$1" ;;
    *) echo "$1" ;;
  esac
}

# statement FILE: an in-toto statement about it.
statement() {
  python3 - "$1" "$made/predicate.json" <<'PYTHON'
import hashlib, json, os, sys

with open(sys.argv[1], "rb") as file:
    digest = hashlib.sha256(file.read()).hexdigest()
print(json.dumps({
    "_type": "https://in-toto.io/Statement/v1",
    "subject": [{"name": os.path.basename(sys.argv[1]), "digest": {"sha256": digest}}],
    "predicateType": "https://slsa.dev/provenance/v1",
    "predicate": json.load(open(sys.argv[2])),
}))
PYTHON
}

# refused CLIENT: what it signed itself, beside a file with two bytes changed.
refused() {
  cp "$made/artifact.bin" artifact.bin &&
    "$1_verify" artifact.bin "$made/$1.blob.json" || return 1
  printf '\377\377' | dd of=artifact.bin bs=1 seek=100 conv=notrunc status=none
  refuses "$1_verify" artifact.bin "$made/$1.blob.json"
}

# all_pairs PREFIX NOUN SIGN VERIFY: makes with every client, then verifies with every client.
all_pairs() {
  local maker verifier bundle
  for maker in "${makers[@]}"; do
    with "$(clients_of "$maker")" "$(named "$maker") makes $2" \
      "${maker}_$3" "$made/artifact.bin" "$made/$maker.$1.json"
  done
  for maker in "${makers[@]}"; do
    bundle=$made/$maker.$1.json
    for verifier in "${makers[@]}"; do
      with "$(clients_of "$maker") $(clients_of "$verifier")" \
        "$(named "$verifier") verifies $2 of $(named "$maker")" \
        "${verifier}_$4" "$made/artifact.bin" "$bundle"
    done
  done
}

matrix_cases() {
  local verifier
  head -c 100000 /dev/urandom >"$made/artifact.bin"
  all_pairs blob "a signature" sign verify
  all_pairs attestation "an attestation" attest verify_attestation
  for verifier in "${makers[@]}"; do
    with "$(clients_of "$verifier")" "$(named "$verifier") refuses a changed file" \
      refused "$verifier"
  done
}
