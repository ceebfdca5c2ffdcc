# People: they sign in on a page of the server's, and clients sign as them.

EMAIL=ada@people.example
PASSWORD=correct-horse-battery

add_account() {
  printf '%s\n' "$PASSWORD" |
    "$PROVENDER" account add ada --data "$DATA" --email "$EMAIL" --password-stdin
}

# browse URL [ANSWER]: what a person does in a browser.
browse() {
  python3 "$here/browser.py" "$1" ada "$PASSWORD" "${@:2}"
}

by_password() {
  local token
  token=$(curl -fsS --noproxy '*' "$URL/-/oidc/token" --data grant_type=password \
    --data username=ada --data-urlencode "password=$PASSWORD" | json id_token) &&
    [ "$(claim email <<<"$token")" = "$EMAIL" ] &&
    refuses curl -fsS --noproxy '*' "$URL/-/oidc/token" --data grant_type=password \
      --data username=ada --data-urlencode "password=wrong-$PASSWORD"
}

# signed_as_person FILE BUNDLE: as another client than the one that signed sees it.
signed_as_person() {
  IDENTITY=$EMAIL provender_verify "$1" "$2"
}

# cosign_device ANSWER: cosign shows a code and an address, which a person opens.
cosign_device() {
  local pid url
  echo hello >file
  cosign sign-blob --yes --fulcio-auth-flow device --signing-config "$SIGNING_CONFIG" \
    --trusted-root "$TRUSTED_ROOT" --bundle bundle.json file >shown 2>&1 &
  pid=$!
  for _ in $(seq 1 100); do
    url=$(grep -o 'http://[^ ]*user_code=[A-Z-]*' shown) && break
    sleep 0.1
  done
  cat shown
  browse "$url" "$1" && wait "$pid"
}

cosign_approved() {
  cosign_device approve && signed_as_person file bundle.json
}

cosign_denied() {
  refuses cosign_device deny && says access_denied cat shown
}

# sigstore-python opens the browser, which comes back to it with a code.
python_browser() {
  echo hello >file
  printf '#!/bin/sh\nexec python3 %s "$1" ada %s\n' "$here/browser.py" "$PASSWORD" >browser
  chmod +x browser
  BROWSER="$PWD/browser %s" sigstore_python --trust-config "$TRUST" sign \
    --oidc-disable-ambient-providers --bundle bundle.json file &&
    signed_as_person file bundle.json
}

login_cases() {
  it "an account is made" add_account
  it "a name and a password become an identity token" by_password
  with cosign "cosign signs as a person who confirmed its code" cosign_approved
  with cosign "cosign signs nothing where the code was refused" cosign_denied
  with sigstore-python "sigstore-python signs as a person who signed in by the browser" python_browser
}
