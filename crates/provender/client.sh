#!/usr/bin/env bash
# The tour is a test too: each of its steps fails if it does not show what it says.

# shellcheck source=../../tests/clients/lib.sh
. "$(dirname "$0")/../../tests/clients/lib.sh"

tour_without_network() {
  "$PROVENDER" tour --offline
}

it "the tour shows what it says, with an upstream of its own" tour_without_network
finish
