# What is deleted is gone, and nothing else with it.

pushed_twice() {
  crane push "$made/single" "$REG/delete/$1:one" && crane tag "$REG/delete/$1:one" two
}

# Without a tag, the image is there by its digest still.
tag_deleted() {
  pushed_twice tag && api DELETE /v2/main/delete/tag/manifests/one --dump-header head &&
    grep '^HTTP/1.1 202' head && refuses crane manifest "$REG/delete/tag:one" &&
    crane manifest "$REG/delete/tag:two" >/dev/null &&
    crane manifest "$REG/delete/tag@$(layout_digest "$made/layout" app)" >/dev/null &&
    [ "$(crane ls "$REG/delete/tag")" = two ]
}

digest_deleted() {
  pushed_twice digest && crane delete "$REG/delete/digest@$(layout_digest "$made/layout" app)" &&
    refuses crane manifest "$REG/delete/digest:one" && refuses crane manifest "$REG/delete/digest:two"
}

skopeo_deletes() {
  pushed_twice skopeo && skopeo delete "docker://$REG/delete/skopeo:one" &&
    refuses skopeo inspect "docker://$REG/delete/skopeo:one"
}

oras_deletes() {
  echo data >file && oras push --plain-http "$REG/delete/oras:1" file &&
    oras manifest delete --plain-http --force "$REG/delete/oras:1" &&
    refuses oras pull --plain-http "$REG/delete/oras:1"
}

# What another image holds stays, whatever happens to the first.
shared_stays() {
  crane push "$made/single" "$REG/delete/first:1" &&
    crane copy "$REG/delete/first:1" "$REG/delete/second:1" &&
    crane delete "$REG/delete/first@$(layout_digest "$made/layout" app)" &&
    crane validate --remote "$REG/delete/second:1"
}

# An image that was deleted may be pushed again, and then is as before.
pushed_again() {
  crane push "$made/single" "$REG/delete/digest:again" &&
    crane validate --remote "$REG/delete/digest:again"
}

delete_cases() {
  with crane "a tag is deleted, and its image stays" tag_deleted
  with crane "an image is deleted with its tags" digest_deleted
  with crane "what was deleted may be pushed again" pushed_again
  with "crane skopeo" "skopeo deletes" skopeo_deletes
  with oras "oras deletes" oras_deletes
  with crane "what two images share stays with the other" shared_stays
}
