# Who signs: an identity token of the server's own issuer, and what clients are told to trust.

# fetch_trust: the trust config as one file, and its two halves as files of their own.
#   $TRUST  $TRUSTED_ROOT  $SIGNING_CONFIG  the files
#   $ORIGIN  $ISSUER                        what the server calls itself, and its issuer
#   $IDENTITY                               who signs: the subject of an identity token
fetch_trust() {
  TRUST=$SCRATCH/trust.json
  TRUSTED_ROOT=$SCRATCH/trusted_root.json
  SIGNING_CONFIG=$SCRATCH/signing_config.json
  TUF_ROOT_FILE=$SCRATCH/root.json
  curl -fsS --noproxy '*' "$URL/-/api/v1/trust" -o "$TRUST" || return 1
  curl -fsS --noproxy '*' "$URL/-/tuf/1.root.json" -o "$TUF_ROOT_FILE" || return 1
  json trustedRoot <"$TRUST" >"$TRUSTED_ROOT" || return 1
  json signingConfig <"$TRUST" >"$SIGNING_CONFIG" || return 1
  ISSUER=$(json signingConfig oidcUrls 0 url <"$TRUST") || return 1
  ORIGIN=${ISSUER%/-/oidc}
  IDENTITY=$(identity_token | claim sub) || return 1
}

# identity_token: prints a fresh identity token for $TOKEN (RFC 8693).
identity_token() {
  curl -fsS --noproxy '*' "$URL/-/oidc/token" \
    --data-urlencode grant_type=urn:ietf:params:oauth:grant-type:token-exchange \
    --data-urlencode "subject_token=$TOKEN" \
    --data-urlencode subject_token_type=urn:ietf:params:oauth:token-type:access_token \
    --data-urlencode audience=sigstore | json id_token
}

# claim NAME: prints one claim of the token on standard input.
claim() {
  python3 -c '
import base64, json, sys
body = sys.stdin.read().strip().split(".")[1]
print(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))[sys.argv[1]])' "$1"
}

discovery() {
  local document
  document=$(curl -fsS --noproxy '*' "$URL/-/oidc/.well-known/openid-configuration") || return 1
  [ "$(json issuer <<<"$document")" = "$ISSUER" ] || return 1
  curl -fsS --noproxy '*' "$(json jwks_uri <<<"$document")" | json keys 0 kid
}

# The same by client credentials (RFC 6749, 4.4): a token as the secret, in the head or in the form.
client_credentials() {
  curl -fsS --noproxy '*' "$URL/-/oidc/token" --user "sigstore:$TOKEN" \
    --data grant_type=client_credentials | json id_token | claim sub | grep -Fx "$IDENTITY" &&
    curl -fsS --noproxy '*' "$URL/-/oidc/token" --data grant_type=client_credentials \
      --data client_id=sigstore --data-urlencode "client_secret=$TOKEN" |
    json id_token | claim sub | grep -Fx "$IDENTITY"
}

wrong_token() {
  refuses curl -fsS --noproxy '*' "$URL/-/oidc/token" --user "sigstore:${TOKEN}x" \
    --data grant_type=client_credentials
}

# Everything but signing is for everybody to read.
public_reading() {
  local path
  for path in ca/api/v2/trustBundle ca/api/v2/configuration log/api/v2/checkpoint \
    tsa/api/v1/timestamp/certchain tuf/timestamp.json; do
    curl -fsS --noproxy '*' --output /dev/null "$URL/-/$path" || return 1
  done
}

identity_cases() {
  it "the issuer says who it is" discovery
  it "a token becomes an identity token by client credentials" client_credentials
  it "a wrong token becomes nothing" wrong_token
  it "everybody may read what signatures are checked by" public_reading
}
