# podman and buildah: as root, without systemd, with storage of the script's own.

# A build that runs nothing, for that needs rights which a test machine may not give.
containerfile() {
  echo "hello from $1" >hello
  printf 'FROM scratch\nCOPY hello /hello\nLABEL made.by=%s\nCMD ["/hello"]\n' "$1" >Containerfile
}

podman_builds_and_pushes() {
  containerfile podman && podman build --tag "$REG/podman/built:1" . &&
    podman push "$REG/podman/built:1" && podman rmi "$REG/podman/built:1" &&
    podman pull "$REG/podman/built:1" && says podman podman inspect "$REG/podman/built:1"
}

podman_builds_from() {
  printf 'FROM %s\nLABEL second=true\n' "$REG/podman/built:1" >Containerfile
  podman build --pull-always --tag "$REG/podman/built:2" . && podman push "$REG/podman/built:2" &&
    says second skopeo inspect --config "docker://$REG/podman/built:2"
}

podman_pulls_by_digest() {
  local digest
  digest=$(layout_digest "$made/layout" app) && podman pull "$REG/team/app@$digest" &&
    says "$digest" podman inspect --format '{{.Digest}}' "$REG/team/app@$digest"
}

podman_pushes_for_docker() {
  podman push --format v2s2 "$REG/podman/built:1" "$REG/podman/docker:1" &&
    says docker.distribution.manifest.v2 skopeo inspect --raw "docker://$REG/podman/docker:1"
}

# Of layers that were never pushed in another way, which podman would use again.
podman_pushes_zstd() {
  containerfile zstd && podman build --tag "$REG/podman/zstd:1" . &&
    podman push --compression-format zstd "$REG/podman/zstd:1" &&
    says tar+zstd skopeo inspect --raw "docker://$REG/podman/zstd:1" &&
    podman rmi "$REG/podman/zstd:1" && podman pull "$REG/podman/zstd:1"
}

podman_pushes_a_list() {
  podman manifest create list-of-two &&
    podman manifest add list-of-two "docker://$REG/podman/built:1" --arch amd64 &&
    podman manifest add list-of-two "docker://$REG/podman/built:2" --arch arm64 &&
    podman manifest push --all list-of-two "docker://$REG/podman/list:1" &&
    says arm64 podman manifest inspect "$REG/podman/list:1"
}

podman_removed() {
  podman rmi --all --force
}

buildah_commits() {
  local container
  echo hello >hello
  container=$(buildah from scratch) && buildah add "$container" hello /hello &&
    buildah config --label made.by=buildah "$container" &&
    buildah commit "$container" "$REG/buildah/built:1" && buildah rm "$container" &&
    buildah push "$REG/buildah/built:1" && buildah rmi "$REG/buildah/built:1" &&
    buildah pull "$REG/buildah/built:1" &&
    says buildah buildah inspect "$REG/buildah/built:1"
}

buildah_builds_from() {
  local container
  container=$(buildah from --pull-always "$REG/buildah/built:1") &&
    buildah copy --quiet "$container" "$made/layout/oci-layout" /more &&
    buildah commit "$container" "docker://$REG/buildah/built:2" && buildah rm "$container" &&
    says made.by skopeo inspect --config "docker://$REG/buildah/built:2"
}

podman_cases() {
  with podman "podman builds, pushes and pulls" podman_builds_and_pushes
  with "podman skopeo" "podman builds from what it pulls" podman_builds_from
  with podman "podman pulls by digest" podman_pulls_by_digest
  with "podman skopeo" "podman pushes in Docker's format" podman_pushes_for_docker
  with "podman skopeo" "podman pushes layers of Zstandard" podman_pushes_zstd
  with podman "podman pushes a list of two images" podman_pushes_a_list
  with buildah "buildah commits, pushes and pulls" buildah_commits
  with "buildah skopeo" "buildah builds from what it pulls" buildah_builds_from
  with podman "podman removes what it pulled" podman_removed
}
