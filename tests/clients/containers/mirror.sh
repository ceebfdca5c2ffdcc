# Images that are upstream: fetched once, and there for ever.

# start_upstream FOLDER ADDRESS: Debian's registry, which can delete. Sets $upstream_pid.
start_upstream() {
  cat >"$SCRATCH/upstream.yml" <<YAML
version: 0.1
log:
  level: error
storage:
  filesystem:
    rootdirectory: $1
  delete:
    enabled: true
http:
  addr: $2
YAML
  # It would take this variable for a setting of its own.
  env -u REGISTRY_AUTH_FILE docker-registry serve "$SCRATCH/upstream.yml" >>"$SCRATCH/upstream.log" 2>&1 &
  upstream_pid=$!
  background_pids+=("$upstream_pid")
  answers "http://$2/v2/"
}

stop_upstream() {
  kill "$upstream_pid" && wait "$upstream_pid" 2>/dev/null
}

# start_mirror UPSTREAM [PREFIX…]: a Provender with this upstream on $SCRATCH/mirror, started by
# the command before it. Sets $mirror_pid and $MIRROR; one that is started again keeps its address.
start_mirror() {
  [ -n "${MIRROR:-}" ] || MIRROR=127.0.0.1:$(free_port)
  HOME=$operator_home "${@:2}" "$PROVENDER" serve --data "$SCRATCH/mirror" --listen "$MIRROR" \
    --no-discover --upstream "oci=$1" >>"$SCRATCH/server.log" 2>&1 &
  mirror_pid=$!
  background_pids+=("$mirror_pid")
  answers "http://$MIRROR/-/health"
}

stop_mirror() {
  kill "$mirror_pid" && wait "$mirror_pid" 2>/dev/null
}

answers() {
  curl --silent --noproxy '*' --output /dev/null --retry 100 --retry-delay 1 --retry-connrefused \
    --retry-max-time 20 "$1"
}

# holds REFERENCE TAG: a registry gives the image that images.py made.
holds() {
  rm -rf pulled && crane pull --format oci "$1" pulled &&
    [ "$(crane digest "$1")" = "$(layout_digest "$made/layout" "$2")" ]
}

mirrors_by_tag() {
  holds "$MIRROR/main/library/x:1" app && skopeo copy "docker://$MIRROR/main/library/x:1" dir:one &&
    cmp one/manifest.json <(layout_bytes "$made/layout" app)
}

mirrors_by_digest() {
  local digest
  digest=$(layout_digest "$made/layout" other) &&
    skopeo copy "docker://$MIRROR/main/library/x@$digest" dir:one &&
    cmp one/manifest.json <(layout_bytes "$made/layout" other)
}

mirrors_all_platforms() {
  skopeo copy --all "docker://$MIRROR/main/library/multi:1" dir:many &&
    cmp many/manifest.json <(layout_bytes "$made/layout" multi)
}

mirrors_nothing_unknown() {
  says UNKNOWN refuses crane manifest "$MIRROR/main/library/unknown:1" &&
    says UNKNOWN refuses crane manifest "$MIRROR/main/library/x:unknown"
}

mirrors_what_refers() {
  says application/vnd.acme.bom oras discover --plain-http "$MIRROR/main/library/x:1"
}

without_upstream() {
  mirrors_by_tag && mirrors_by_digest && mirrors_all_platforms
}

# What was never asked for cannot be had, and the client is told so and not that it is unknown.
without_upstream_unknown() {
  curl -sS --noproxy '*' --include "http://$MIRROR/v2/main/library/late/manifests/1" >answer
  cat answer && grep '^HTTP/1.1 5' answer
}

moved() {
  holds "$MIRROR/main/library/x:moving" "$1"
}

fill_upstream() {
  crane push "$made/single" "$UPSTREAM/library/x:1" &&
    crane push "$made/other" "$UPSTREAM/library/x:2" &&
    crane push "$made/single" "$UPSTREAM/library/x:moving" &&
    skopeo copy --all "oci:$made/layout:multi" "docker://$UPSTREAM/library/multi:1" &&
    echo '{}' >bom.json && oras attach --plain-http --artifact-type application/vnd.acme.bom \
      "$UPSTREAM/library/x:1" bom.json:application/json
}

# An upstream that is a Provender too has a repository in its address.
behind_another() {
  holds "$MIRROR/main/team/app:1.0" app && holds "$MIRROR/main/crane/app:1" app
}

# A rule of the mirror's own, met by what was signed at its upstream by that one's Sigstore.
signed_behind() {
  "$PROVENDER" repo require-signature --data "$SCRATCH/mirror" main oci 'cosign/*' \
    --identity "$IDENTITY" --issuer "$ISSUER" --trust "$TRUSTED_ROOT" &&
    holds "$MIRROR/main/cosign/app:1" app &&
    says "asks for a signature" refuses crane manifest "$MIRROR/main/cosign/unsigned:1"
}

# An hour later, by the server's clock: what it knows of tags is no longer fresh. Not by the program
# `faketime`, which would stand between the server and who ends it.
LATER=(env LD_PRELOAD="$(compgen -G '/usr/lib/*/faketime/libfaketime.so.1' | head -n 1)"
  FAKETIME=+1h FAKETIME_DONT_FAKE_MONOTONIC=1)

mirror_cases() {
  local case upstream_is_there="docker-registry crane skopeo oras"
  if [ -n "${REGISTRY_URL:-}" ] || [[ " $WITHOUT " == *" docker-registry "* ]]; then
    for case in "by tag" "by digest" "while the upstream is away"; do
      echo "skip images are mirrored $case: another registry is tried, or docker-registry is left out"
    done
    return
  fi
  UPSTREAM=127.0.0.1:$(free_port)
  also_insecure "$UPSTREAM"
  start_upstream "$SCRATCH/upstream" "$UPSTREAM"
  start_mirror "http://$UPSTREAM"
  also_insecure "$MIRROR"
  with "$upstream_is_there" "an upstream has images" fill_upstream
  with "$upstream_is_there" "an image is mirrored by tag" mirrors_by_tag
  with "$upstream_is_there" "an image is mirrored by digest" mirrors_by_digest
  with "$upstream_is_there" "an image of two platforms is mirrored" mirrors_all_platforms
  with "$upstream_is_there" "what refers to a mirrored image is mirrored" mirrors_what_refers
  with "$upstream_is_there" "what is unknown upstream is unknown here" mirrors_nothing_unknown
  with "$upstream_is_there" "a mirrored tag" moved app
  crane push "$made/other" "$UPSTREAM/library/x:moving" >/dev/null 2>&1
  stop_mirror
  start_mirror "http://$UPSTREAM" "${LATER[@]}"
  with "$upstream_is_there" "a tag that moved upstream moves here" moved other
  stop_upstream
  with "$upstream_is_there" "mirrored images are there while the upstream is away" without_upstream
  with "$upstream_is_there" "what was not mirrored is refused while the upstream is away" \
    without_upstream_unknown
  stop_mirror
  rm -rf "$SCRATCH/mirror"
  start_mirror "$URL/main"
  with crane "another Provender is an upstream" behind_another
  with "crane cosign" "a signature at the upstream meets a rule here" signed_behind
  stop_mirror
}
