# Nothing of this machine's: every client of containers finds settings, credentials and storage in
# $HOME, which is the script's own.

# isolate HOST: settings that let clients speak plain HTTP to HOST, and need no systemd.
#   $AUTH       the credentials that every client reads
isolate() {
  local settings=$HOME/.config/containers
  export XDG_RUNTIME_DIR=$SCRATCH/run XDG_CONFIG_HOME=$HOME/.config
  export DOCKER_CONFIG=$HOME/.docker
  AUTH=$DOCKER_CONFIG/config.json
  export REGISTRY_AUTH_FILE=$AUTH HELM_REGISTRY_CONFIG=$AUTH
  export CONTAINERS_CONF=$settings/containers.conf CONTAINERS_STORAGE_CONF=$settings/storage.conf
  export CONTAINERS_REGISTRIES_CONF=$settings/registries.conf
  export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
  unset DOCKER_HOST CONTAINER_HOST KUBECONFIG http_proxy HTTP_PROXY https_proxy HTTPS_PROXY
  mkdir -p "$XDG_RUNTIME_DIR" "$settings" "$DOCKER_CONFIG"
  echo '{"auths": {}}' >"$AUTH"
  echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$settings/policy.json"
  printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$1" >"$settings/registries.conf"
  printf '[storage]\ndriver = "vfs"\ngraphroot = "%s"\nrunroot = "%s"\n' \
    "$SCRATCH/storage" "$SCRATCH/run/storage" >"$settings/storage.conf"
  printf '[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "none"\n' \
    >"$settings/containers.conf"
}

# also_insecure HOST: plain HTTP to one more.
also_insecure() {
  printf '[[registry]]\nlocation = "%s"\ninsecure = true\n' "$1" >>"$CONTAINERS_REGISTRIES_CONF"
}

# credentials TOKEN: prints the file by which every client signs in to $HOST.
credentials() {
  local secret
  secret=$(printf 'token:%s' "$1" | base64 --wrap=0)
  printf '{"auths": {"%s": {"auth": "%s"}}}\n' "$HOST" "$secret"
}

# as TOKEN COMMAND…: runs a client with other credentials; none where the token is empty.
as() {
  local folder
  folder=$(mktemp -d "$SCRATCH/as-XXXXXX")
  if [ -n "$1" ]; then credentials "$1"; else echo '{"auths": {}}'; fi >"$folder/config.json"
  DOCKER_CONFIG=$folder REGISTRY_AUTH_FILE=$folder/config.json \
    HELM_REGISTRY_CONFIG=$folder/config.json "${@:2}"
}

# api METHOD PATH [ARGUMENT…]: what no client has a command for.
api() {
  local secret=()
  [ -z "$TOKEN" ] || secret=(--user "token:$TOKEN")
  curl --silent --show-error --fail-with-body --noproxy '*' "${secret[@]}" \
    --request "$1" "${@:3}" "$URL$2"
}

# bytes_of NAME REFERENCE: prints a manifest's bytes, whatever its type is.
bytes_of() {
  api GET "/v2/main/$1/manifests/$2" --header "Accept: */*"
}

# layout_digest LAYOUT TAG: prints the digest that images.py gave the tag.
layout_digest() {
  python3 -c '
import json, sys
for one in json.load(open(sys.argv[1] + "/index.json"))["manifests"]:
    if one["annotations"]["org.opencontainers.image.ref.name"] == sys.argv[2]:
        print(one["digest"])' "$1" "$2"
}

# layout_bytes LAYOUT TAG: prints the manifest's bytes.
layout_bytes() {
  local digest
  digest=$(layout_digest "$1" "$2") && cat "$1/blobs/${digest/://}"
}

# ours CLIENTS NAME COMMAND…: a case that only Provender can pass.
ours() {
  if [ -n "${REGISTRY_URL:-}" ]; then
    echo "skip $2: another registry is tried"
  else
    with "$@"
  fi
}
