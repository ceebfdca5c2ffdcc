# Sourced by each ecosystem's client.sh, which drives real clients against a real server:
#
#   . "$(dirname "$0")/../../tests/clients/lib.sh"
#   start_server --no-discover
#   it "installs what was published" install_published
#   finish
#
# A case is a function; it passes if it returns 0. `cargo xtask test` counts the lines that begin
# with `ok`, `not ok` and `skip`, so nothing else may begin so.
#
# From the environment, all with a default for a run by hand:
#   PROVENDER        the program under test (default: the workspace's debug build)
#   CLIENTS          folder of the clients' programs, put first in PATH
#   OFFLINE          1 where no public upstream can be reached
#   WITHOUT          names of clients that are left out: their cases are skipped, and counted so
#
# What the script may use:
#   $SCRATCH         an empty folder, removed at the end; also the HOME of every client
#   $URL             http://ADDR of the server, once started; its first repository is `main`
#   $DATA            the server's data directory
#
# Not set -e: a case that fails is counted, and the next one runs.
set -uo pipefail

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PROVENDER=${PROVENDER:-$project/target/debug/provender}
CLIENTS=${CLIENTS:-$project/target/clients/venv/bin}
OFFLINE=${OFFLINE:-0}
WITHOUT=${WITHOUT:-}
PATH=$CLIENTS:$PATH

SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/provender-clients-XXXXXX")
DATA=$SCRATCH/data
URL=
# Clients find no settings, caches or credentials of whoever runs this; the server, which asks
# what the machine's clients are configured to use, finds them all.
operator_home=$HOME
export HOME=$SCRATCH/home
unset XDG_CONFIG_HOME XDG_CACHE_HOME
mkdir -p "$HOME"

server_pid=
background_pids=()
failures=0

# Ends what this script started, and nothing else.
cleanup() {
  local pid
  stop_server
  for pid in "${background_pids[@]}"; do
    kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
  done
  rm -rf "$SCRATCH"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A port on loopback that nobody listens on now.
free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start_server [ARGUMENT]…: starts `provender serve` on $DATA with further arguments, and waits
# until it answers. Sets $URL; a server that is started again keeps its address.
start_server() {
  local address tries
  [ -n "$URL" ] || URL=http://127.0.0.1:$(free_port)
  address=${URL#http://}
  HOME=$operator_home "$PROVENDER" serve --data "$DATA" --listen "$address" "$@" >>"$SCRATCH/server.log" 2>&1 &
  server_pid=$!
  for tries in $(seq 1 100); do
    if curl --silent --fail --noproxy '*' --output /dev/null "$URL/-/health"; then return 0; fi
    if ! kill -0 "$server_pid" 2>/dev/null; then break; fi
    sleep 0.1
  done
  echo "the server did not start; it said:"
  sed 's/^/    /' "$SCRATCH/server.log"
  exit 1
}

# stop_server [SIGNAL]: ends the server (TERM unless told) and waits for it.
stop_server() {
  [ -n "$server_pid" ] || return 0
  kill "-${1:-TERM}" "$server_pid" 2>/dev/null
  wait "$server_pid" 2>/dev/null
  server_pid=
}

# in_background COMMAND…: starts a process of the script's own, ended with it. Its output goes to
# $SCRATCH/background.log.
in_background() {
  "$@" >>"$SCRATCH/background.log" 2>&1 &
  background_pids+=($!)
}

# token [SCOPE] [REPOSITORY]: prints a new token (publish, main unless told).
token() {
  "$PROVENDER" token create --data "$DATA" --repo "${2:-main}" --scope "${1:-publish}" --quiet
}

# it NAME COMMAND…: runs one case, in a folder of its own. What it printed is shown if it failed.
it() {
  local name=$1 folder log status
  shift
  folder=$(mktemp -d "$SCRATCH/case-XXXXXX")
  log=$folder.log
  (cd "$folder" && "$@") >"$log" 2>&1
  status=$?
  if [ "$status" -eq 0 ]; then
    echo "ok $name"
  else
    failures=$((failures + 1))
    echo "not ok $name"
    sed 's/^/    /' "$log"
    echo "    (exit status $status; the server's last lines follow)"
    tail -n 20 "$SCRATCH/server.log" 2>/dev/null | sed 's/^/    /'
  fi
}

# it_online NAME COMMAND…: a case that needs a public upstream; skipped where there is none.
it_online() {
  if [ "$OFFLINE" = 1 ]; then
    echo "skip $1: no public upstream can be reached"
  else
    it "$@"
  fi
}

# with CLIENTS NAME COMMAND…: a case that needs these clients; skipped where one is left out.
with() {
  local client
  for client in $1; do
    case " $WITHOUT " in
      *" $client "*)
        echo "skip $2: $client is left out"
        return
        ;;
    esac
  done
  it "${@:2}"
}

# json PATH…: prints one value of the JSON on standard input.
json() {
  python3 -c '
import json, sys
value = json.load(sys.stdin)
for step in sys.argv[1:]:
    value = value[int(step) if isinstance(value, list) else step]
print(value if isinstance(value, str) else json.dumps(value))' "$@"
}

# says TEXT COMMAND…: runs the command, and succeeds if it prints TEXT, whatever its exit status.
says() {
  local text=$1 output
  shift
  output=$("$@" 2>&1)
  printf '%s\n' "$output"
  case $output in
    *"$text"*) return 0 ;;
    *) echo "expected to read: $text"; return 1 ;;
  esac
}

# refuses COMMAND…: succeeds if the command fails.
refuses() {
  if "$@"; then
    echo "expected to fail: $*"
    return 1
  fi
}

# finish: ends the script; fails if any case did.
finish() {
  exit $((failures > 0))
}
