# cosign, by the server's own Sigstore: what it signs is kept beside the image, as a referrer.

# cosign_signs_by COMMAND…: signs as the holder of $TOKEN.
cosign_signs_by() {
  identity_token | tr -d '\n' >token.jwt
  cosign "$1" --yes --allow-http-registry --identity-token token.jwt \
    --signing-config "$SIGNING_CONFIG" --trusted-root "$TRUSTED_ROOT" "${@:2}"
}

# cosign_checks COMMAND…: verifies that it was this one.
cosign_checks() {
  cosign "$1" --allow-http-registry --trusted-root "$TRUSTED_ROOT" \
    --certificate-identity "$IDENTITY" --certificate-oidc-issuer "$ISSUER" "${@:2}"
}

signed_image() {
  echo "$REG/cosign/$1@$(layout_digest "$made/layout" app)"
}

cosign_signs() {
  crane push "$made/single" "$REG/cosign/app:1" && cosign_signs_by sign "$(signed_image app)" &&
    cosign_checks verify "$REG/cosign/app:1"
}

cosign_refuses_another() {
  IDENTITY=$IDENTITY-of-another refuses cosign_checks verify "$REG/cosign/app:1" &&
    crane push "$made/other" "$REG/cosign/unsigned:1" &&
    refuses cosign_checks verify "$REG/cosign/unsigned:1"
}

cosign_attests() {
  echo '{"spdxVersion": "SPDX-2.3"}' >bom.json
  cosign_signs_by attest --type spdxjson --predicate bom.json "$(signed_image app)" &&
    cosign_checks verify-attestation --type spdxjson "$REG/cosign/app:1"
}

cosign_tree() {
  says sigstore.dev/cosign/sign cosign tree --allow-http-registry "$REG/cosign/app:1"
}

# Every image that is pushed gets the server's word for it, without anybody asking.
cosign_release() {
  cosign verify-attestation --allow-http-registry --trusted-root "$TRUSTED_ROOT" \
    --certificate-identity-regexp '.*' --certificate-oidc-issuer-regexp '.*' \
    --type https://in-toto.io/attestation/release/v0.1 "$REG/cosign/app:1" >release.json &&
    json payload <release.json | base64 --decode | tee statement.json &&
    grep -F "$(layout_digest "$made/layout" app | cut -d: -f2)" statement.json
}

cosign_copies() {
  crane copy "$REG/cosign/app:1" "$REG/cosign/copy:1" &&
    cosign_signs_by sign "$(signed_image copy)" && cosign_checks verify "$REG/cosign/copy:1"
}

# A repository that asks for a signature takes one of the form from before bundles, and gives it to
# a cosign that verifies it itself.
cosign_older() {
  local image digest tag
  digest=$(layout_digest "$made/layout" other)
  image=$REG/older/app@$digest tag=$REG/older/app:${digest/:/-}.sig
  crane push "$made/other" "$REG/older/app:1" && identity_token >token.jwt &&
    python3 "$here/older_signature.py" "$URL" token.jwt "$TRUSTED_ROOT" "$digest" signed root.json &&
    "$PROVENDER" repo require-signature --data "$DATA" main oci 'older/*' \
      --identity "$IDENTITY" --issuer "$ISSUER" --trust root.json &&
    says "asks for a signature" crane manifest "$image" && refuses crane manifest "$image" &&
    crane push signed "$tag" && crane manifest "$image" &&
    TRUSTED_ROOT=root.json cosign_checks verify --new-bundle-format=false "$image" &&
    provender_finds "main/older/app@$digest" &&
    crane delete "$tag" && refuses crane manifest "$image" &&
    refuses provender_by verify --trust root.json --identity "$IDENTITY" "main/older/app@$digest"
}

provender_by() {
  local command=$1
  shift
  PROVENDER_TOKEN=$TOKEN "$PROVENDER" "$command" --server "$URL" "$@"
}

# The command line verifies what stands under the tag, as far as the trust root knows its log.
provender_finds() {
  local known=(--trust root.json)
  provender_by verify "${known[@]}" --identity "$IDENTITY" --issuer "$ISSUER" "$1" &&
    refuses provender_by verify "${known[@]}" --identity other@example.com "$1" &&
    refuses provender_by verify --identity "$IDENTITY" "$1" &&
    says "under a tag holds" provender_by why "${known[@]}" "$1" &&
    says "under a tag does not hold by this trust root" provender_by why "$1"
}

cosign_image_cases() {
  ours "cosign crane" "cosign signs an image, and verifies it" cosign_signs
  ours "cosign crane" "cosign refuses another identity, and an image without a signature" \
    cosign_refuses_another
  ours "cosign crane" "cosign attests to an image" cosign_attests
  ours "cosign crane" "cosign shows what is there beside an image" cosign_tree
  ours "cosign crane" "cosign verifies the server's own attestation" cosign_release
  ours "cosign crane" "cosign signs the same image under another name" cosign_copies
  ours "cosign crane" "cosign's older signatures meet a rule, and cosign verifies them" cosign_older
}
