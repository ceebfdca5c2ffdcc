# The program's own command line, among the others.

# provender_sign FILE BUNDLE
provender_sign() {
  PROVENDER_TOKEN=$TOKEN "$PROVENDER" sign --server "$URL" --output "$2" "$1"
}

# provender_verify FILE BUNDLE
provender_verify() {
  "$PROVENDER" verify --trust "$TRUST" --bundle "$2" --identity "$IDENTITY" --issuer "$ISSUER" "$1"
}

# provender_attest FILE BUNDLE
provender_attest() {
  PROVENDER_TOKEN=$TOKEN "$PROVENDER" attest --server "$URL" --output "$2" \
    --predicate "$made/predicate.json" --predicate-type https://slsa.dev/provenance/v1 "$1"
}

provender_verify_attestation() {
  provender_verify "$@"
}
