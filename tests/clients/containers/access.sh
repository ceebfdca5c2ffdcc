# Who may do what, and what clients show those who may not.

logs_in() {
  local TOKEN=${TOKEN:-none}
  skopeo login --authfile auth.json --username anyone --password "$TOKEN" "$HOST" &&
    podman login --authfile auth.json --username anyone --password "$TOKEN" "$HOST" &&
    DOCKER_CONFIG=$PWD oras login --plain-http --username anyone --password "$TOKEN" "$HOST" &&
    HELM_REGISTRY_CONFIG=$PWD/helm.json helm registry login --plain-http --username anyone \
      --password "$TOKEN" "$HOST"
}

# shows_refusal COMMAND…: the command fails, and says that it may not, in whatever spelling.
shows_refusal() {
  local output
  output=$(refuses "$@" 2>&1) || { printf '%s\n' "$output"; return 1; }
  printf '%s\n' "$output"
  grep -iE 'unauthorized|denied|invalid username/password' <<<"$output"
}

# refused_login COMMAND…: a wrong password is said to be one.
refused_login() {
  shows_refusal "$@" --username anyone --password wrong "$HOST"
}

skopeo_refused() { refused_login skopeo login --authfile auth.json; }
podman_refused() { refused_login podman login --authfile auth.json; }
helm_refused() {
  HELM_REGISTRY_CONFIG=$PWD/helm.json refused_login helm registry login --plain-http
}
oras_refused() {
  DOCKER_CONFIG=$PWD refused_login oras login --plain-http
}

crane_refused() {
  shows_refusal as wrong crane push "$made/single" "$REG/access/wrong:1"
}

# Reading a public repository takes nothing, not even where the credentials are of no use.
anonymous_pulls() {
  as "" skopeo copy "docker://$REG/team/app:1.0" dir:one &&
    as "" crane pull --format oci "$REG/team/app:1.0" two &&
    as "" podman pull "$REG/team/app:1.0" &&
    as "" oras manifest fetch --plain-http "$REG/team/app:1.0" >/dev/null
}

anonymous_push_refused() {
  shows_refusal as "" crane push "$made/single" "$REG/access/anonymous:1"
}

reader_push_refused() {
  as "$READ_TOKEN" crane pull --format oci "$REG/team/app:1.0" one &&
    shows_refusal as "$READ_TOKEN" crane push "$made/single" "$REG/access/reader:1"
}

# The token of one repository opens no other.
foreign_push_refused() {
  shows_refusal as "$PRIVATE_TOKEN" crane push "$made/single" "$REG/access/foreign:1"
}

private_pushed() {
  as "$PRIVATE_TOKEN" crane push "$made/single" "$HOST/private/app:1" &&
    as "$PRIVATE_TOKEN" crane pull --format oci "$HOST/private/app:1" one &&
    as "$PRIVATE_TOKEN" skopeo inspect "docker://$HOST/private/app:1"
}

private_refused() {
  refuses as "" crane manifest "$HOST/private/app:1" &&
    refuses as "$READ_TOKEN" crane manifest "$HOST/private/app:1" &&
    refuses as "" skopeo inspect "docker://$HOST/private/app:1" &&
    refuses grep private <(as "" crane catalog "$HOST")
}

# Nobody mounts what they may not read: the bytes are asked for instead.
private_not_mounted() {
  local digest
  digest=$(as "$PRIVATE_TOKEN" crane manifest "$HOST/private/app:1" | json layers 0 digest) &&
    api POST "/v2/main/access/mount/blobs/uploads/?mount=$digest&from=private/app" --data '' \
      --dump-header head && grep '^HTTP/1.1 202' head &&
    refuses api HEAD "/v2/main/access/mount/blobs/$digest" --head
}

# A challenge tells a client where its token is from, and what it is for (token.md).
challenge() {
  curl -sS --noproxy '*' --dump-header head "$URL/v2/" >/dev/null
  grep '^HTTP/1.1 401' head && grep -i '^www-authenticate: bearer realm="http' head &&
    grep -i '^www-authenticate: .*service="' head
}

# by_form FIELD=VALUE…: asks for a token as Docker's clients do by POST (oauth.md).
by_form() {
  local field fields=()
  for field in "$@"; do
    fields+=(--data-urlencode "$field")
  done
  curl -sS --noproxy '*' --include "$URL/v2/-/token" --data service=registry --data client_id=curl \
    --data-urlencode scope=repository:main/team/app:pull,push "${fields[@]}"
}

token_by_form() {
  local access
  by_form grant_type=password username=anyone "password=$TOKEN" >answer
  access=$(tail -n 1 answer | json access_token) &&
    curl -fsS --noproxy '*' --header "Authorization: Bearer $access" --data '' \
      "$URL/v2/main/team/app/blobs/uploads/" &&
    by_form grant_type=password username=anyone password=wrong >answer &&
    grep '^HTTP/1.1 401' answer &&
    by_form grant_type=refresh_token "refresh_token=$TOKEN" >answer &&
    grep '^HTTP/1.1 400' answer
}

access_cases() {
  if [ -z "${REGISTRY_URL:-}" ]; then
    READ_TOKEN=$(token read)
    "$PROVENDER" repo create --data "$DATA" private --quiet
    PRIVATE_TOKEN=$(token publish private)
  fi
  with "skopeo podman oras helm" "clients log in" logs_in
  ours skopeo "skopeo shows that a password is wrong" skopeo_refused
  ours podman "podman shows that a password is wrong" podman_refused
  ours helm "helm shows that a password is wrong" helm_refused
  ours oras "oras shows that a password is wrong" oras_refused
  ours crane "crane shows that a password is wrong" crane_refused
  with "skopeo podman crane oras" "everybody pulls from a public repository" anonymous_pulls
  ours crane "nobody pushes without a token" anonymous_push_refused
  ours crane "a token for reading pushes nothing" reader_push_refused
  ours crane "a token of another repository pushes nothing" foreign_push_refused
  ours "crane skopeo" "a private repository takes its own" private_pushed
  ours "crane skopeo" "a private repository shows nothing to others" private_refused
  ours crane "nothing is mounted from what one may not read" private_not_mounted
  ours "" "a challenge says where tokens are had" challenge
  ours "" "a token is had by a form" token_by_form
}
