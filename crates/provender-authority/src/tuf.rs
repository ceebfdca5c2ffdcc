//! The repository of trusted keys, after The Update Framework.
