#!/usr/bin/env bash
# Drives the real skopeo, podman, buildah, crane, oras, helm and cosign, and the conformance suite
# of the distribution specification, against a real server.
#
# From the environment, beside what lib.sh takes:
#   CONTAINER_CLIENTS   where those of them are installed that no package brings
#                       (default: target/clients/containers/bin)
#   SIGSTORE_CLIENTS    where cosign is installed (default: target/clients/sigstore)
#   REGISTRY_URL        a registry that runs, takes pushes from everybody, and is tried instead of a
#                       server of the script's own; what only Provender can pass is skipped
#   LAYERS, LARGE_MB    the size of the large cases
#   CASES               groups of cases to run (default: all)

# shellcheck source=../../tests/clients/lib.sh
. "$(dirname "$0")/../../tests/clients/lib.sh"

here=$project/tests/clients/containers
CONTAINER_CLIENTS=${CONTAINER_CLIENTS:-$project/target/clients/containers/bin}
SIGSTORE_CLIENTS=${SIGSTORE_CLIENTS:-$project/target/clients/sigstore}
PATH=$CONTAINER_CLIENTS:$SIGSTORE_CLIENTS/bin:$PATH
export PYTHONDONTWRITEBYTECODE=1 NO_COLOR=1
unset SIGSTORE_IDENTITY_TOKEN SIGSTORE_ID_TOKEN COSIGN_REPOSITORY TUF_ROOT TUF_MIRROR CI
made=$SCRATCH/made
mkdir -p "$made"

for group in isolation skopeo podman crane oras helm types uploads many access delete cosign mirror; do
  # shellcheck source=/dev/null
  . "$here/$group.sh"
done
# shellcheck source=../../tests/clients/sigstore/identity.sh
. "$project/tests/clients/sigstore/identity.sh"

# What the cases push: $made/layout with the tags app, other and multi, $made/types with a tag for
# each media type, and $made/single and $made/other with one image each.
make_images() {
  python3 "$here/images.py" image "$made/layout" app 2 100000 &&
    python3 "$here/images.py" image "$made/layout" other &&
    python3 "$here/images.py" multi "$made/layout" multi &&
    python3 "$here/images.py" types "$made/types" &&
    python3 "$here/images.py" image "$made/single" app 2 100000 &&
    python3 "$here/images.py" image "$made/other" other
}

conformance_cases() {
  case " $WITHOUT " in *" conformance "*)
    echo "skip conformance: left out"
    return
    ;;
  esac
  local secret=()
  [ -z "$TOKEN" ] || secret=(anyone "$TOKEN")
  CONFORMANCE=$CONTAINER_CLIENTS/conformance "$here/conformance.sh" "$URL" main/conformance "${secret[@]}" || failures=$((failures + 1))
}

if [ -n "${REGISTRY_URL:-}" ]; then
  URL=$REGISTRY_URL
  TOKEN=
else
  start_server --no-discover
  TOKEN=$(token)
  fetch_trust || exit 1
fi
HOST=${URL#http://}
REG=$HOST/main
isolate "$HOST"
[ -z "$TOKEN" ] || credentials "$TOKEN" >"$AUTH"
make_images >"$made/digests" || exit 1

# In an order in which later cases find what earlier ones pushed.
for group in ${CASES:-skopeo podman crane oras helm type access delete cosign_image mirror upload many conformance}; do
  "${group}_cases"
done
finish
