//! Certificates, timestamps, identities and the repository of trusted keys: a private Sigstore but for its log.
