# sigstore-python: by --trust-config, and as a TUF instance.

# python_sign FILE BUNDLE
python_sign() {
  sigstore_python --trust-config "$TRUST" sign --identity-token "$(identity_token)" \
    --overwrite --bundle "$2" "$1"
}

# python_verify FILE BUNDLE: of a bundle over the file, or an attestation about it.
python_verify() {
  sigstore_python --trust-config "$TRUST" verify identity --bundle "$2" \
    --cert-identity "$IDENTITY" --cert-oidc-issuer "$ISSUER" "$1"
}

# python_attest FILE BUNDLE
python_attest() {
  sigstore_python --trust-config "$TRUST" attest --identity-token "$(identity_token)" \
    --predicate "$made/predicate.json" --predicate-type https://slsa.dev/provenance/v1 \
    --overwrite --bundle "$2" "$1"
}

python_verify_attestation() {
  python_verify "$@"
}

# The JavaScript client's command is called sigstore too.
sigstore_python() {
  "$SIGSTORE_CLIENTS/venv/bin/sigstore" "$@"
}

# As a TUF instance: trusted once by its root, then named by its address.
python_instance() {
  local instance=$ORIGIN/-/tuf
  echo hello >file
  sigstore_python --instance "$instance" trust-instance "$TUF_ROOT_FILE" &&
    sigstore_python --instance "$instance" sign --identity-token "$(identity_token)" file &&
    sigstore_python --instance "$instance" verify identity --cert-identity "$IDENTITY" \
      --cert-oidc-issuer "$ISSUER" file &&
    sigstore_python --instance "$instance" verify identity --offline --cert-identity "$IDENTITY" \
      --cert-oidc-issuer "$ISSUER" file
}

python_wrong_identity() {
  echo hello >file
  python_sign file bundle.json || return 1
  IDENTITY=$IDENTITY-of-another refuses python_verify file bundle.json &&
    ISSUER=$ISSUER/other refuses python_verify file bundle.json
}

# Many files at once: as many entries of the log, submitted together.
python_many() {
  local number
  for number in $(seq 1 20); do echo "$number" >"file-$number"; done
  sigstore_python --trust-config "$TRUST" sign --identity-token "$(identity_token)" file-* &&
    sigstore_python --trust-config "$TRUST" verify identity --cert-identity "$IDENTITY" \
      --cert-oidc-issuer "$ISSUER" $(seq -f 'file-%g' 1 20)
}

python_cases() {
  with sigstore-python "sigstore-python signs and verifies as a TUF instance" python_instance
  with sigstore-python "sigstore-python refuses another identity or issuer" python_wrong_identity
  with sigstore-python "sigstore-python signs twenty files at once" python_many
}
