# Many layers, and one that is large.

LAYERS=${LAYERS:-1000}
LARGE_MB=${LARGE_MB:-2048}

many_layers() {
  python3 "$here/images.py" image layout many "$LAYERS" 64 >/dev/null &&
    crane push layout "$REG/many/layers:1" && crane pull --format oci "$REG/many/layers:1" back &&
    diff -r layout/blobs back/blobs &&
    skopeo copy --quiet "docker://$REG/many/layers:1" dir:copy &&
    [ "$(find copy -type f | wc -l)" = $((LAYERS + 3)) ]
}

# Bytes that do not compress, and are compared by their digest.
large_layer() {
  openssl enc -aes-128-ctr -nosalt -pass pass:large -pbkdf2 -in /dev/zero 2>/dev/null |
    head -c "$((LARGE_MB * 1024 * 1024))" >large
  python3 "$here/images.py" large layout large large && crane push layout "$REG/many/large:1" &&
    crane blob "$REG/many/large@$(crane manifest "$REG/many/large:1" | json layers 0 digest)" |
    sha256sum >sum &&
    grep "$(crane manifest "$REG/many/large:1" | json layers 0 digest | cut -d: -f2)" sum
}

many_cases() {
  with "crane skopeo" "an image of $LAYERS layers" many_layers
  with crane "a layer of $LARGE_MB MB" large_layer
}
