//! Fixed-width little-endian fields.
//!
//! Each function panics when the field lies outside of `from`: callers pass whole fixed-size headers.

pub(crate) fn u16_at(from: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([from[at], from[at + 1]])
}

pub(crate) fn u32_at(from: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([from[at], from[at + 1], from[at + 2], from[at + 3]])
}

pub(crate) fn u64_at(from: &[u8], at: usize) -> u64 {
    u64::from(u32_at(from, at)) | u64::from(u32_at(from, at + 4)) << 32
}
