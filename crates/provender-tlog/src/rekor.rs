//! Rekor v2: what Sigstore's clients send to a log, and what they are answered.
