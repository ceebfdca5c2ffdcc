# Uploads by hand: in pieces, out of order, cut short, and over a server that was killed.

# begin_upload IMAGE: begins an upload, and prints its path.
begin_upload() {
  api POST "/v2/main/$1/blobs/uploads/" --data '' --dump-header begun >/dev/null &&
    location_in begun
}

# location_in HEAD: prints the path that an answer's head sends the client to.
location_in() {
  sed -n 's/^[Ll]ocation: *//p' "$1" | tr -d '\r' | sed 's|^http://[^/]*||'
}

# with_digest PATH DIGEST: prints the path that ends an upload.
with_digest() {
  case $1 in
    *\?*) echo "$1&digest=$2" ;;
    *) echo "$1?digest=$2" ;;
  esac
}

# patch PATH FILE FIRST COUNT: sends a piece of a file; prints where the next one goes.
patch() {
  tail -c "+$(($3 + 1))" "$2" | head -c "$4" >piece
  api PATCH "$1" --data-binary @piece --header "Content-Type: application/octet-stream" \
    --header "Content-Range: $3-$(($3 + $4 - 1))" --dump-header patched >/dev/null &&
    location_in patched
}

# received HEAD: prints how many bytes an upload's range says are there.
received() {
  local last
  last=$(sed -n 's/^[Rr]ange: *\(bytes=\)\{0,1\}0-//p' "$1" | tr -d '\r')
  # A range cannot say that nothing is there: `0-0` is what clients are told then.
  if [ "${last:-0}" = 0 ]; then echo 0; else echo $((last + 1)); fi
}

digest_of() {
  echo "sha256:$(sha256sum "$1" | cut -d' ' -f1)"
}

# kept IMAGE FILE: what was uploaded is there, and no other.
kept() {
  api GET "/v2/main/$1/blobs/$(digest_of "$2")" | cmp - "$2"
}

in_pieces() {
  local path
  head -c 3000000 /dev/urandom >file
  path=$(begin_upload uploads/pieces) && path=$(patch "$path" file 0 1000000) &&
    path=$(patch "$path" file 1000000 1500000) &&
    api GET "$path" --dump-header status && [ "$(received status)" = 2500000 ] || return 1
  tail -c 500000 file >last
  api PUT "$(with_digest "$path" "$(digest_of file)")" --data-binary @last \
    --header "Content-Type: application/octet-stream" --header "Content-Range: 2500000-2999999" &&
    kept uploads/pieces file
}

out_of_order() {
  local path
  head -c 2000 /dev/urandom >file
  path=$(begin_upload uploads/order) && path=$(patch "$path" file 0 1000) &&
    says 416 refuses patch "$path" file 1500 500 && path=$(patch "$path" file 1000 1000) &&
    api PUT "$(with_digest "$path" "$(digest_of file)")" --data '' && kept uploads/order file
}

at_once() {
  head -c 100000 /dev/urandom >file
  api POST "/v2/main/uploads/once/blobs/uploads/?digest=$(digest_of file)" --data-binary @file \
    --header "Content-Type: application/octet-stream" --dump-header head &&
    grep '^HTTP/1.1 201' head && kept uploads/once file
}

cancelled() {
  local path
  head -c 2000 /dev/urandom >file
  path=$(begin_upload uploads/cancelled) && path=$(patch "$path" file 0 1000) &&
    api DELETE "$path" && refuses api GET "$path"
}

# What a killed server had answered for is there when it comes back.
resumed_begin() {
  head -c 30000000 /dev/urandom >"$made/resumed"
  local path
  path=$(begin_upload uploads/resumed) && patch "$path" "$made/resumed" 0 10000000 >"$made/path"
}

resumed_end() {
  local path
  path=$(cat "$made/path")
  api GET "$path" --dump-header status && [ "$(received status)" = 10000000 ] &&
    path=$(patch "$path" "$made/resumed" 10000000 20000000) &&
    api PUT "$(with_digest "$path" "$(digest_of "$made/resumed")")" --data '' &&
    kept uploads/resumed "$made/resumed"
}

# A piece that was cut short: the client asks how far it came, and goes on from there.
cut_begin() {
  begin_upload uploads/cut >"$made/cut-path"
}

cut_end() {
  local path at
  path=$(cat "$made/cut-path")
  api GET "$path" --dump-header status && at=$(received status) && echo "$at are there" &&
    path=$(patch "$path" "$made/resumed" "$at" $((30000000 - at))) &&
    api PUT "$(with_digest "$path" "$(digest_of "$made/resumed")")" --data '' &&
    kept uploads/cut "$made/resumed"
}

# killed_while_uploading: a server that is killed with a piece on the way.
killed_while_uploading() {
  (api PATCH "$(cat "$made/cut-path")" --data-binary "@$made/resumed" --limit-rate 5M \
    --header "Content-Type: application/octet-stream" >/dev/null 2>&1) &
  sleep 2
  stop_server KILL
  wait $!
}

# restarted COMMAND…: runs it in between, or just kills the server, and starts it again.
restarted() {
  [ -z "${REGISTRY_URL:-}" ] || return 0
  "$@"
  start_server --no-discover
}

upload_cases() {
  it "a blob comes in pieces" in_pieces
  it "a piece out of order is refused, and does no harm" out_of_order
  it "a blob comes in one request" at_once
  it "an upload is called off" cancelled
  it "an upload begins" resumed_begin
  restarted stop_server KILL
  ours "" "an upload goes on after the server was killed" resumed_end
  it "a large piece begins" cut_begin
  restarted killed_while_uploading
  ours "" "a piece that was cut short goes on where it stopped" cut_end
}
