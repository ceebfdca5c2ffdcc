#!/usr/bin/env bash
# Drives unmodified Sigstore clients against a real server: each signs, and what each of them made,
# every other one verifies.
#
# From the environment, beside what lib.sh takes:
#   SIGSTORE_CLIENTS   where those clients are installed (default: target/clients/sigstore)

# shellcheck source=../lib.sh
. "$(dirname "$0")/../lib.sh"

here=$(cd "$(dirname "$0")" && pwd)
SIGSTORE_CLIENTS=${SIGSTORE_CLIENTS:-$project/target/clients/sigstore}
PATH=$SIGSTORE_CLIENTS/venv/bin:$SIGSTORE_CLIENTS/bin:$SIGSTORE_CLIENTS/js/node_modules/.bin:$PATH
export PYTHONDONTWRITEBYTECODE=1 NO_COLOR=1 COLUMNS=200
# Nobody's mirrors, credentials or identities but the server's own.
unset SIGSTORE_IDENTITY_TOKEN SIGSTORE_ID_TOKEN COSIGN_REPOSITORY TUF_ROOT TUF_MIRROR CI
made=$SCRATCH/made
mkdir -p "$made"
cat >"$made/predicate.json" <<'JSON'
{"buildDefinition": {"buildType": "https://build.example/v1", "externalParameters": {"ref": "main"},
  "internalParameters": {}, "resolvedDependencies": []},
 "runDetails": {"builder": {"id": "https://build.example/runner"}, "metadata": {"invocationId": "1"}}}
JSON

# shellcheck source=identity.sh
. "$here/identity.sh"
# shellcheck source=python.sh
. "$here/python.sh"
# shellcheck source=js.sh
. "$here/js.sh"
# shellcheck source=cosign.sh
. "$here/cosign.sh"
# shellcheck source=provender.sh
. "$here/provender.sh"
# shellcheck source=login.sh
. "$here/login.sh"
# shellcheck source=matrix.sh
. "$here/matrix.sh"
# shellcheck source=tuf.sh
. "$here/tuf.sh"
# shellcheck source=timestamp.sh
. "$here/timestamp.sh"
# shellcheck source=pep740.sh
. "$here/pep740.sh"
# shellcheck source=rotation.sh
. "$here/rotation.sh"

start_server --no-discover
TOKEN=$(token)
fetch_trust || exit 1

identity_cases
python_cases
js_cases
cosign_cases
login_cases
matrix_cases
tuf_cases
timestamp_cases
pep740_cases
rotation_cases
finish
