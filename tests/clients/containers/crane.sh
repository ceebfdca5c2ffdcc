# crane (go-containerregistry).

crane_pushes_and_pulls() {
  skopeo copy "oci:$made/layout:app" oci:one:app >/dev/null &&
    crane push one "$REG/crane/app:1" && crane pull --format oci "$REG/crane/app:1" two &&
    diff -r one/blobs two/blobs && crane validate --remote "$REG/crane/app:1"
}

crane_makes_an_index() {
  crane copy "$REG/team/multi:1" "$REG/crane/multi:1" &&
    crane index filter --platform linux/arm64 "$REG/crane/multi:1" --tag "$REG/crane/one:1" &&
    crane index append "$REG/crane/one:1" --manifest "$REG/crane/app:1" --tag "$REG/crane/two:1" &&
    crane validate --remote "$REG/crane/two:1" &&
    says '"arm64"' crane config --platform linux/arm64 "$REG/crane/two:1"
}

crane_digest() {
  [ "$(crane digest "$REG/crane/app:1")" = "$(layout_digest "$made/layout" app)" ] &&
    crane manifest "$REG/crane/app:1" | cmp - <(layout_bytes "$made/layout" app)
}

crane_tags() {
  crane tag "$REG/crane/app:1" latest && crane tag "$REG/crane/app:1" 1.0.0 &&
    [ "$(crane ls "$REG/crane/app" | sort | xargs)" = "1 1.0.0 latest" ]
}

crane_catalog() {
  crane catalog "$HOST" | grep -Fx main/crane/app
}

# Mounts what is there already, and sends nothing twice.
crane_copies() {
  says "mounted blob" crane --verbose copy "$REG/crane/app:1" "$REG/crane/copy:1" &&
    [ "$(crane digest "$REG/crane/copy:1")" = "$(layout_digest "$made/layout" app)" ]
}

crane_copies_all_tags() {
  crane copy --all-tags "$REG/crane/app" "$REG/crane/all" &&
    [ "$(crane ls "$REG/crane/all" | wc -l)" = 3 ]
}

crane_appends() {
  echo more >more && tar -cf more.tar more &&
    crane append --base "$REG/crane/app:1" --new_layer more.tar --new_tag "$REG/crane/app:more" &&
    crane mutate "$REG/crane/app:more" --label added=yes --tag "$REG/crane/app:label" &&
    says added crane config "$REG/crane/app:label" && crane validate --remote "$REG/crane/app:label"
}

crane_reads_a_blob() {
  local digest
  digest=$(crane manifest "$REG/crane/app:1" | json layers 0 digest) &&
    [ "sha256:$(crane blob "$REG/crane/app@$digest" | sha256sum | cut -d' ' -f1)" = "$digest" ]
}

# A name in an answer's list leads on to the next page.
catalog_pages() {
  local path=/v2/_catalog?n=2 found=0 page
  while [ -n "$path" ]; do
    page=$(api GET "$path" --dump-header head) || return 1
    found=$((found + $(json repositories <<<"$page" | python3 -c 'import json, sys; print(len(json.load(sys.stdin)))')))
    path=$(sed -n 's/^[Ll]ink: <\([^>]*\)>.*/\1/p' head | sed "s|^$URL||")
  done
  [ "$found" = "$(crane catalog "$HOST" | wc -l)" ] && [ "$found" -gt 2 ]
}

tag_pages() {
  local page
  page=$(api GET "/v2/main/crane/app/tags/list?n=2" --dump-header head) &&
    [ "$(json tags <<<"$page")" = '["1", "1.0.0"]' ] && grep -i '^link: .*rel="\?next' head &&
    [ "$(api GET "/v2/main/crane/app/tags/list?n=1&last=label" | json tags)" = '["latest"]' ]
}

crane_cases() {
  with "crane skopeo" "crane pushes, pulls and validates" crane_pushes_and_pulls
  with "crane skopeo" "crane makes an index" crane_makes_an_index
  with crane "crane reads digest and manifest" crane_digest
  with crane "crane tags and lists tags" crane_tags
  with crane "crane lists the catalogue" crane_catalog
  with crane "crane copies by mounting" crane_copies
  with crane "crane copies all tags" crane_copies_all_tags
  with crane "crane appends a layer and changes a config" crane_appends
  with crane "crane reads a blob" crane_reads_a_blob
  with crane "the catalogue comes in pages" catalog_pages
  with crane "tags come in pages" tag_pages
}
