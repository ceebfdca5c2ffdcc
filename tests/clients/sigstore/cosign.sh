# cosign: with the trusted root and the signing config as files, and by its own TUF client.

# A raw token is taken for a file's name unless it is signed by RSA, so it always goes in a file,
# and one without a line's end, which cosign would send along.
cosign_token() {
  identity_token | tr -d '\n' >token.jwt
}

# cosign_sign FILE BUNDLE
cosign_sign() {
  cosign_token &&
    cosign sign-blob --yes --identity-token token.jwt --signing-config "$SIGNING_CONFIG" \
      --trusted-root "$TRUSTED_ROOT" --bundle "$2" "$1"
}

# cosign_verify FILE BUNDLE
cosign_verify() {
  cosign verify-blob --trusted-root "$TRUSTED_ROOT" --bundle "$2" \
    --certificate-identity "$IDENTITY" --certificate-oidc-issuer "$ISSUER" "$1"
}

# cosign_attest FILE BUNDLE: of a whole statement, for the ones that cosign makes of a predicate
# are of the first version, which sigstore-python does not take.
cosign_attest() {
  statement "$1" >statement.json && cosign_token &&
    cosign attest-blob --yes --identity-token token.jwt --signing-config "$SIGNING_CONFIG" \
      --trusted-root "$TRUSTED_ROOT" --statement statement.json --bundle "$2"
}

# cosign_verify_attestation FILE BUNDLE
cosign_verify_attestation() {
  cosign verify-blob-attestation --trusted-root "$TRUSTED_ROOT" --bundle "$2" \
    --certificate-identity "$IDENTITY" --certificate-oidc-issuer "$ISSUER" \
    --type https://slsa.dev/provenance/v1 "$1"
}

# What cosign makes of a predicate, it verifies itself.
cosign_predicate() {
  echo hello >file
  cosign_token &&
    cosign attest-blob --yes --identity-token token.jwt --signing-config "$SIGNING_CONFIG" \
      --trusted-root "$TRUSTED_ROOT" --predicate "$made/predicate.json" \
      --type https://slsa.dev/provenance/v1 --bundle bundle.json file &&
    cosign_verify_attestation file bundle.json
}

# By TUF: nothing is named but the mirror, once.
cosign_initialized() {
  echo hello >file
  cosign initialize --mirror "$ORIGIN/-/tuf" --root "$TUF_ROOT_FILE" || return 1
  cosign_token &&
    cosign sign-blob --yes --identity-token token.jwt --bundle bundle.json file &&
    cosign verify-blob --bundle bundle.json --certificate-identity "$IDENTITY" \
      --certificate-oidc-issuer "$ISSUER" file
}

# By client credentials: the token is the secret, and no identity token is handed over by hand.
cosign_credentials() {
  echo hello >file
  printf %s "$TOKEN" >secret
  cosign sign-blob --yes --fulcio-auth-flow client_credentials --oidc-client-id sigstore \
    --oidc-client-secret-file secret --signing-config "$SIGNING_CONFIG" \
    --trusted-root "$TRUSTED_ROOT" --bundle bundle.json file &&
    cosign_verify file bundle.json
}

cosign_wrong_identity() {
  echo hello >file
  cosign_sign file bundle.json || return 1
  IDENTITY=$IDENTITY-of-another refuses cosign_verify file bundle.json &&
    ISSUER=$ISSUER/other refuses cosign_verify file bundle.json
}

# A key of one's own says nothing about who holds it: the log takes it from nobody unknown.
cosign_with_key() {
  echo hello >file
  export COSIGN_PASSWORD=
  cosign generate-key-pair &&
    refuses cosign sign-blob --yes --key cosign.key --signing-config "$SIGNING_CONFIG" \
      --trusted-root "$TRUSTED_ROOT" --bundle bundle.json file
}

cosign_cases() {
  with cosign "cosign signs and verifies after cosign initialize" cosign_initialized
  with cosign "cosign attests to a predicate" cosign_predicate
  with cosign "cosign signs by client credentials" cosign_credentials
  with cosign "cosign refuses another identity or issuer" cosign_wrong_identity
  with cosign "the log takes no unknown key from cosign" cosign_with_key
}
