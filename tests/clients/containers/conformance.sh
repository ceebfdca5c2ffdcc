#!/usr/bin/env bash
# Runs the distribution-spec's own conformance suite against a registry, every category of it.
#
#   tests/clients/containers/conformance.sh URL NAMESPACE [USER PASSWORD]
#
# such as `conformance.sh http://127.0.0.1:8080 main/conformance anyone TOKEN`. Prints a line for
# each test: `ok`, `not ok` with what was wrong below it, or `skip` with why; fails if any failed.
#
# From the environment:
#   CONFORMANCE   the suite's program (default: target/clients/containers/bin/conformance)
#   OCI_…         the suite's own settings; OCI_VERSION=dev adds what is not in 1.1
#   RESULTS       a folder for report.html, junit.xml and results.yaml (default: a temporary one)
set -uo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
CONFORMANCE=${CONFORMANCE:-$project/target/clients/containers/bin/conformance}
if [ $# -ne 2 ] && [ $# -ne 4 ]; then
  echo "usage: $0 URL NAMESPACE [USER PASSWORD]" >&2
  exit 2
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
results=${RESULTS:-$scratch/results}

case $1 in https://*) tls=enabled ;; *) tls=disabled ;; esac
export OCI_REGISTRY=${1#*://} OCI_TLS=${OCI_TLS:-$tls} OCI_RESULTS_DIR=$results
export OCI_REPO1=$2/one OCI_REPO2=$2/two OCI_USERNAME=${3:-} OCI_PASSWORD=${4:-}
(cd "$scratch" && timeout 600 "$CONFORMANCE") >"$scratch/said" 2>&1
status=$?
# A suite that did not run says so: one that prints no tests has failed.
if [ ! -f "$results/junit.xml" ]; then
  echo "not ok conformance: the suite did not run"
  sed 's/^/    /' "$scratch/said"
  exit 1
fi
python3 - "$results/junit.xml" "$status" <<'PYTHON'
import sys
import xml.etree.ElementTree as tree

path, status = sys.argv[1:]
counts = {"passed": 0, "skipped": 0, "failed": 0}
for case in tree.parse(path).iter("testcase"):
    name = case.get("name").removeprefix("OCI Conformance Test/")
    said = (case.findtext("system-out") or "").strip()
    if case.get("status") == "passed":
        counts["passed"] += 1
        print(f"ok conformance: {name}")
    elif case.get("status") == "skipped":
        counts["skipped"] += 1
        why = said.splitlines()[0] if said else "switched off"
        print(f"skip conformance: {name}: {why}")
    else:
        counts["failed"] += 1
        print(f"not ok conformance: {name}")
        for line in said.splitlines():
            print(f"    {line[:300]}")
print("conformance:", ", ".join(f"{count} {what}" for what, count in counts.items()))
if status != "0" and not counts["failed"]:
    print("not ok conformance: the suite itself failed")
sys.exit(bool(counts["failed"]) or status != "0" or not counts["passed"])
PYTHON
