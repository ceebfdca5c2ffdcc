# skopeo: copies that change no byte.

skopeo_copies() {
  skopeo copy "oci:$made/layout:app" dir:before &&
    skopeo copy dir:before "docker://$REG/team/app:1.0" &&
    skopeo copy "docker://$REG/team/app:1.0" dir:after && diff -r before after
}

skopeo_copies_by_digest() {
  local digest
  digest=$(layout_digest "$made/layout" app) &&
    skopeo copy "docker://$REG/team/app@$digest" dir:after &&
    cmp after/manifest.json <(layout_bytes "$made/layout" app)
}

skopeo_copies_all_platforms() {
  skopeo copy --all "oci:$made/layout:multi" "docker://$REG/team/multi:1" &&
    skopeo inspect --raw "docker://$REG/team/multi:1" | cmp - <(layout_bytes "$made/layout" multi)
}

skopeo_copies_one_platform() {
  skopeo --override-os linux --override-arch arm64 copy "docker://$REG/team/multi:1" dir:arm &&
    says arm64 skopeo inspect --config --format '{{.Architecture}}' dir:arm
}

skopeo_inspects() {
  says '"1.0"' skopeo inspect "docker://$REG/team/app:1.0" &&
    says '"diff_ids"' skopeo inspect --config "docker://$REG/team/app:1.0"
}

skopeo_lists_tags() {
  skopeo copy "docker://$REG/team/app:1.0" "docker://$REG/team/app:1.1" &&
    says '"1.1"' skopeo list-tags "docker://$REG/team/app"
}

skopeo_syncs() {
  skopeo sync --src docker --dest dir "$REG/team/app" there &&
    skopeo sync --src dir --dest docker there "$REG/synced" &&
    [ "$(bytes_of synced/app 1.1 | sha256sum)" = "$(bytes_of team/app 1.1 | sha256sum)" ]
}

# An image of any depth, and one of a single name.
skopeo_names() {
  local name
  for name in flat a/b a/b/c/d/e/f/g/h a-b/c.d/e__f; do
    skopeo copy --quiet "oci:$made/layout:app" "docker://$REG/names/$name:v" &&
      skopeo inspect --raw "docker://$REG/names/$name:v" >/dev/null || return 1
  done
}

skopeo_cases() {
  with skopeo "skopeo copies an image there and back, byte by byte" skopeo_copies
  with skopeo "skopeo copies by digest" skopeo_copies_by_digest
  with skopeo "skopeo copies an image of two platforms" skopeo_copies_all_platforms
  with skopeo "skopeo copies one platform of it" skopeo_copies_one_platform
  with skopeo "skopeo inspects" skopeo_inspects
  with skopeo "skopeo lists tags" skopeo_lists_tags
  with skopeo "skopeo syncs" skopeo_syncs
  with skopeo "names of any depth" skopeo_names
}
