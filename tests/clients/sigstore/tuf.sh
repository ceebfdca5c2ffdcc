# python-tuf, the reference implementation, as client of the repository.

tuf_refresh() {
  python3 "$here/tuf_client.py" "$ORIGIN/-/tuf" "$TUF_ROOT_FILE" metadata targets || return 1
  same_json targets/trusted_root.json "$TRUSTED_ROOT" &&
    same_json targets/signing_config.v0.2.json "$SIGNING_CONFIG"
}

# Once more with what was kept, before and after a restart: nothing went backwards.
tuf_again() {
  (cd "$SCRATCH" && python3 "$here/tuf_client.py" "$ORIGIN/-/tuf" "$TUF_ROOT_FILE" kept targets)
}

# The root of another instance opens nothing here.
tuf_foreign_root() {
  local port pid status
  port=$(free_port)
  HOME=$operator_home "$PROVENDER" serve --data "$PWD/other" --listen "127.0.0.1:$port" \
    --no-discover >other.log 2>&1 &
  pid=$!
  curl -fsS --noproxy '*' --retry 50 --retry-delay 1 --retry-connrefused \
    "http://127.0.0.1:$port/-/tuf/1.root.json" -o foreign.json &&
    refuses python3 "$here/tuf_client.py" "$ORIGIN/-/tuf" foreign.json metadata targets
  status=$?
  kill "$pid" && wait "$pid"
  return "$status"
}

same_json() {
  python3 -c 'import json, sys; a, b = (json.load(open(f)) for f in sys.argv[1:]); sys.exit(a != b)' "$@"
}

tuf_cases() {
  with sigstore-python "python-tuf reads the trust root" tuf_refresh
  with sigstore-python "python-tuf keeps what it read" tuf_again
  stop_server
  start_server --no-discover
  with sigstore-python "python-tuf goes on after a restart" tuf_again
  with sigstore-python "python-tuf refuses the root of another instance" tuf_foreign_root
}
