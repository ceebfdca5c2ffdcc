//! Passwords of local accounts: Argon2id with the parameters OWASP asks for.
//!
//! Hashing takes tens of milliseconds of one core by design: callers run it where blocking is
//! allowed, and bound how many run at once.

use std::sync::OnceLock;

use argon2::password_hash::{Error as PhcError, PasswordHash, PasswordHasher, PasswordVerifier};
use argon2::password_hash::{Salt, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};

/// Memory that one hash takes (OWASP Password Storage Cheat Sheet: 19 MiB with two passes).
pub const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over that memory.
pub const PASSES: u32 = 2;
/// Lanes; more would only help someone who has more cores than the server.
pub const LANES: u32 = 1;
/// Bytes of the hash that is kept.
pub const OUTPUT_BYTES: usize = 32;
/// The shortest password that may be set (NIST SP 800-63B section 5.1.1.2).
pub const PASSWORD_LEAST_CHARS: usize = 8;
/// The longest password that is looked at at all.
pub const PASSWORD_LIMIT_BYTES: usize = 1024;

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// It has fewer than [`PASSWORD_LEAST_CHARS`] characters.
    #[error("a password has at least {PASSWORD_LEAST_CHARS} characters")]
    TooShort,
    /// It has more than [`PASSWORD_LIMIT_BYTES`].
    #[error("a password has at most {PASSWORD_LIMIT_BYTES} bytes")]
    TooLong,
    /// The system gave no random bytes for the salt.
    #[error("no random bytes for a salt")]
    NoRandomness,
    /// The hash function failed, most likely for want of memory.
    #[error("the password could not be hashed")]
    Hash(#[source] PhcError),
}

/// Hashes `password` with a fresh salt into a PHC string (`$argon2id$v=19$m=…`), which is what to keep.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if password.chars().count() < PASSWORD_LEAST_CHARS {
        return Err(PasswordError::TooShort);
    }
    if password.len() > PASSWORD_LIMIT_BYTES {
        return Err(PasswordError::TooLong);
    }
    let mut salt = [0; Salt::RECOMMENDED_LENGTH];
    aws_lc_rs::rand::fill(&mut salt).map_err(|_| PasswordError::NoRandomness)?;
    let salt = SaltString::encode_b64(&salt).map_err(PasswordError::Hash)?;
    let hash = argon2().hash_password(password.as_bytes(), &salt).map_err(PasswordError::Hash)?;
    Ok(hash.to_string())
}

/// Whether `password` is the one that `hash` was made of; the comparison takes constant time.
///
/// A string that is no Argon2 hash matches nothing.
pub fn verify(password: &str, hash: &str) -> bool {
    if password.len() > PASSWORD_LIMIT_BYTES {
        return false;
    }
    let Ok(parsed) = PasswordHash::new(hash) else { return false };
    argon2().verify_password(password.as_bytes(), &parsed).is_ok()
}

/// Takes as long as [`verify`] and refuses: for a name that has no account, so that the time of an
/// answer does not tell which names exist.
pub fn refuse(password: &str) -> bool {
    static DECOY: OnceLock<Option<String>> = OnceLock::new();
    if let Some(decoy) = DECOY.get_or_init(|| hash("no account has this password").ok()) {
        let _same_time = verify(password, decoy);
    }
    false
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(OUTPUT_BYTES))
        .expect("the constants above are within Argon2's limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests;
