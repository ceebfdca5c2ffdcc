//! Statements, envelopes and bundles: what is signed, and how it is verified.
