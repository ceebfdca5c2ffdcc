# helm: charts as artifacts.

helm_chart() {
  helm create "$1" >/dev/null && helm package "$1" --version "$2"
}

helm_pushes_and_pulls() {
  helm_chart web 1.2.3 && mkdir got && helm push --plain-http web-1.2.3.tgz "oci://$REG/charts" &&
    helm pull --plain-http --destination got "oci://$REG/charts/web" --version 1.2.3 &&
    cmp web-1.2.3.tgz got/web-1.2.3.tgz
}

helm_shows() {
  says "version: 1.2.3" helm show chart --plain-http "oci://$REG/charts/web" --version 1.2.3
}

# A version's plus becomes an underscore in the tag, and a range is met by the tags there are.
helm_chooses() {
  helm_chart web 1.3.0+build.5 && helm push --plain-http web-1.3.0+build.5.tgz "oci://$REG/charts" &&
    says 'version: 1.3.0+build.5' helm show chart --plain-http "oci://$REG/charts/web" \
      --version '^1.2.0'
}

helm_templates() {
  says "kind: Deployment" helm template --plain-http release "oci://$REG/charts/web" --version 1.2.3
}

helm_depends() {
  helm create app >/dev/null &&
    printf 'dependencies:\n- name: web\n  version: ">=1.2"\n  repository: oci://%s/charts\n' "$REG" \
      >>app/Chart.yaml &&
    helm dependency update --plain-http app && ls app/charts/web-*.tgz
}

# It reads a chart back before it tags it, which nobody gets before it is signed.
helm_is_told_what_is_unsigned() {
  helm_chart late 1.0.0 && asks_for_signature 'unsigned/*' &&
    says "asks for a signature" helm push --plain-http late-1.0.0.tgz "oci://$REG/unsigned"
}

helm_cases() {
  with helm "helm pushes and pulls a chart" helm_pushes_and_pulls
  with helm "helm shows a chart" helm_shows
  with helm "helm chooses a version by a range" helm_chooses
  with helm "helm renders a chart" helm_templates
  with helm "helm fetches what a chart depends on" helm_depends
  with helm "helm is told what nobody signed" helm_is_told_what_is_unsigned
}
