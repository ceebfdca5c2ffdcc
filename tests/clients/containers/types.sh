# Every media type there is: kept as it came, and given out as what it is.

# type_kept TAG: what images.py made goes in and comes out, byte by byte.
type_kept() {
  local digest media_type
  digest=$(layout_digest "$made/types" "$1")
  media_type=$(layout_bytes "$made/types" "$1" | json mediaType) || return 1
  oras copy --from-oci-layout --to-plain-http "$made/types:$1" "$REG/types/$1:1" || return 1
  [ "$(crane digest "$REG/types/$1:1")" = "$digest" ] || return 1
  api GET "/v2/main/types/$1/manifests/1" --header "Accept: $media_type" --dump-header head |
    cmp - <(layout_bytes "$made/types" "$1") || return 1
  grep -i "^content-type: $media_type" head && grep -i "^docker-content-digest: $digest" head &&
    oras copy --from-plain-http --to-oci-layout "$REG/types/$1:1" back:1 &&
    cmp "back/blobs/${digest/://}" "$made/types/blobs/${digest/://}"
}

# A manifest that is no image, or says nothing of its type.
type_unnamed() {
  local config
  config='{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}'
  printf '{}' | oras blob push --plain-http --size 2 "$REG/types/unnamed@sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a" - &&
    printf '{"schemaVersion":2,"config":%s,"layers":[%s]}' "$config" "$config" >manifest &&
    api PUT /v2/main/types/unnamed/manifests/1 --data-binary @manifest \
      --header "Content-Type: application/vnd.oci.image.manifest.v1+json" &&
    bytes_of types/unnamed 1 | cmp - manifest
}

# What a manifest names must be there, and the bytes must be what the digest says.
blob_missing() {
  says BLOB_UNKNOWN refuses api PUT /v2/main/types/missing/manifests/1 \
    --header "Content-Type: application/vnd.oci.image.manifest.v1+json" \
    --data-binary "@$made/types/blobs/$(layout_digest "$made/types" oci-manifest | tr : /)"
}

digest_wrong() {
  local location
  location=$(begin_upload types/wrong) &&
    says DIGEST_INVALID refuses api PUT "$(with_digest "$location" "sha256:$(printf '%064d' 1)")" \
      --data-binary abc --header "Content-Type: application/octet-stream"
}

manifest_broken() {
  says MANIFEST_INVALID refuses api PUT /v2/main/types/broken/manifests/1 \
    --header "Content-Type: application/vnd.oci.image.manifest.v1+json" --data-binary '{"schema'
}

type_cases() {
  local tag
  for tag in docker-manifest docker-list docker-foreign oci-manifest oci-index layer-tar layer-zstd \
    layer-nondistributable artifact-empty-config artifact-no-content artifact-config-type \
    artifact-data-field unknown-fields nested-index; do
    with "oras crane" "kept as it came: $tag" type_kept "$tag"
  done
  with oras "a manifest that does not say its type" type_unnamed
  it "a manifest whose blobs are missing is refused" blob_missing
  it "a blob of another digest is refused" digest_wrong
  it "a manifest that is broken is refused" manifest_broken
}
