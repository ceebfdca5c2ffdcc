# New keys while all goes on: clients follow by TUF, and what the former keys signed verifies still.

rotation_before() {
  echo before >"$SCRATCH/before" && python_sign "$SCRATCH/before" "$SCRATCH/before.json"
}

# rotation_root VERSION
rotation_root() {
  "$PROVENDER" trust root rotate --data "$DATA" --json | json version | grep -Fx "$1"
}

# A client that has the first root alone walks to the newest.
rotation_newcomer() {
  python3 "$here/tuf_client.py" "$ORIGIN/-/tuf" "$TUF_ROOT_FILE" metadata targets &&
    grep -q '"version":3' metadata/root.json metadata/root_history/*.json
}

rotation_service() {
  "$PROVENDER" trust rotate "$1" --data "$DATA" --json | json generation | grep -Fx 2
}

rotation_after() {
  echo after >"$SCRATCH/after" && python_sign "$SCRATCH/after" "$SCRATCH/after.json"
}

# rotation_both CLIENT: what was signed before and after.
rotation_both() {
  "$1_verify" "$SCRATCH/before" "$SCRATCH/before.json" &&
    "$1_verify" "$SCRATCH/after" "$SCRATCH/after.json"
}

# As a TUF instance that trusted the first root once.
rotation_instance() {
  cp "$SCRATCH/after" file && cp "$SCRATCH/after.json" file.sigstore.json &&
    sigstore_python --instance "$ORIGIN/-/tuf" verify identity --cert-identity "$IDENTITY" \
      --cert-oidc-issuer "$ISSUER" file
}

rotation_old_trust() {
  TRUST=$SCRATCH/old_trust.json refuses python_verify "$SCRATCH/after" "$SCRATCH/after.json"
}

rotation_cases() {
  local service
  with sigstore-python "sigstore-python signs before keys are replaced" rotation_before
  it "the TUF root gets a new key" rotation_root 2
  with sigstore-python "python-tuf follows a new root key" tuf_again
  it "the TUF root gets another new key" rotation_root 3
  with sigstore-python "python-tuf follows from the first root to the newest" rotation_newcomer
  for service in ca tsa ct; do
    it "$service gets a new key" rotation_service "$service"
  done
  cp "$TRUST" "$SCRATCH/old_trust.json"
  fetch_trust
  with sigstore-python "sigstore-python signs after keys were replaced" rotation_after
  with sigstore-python "sigstore-python refuses new keys by an old trust file" rotation_old_trust
  with sigstore-python "python-tuf fetches the new trust root" tuf_refresh
  with sigstore-python "sigstore-python verifies what both keys signed" rotation_both python
  with sigstore-python "sigstore-python follows as a TUF instance" rotation_instance
  with "sigstore-python cosign" "cosign verifies what both keys signed" rotation_both cosign
  with "sigstore-python sigstore-js" "sigstore-js verifies what both keys signed" rotation_both js
  with sigstore-python "provender verifies what both keys signed" rotation_both provender
}
