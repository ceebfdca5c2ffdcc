# oras: artifacts of any type, and what refers to them.

oras_pushes_and_pulls() {
  mkdir put got && echo one,two >put/sheet.csv && head -c 300000 /dev/urandom >put/model.bin &&
    (cd put && oras push --plain-http --artifact-type application/vnd.acme.model \
      "$REG/oras/model:1" sheet.csv:text/csv model.bin) &&
    oras pull --plain-http --output got "$REG/oras/model:1" && diff -r put got &&
    says application/vnd.acme.model oras manifest fetch --plain-http "$REG/oras/model:1"
}

oras_attaches() {
  echo '{"bom": true}' >bom.json && echo '{"scan": true}' >scan.json &&
    oras attach --plain-http --artifact-type application/vnd.acme.bom \
      "$REG/oras/model:1" bom.json:application/json &&
    oras attach --plain-http --artifact-type application/vnd.acme.scan \
      --annotation acme.example/by=scanner "$REG/oras/model:1" scan.json:application/json
}

oras_discovers() {
  says application/vnd.acme.bom oras discover --plain-http "$REG/oras/model:1" &&
    says application/vnd.acme.scan oras discover --plain-http --format json \
      --artifact-type application/vnd.acme.scan "$REG/oras/model:1" &&
    refuses grep vnd.acme.bom <(oras discover --plain-http --format json \
      --artifact-type application/vnd.acme.scan "$REG/oras/model:1")
}

# Referrers by the API itself, not by the tag that clients fall back to.
oras_referrers_by_api() {
  local digest answer
  digest=$(oras resolve --plain-http "$REG/oras/model:1") &&
    answer=$(api GET "/v2/main/oras/model/referrers/$digest") &&
    grep -F application/vnd.acme.bom <<<"$answer" && grep -F acme.example/by <<<"$answer" &&
    api GET "/v2/main/oras/model/referrers/$digest?artifactType=application/vnd.acme.scan" \
      --dump-header head >only && refuses grep -F vnd.acme.bom only &&
    grep -i '^oci-filters-applied: .*artifactType' head
}

oras_copies_with_referrers() {
  oras copy --recursive --from-plain-http --to-plain-http "$REG/oras/model:1" "$REG/oras/copy:1" &&
    says application/vnd.acme.bom oras discover --plain-http "$REG/oras/copy:1"
}

oras_blobs() {
  local digest
  echo "a blob" >blob && digest=sha256:$(sha256sum blob | cut -d' ' -f1) &&
    oras blob push --plain-http "$REG/oras/model@$digest" blob &&
    oras blob fetch --plain-http --output got "$REG/oras/model@$digest" && cmp blob got
}

oras_lists() {
  oras tag --plain-http "$REG/oras/model:1" stable &&
    says stable oras repo tags --plain-http "$REG/oras/model" &&
    says model oras repo ls --plain-http "$HOST/main/oras/"
}

# asks_for_signature NAMES: from now on these are not served before somebody signed them.
asks_for_signature() {
  "$PROVENDER" repo require-signature --data "$DATA" main oci "$1" \
    --identity nobody@packages.example --issuer https://issuer.example
}

# What nobody signed yet is here for who pushes it once more, and for nobody else.
oras_pushes_again_what_is_unsigned() {
  echo unsigned >file && asks_for_signature 'unsigned/*' &&
    oras push --plain-http "$REG/unsigned/file:1" file &&
    oras push --plain-http "$REG/unsigned/file:1" file &&
    oras push --plain-http "$REG/unsigned/file:2" file &&
    says "asks for a signature" oras pull --plain-http "$REG/unsigned/file:1"
}

oras_cases() {
  with oras "oras pushes and pulls an artifact" oras_pushes_and_pulls
  with oras "oras attaches" oras_attaches
  with oras "oras discovers" oras_discovers
  with oras "referrers are listed, and filtered by type" oras_referrers_by_api
  with oras "oras copies with what refers to it" oras_copies_with_referrers
  with oras "oras pushes and fetches a blob" oras_blobs
  with oras "oras tags and lists" oras_lists
  with oras "oras pushes again what nobody signed" oras_pushes_again_what_is_unsigned
}
