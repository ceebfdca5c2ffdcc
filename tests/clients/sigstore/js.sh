# sigstore-js: its library with the signing config, its command with the TUF mirror.

# js_sign FILE BUNDLE
js_sign() {
  identity_token >token.jwt &&
    js_program sign.mjs "$SIGNING_CONFIG" token.jwt message "$1" "$2"
}

# js_attest FILE BUNDLE
js_attest() {
  statement "$1" >statement.json && identity_token >token.jwt &&
    js_program sign.mjs "$SIGNING_CONFIG" token.jwt statement statement.json "$2"
}

# js_verify FILE BUNDLE
js_verify() {
  js_command verify "$2" --blob-file "$1" \
    --certificate-issuer "$ISSUER" --certificate-identity-uri "$IDENTITY"
}

# js_verify_attestation FILE BUNDLE
js_verify_attestation() {
  js_command verify "$2" \
    --certificate-issuer "$ISSUER" --certificate-identity-uri "$IDENTITY"
}

js_command() {
  "$SIGSTORE_CLIENTS/js/node_modules/.bin/sigstore" "$@" --tuf-mirror-url "$ORIGIN/-/tuf" \
    --tuf-root-path "$TUF_ROOT_FILE" --tuf-cache-path "$SCRATCH/js-tuf"
}

# Programs of ours import what npm has installed, so they are run from where it is.
js_program() {
  cp "$here/$1" "$SIGSTORE_CLIENTS/js/$1" && node "$SIGSTORE_CLIENTS/js/$1" "${@:2}"
}

# The library alone, with the trusted root as a file: nothing is asked of anybody.
js_offline() {
  echo hello >file
  js_sign file bundle.json &&
    js_program verify.mjs "$TRUSTED_ROOT" bundle.json file "$IDENTITY" "$ISSUER" &&
    refuses js_program verify.mjs "$TRUSTED_ROOT" bundle.json file "$IDENTITY" "$ISSUER/other"
}

js_cases() {
  with sigstore-js "sigstore-js verifies with nothing but the trusted root" js_offline
}
