//! Extra fields that change what an entry is: APPNOTE 4.5.3 (zip64) and 4.6.9 (Unicode path).

use crate::bytes::{u16_at, u64_at};
use crate::{ArchiveError, shown};

const ZIP64: u16 = 0x0001;
const UNICODE_PATH: u16 = 0x7075;
const ELSEWHERE: u64 = u32::MAX as u64;

/// The fields of one header that matter here.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Extra<'a> {
    pub(crate) zip64: Option<&'a [u8]>,
}

/// What is wrong with an extra field.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Problem {
    Damaged(&'static str),
    Contradiction(&'static str),
}

impl Problem {
    pub(crate) fn of(self, name: &str) -> ArchiveError {
        let name = shown(name);
        match self {
            Self::Damaged(what) => ArchiveError::DamagedEntry { name, what },
            Self::Contradiction(field) => ArchiveError::Contradiction { name, field },
        }
    }
}

impl<'a> Extra<'a> {
    /// Refuses fields that reach beyond the end, that come twice, or that give another name.
    /// Up to three stray bytes at the end are padding, which tools write and others skip.
    pub(crate) fn parse(mut extra: &'a [u8], name: &[u8]) -> Result<Self, Problem> {
        let mut found = Self { zip64: None };
        while extra.len() >= 4 {
            let (id, length) = (u16_at(extra, 0), usize::from(u16_at(extra, 2)));
            let Some(field) = extra.get(4..4 + length) else {
                return Err(Problem::Damaged("an extra field is cut off"));
            };
            match id {
                ZIP64 if found.zip64.is_some() => return Err(Problem::Contradiction("size")),
                ZIP64 => found.zip64 = Some(field),
                // One version byte and four of checksum precede the name.
                UNICODE_PATH if field.get(5..) != Some(name) => {
                    return Err(Problem::Contradiction("name"));
                }
                _ => {}
            }
            extra = &extra[4 + length..];
        }
        Ok(found)
    }
}

/// Sizes and place of an entry, as in a header or resolved through its zip64 field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) unpacked: u64,
    pub(crate) packed: u64,
    pub(crate) offset: u64,
}

impl Sizes {
    /// The true values. The zip64 field holds either those that the header says are elsewhere, or,
    /// as some writers do, all of them; then each must agree with its header.
    pub(crate) fn resolve(self, extra: &Extra<'_>) -> Result<Self, Problem> {
        const WHOLE_BYTES: [usize; 2] = [24, 28];

        let header = [self.unpacked, self.packed, self.offset];
        let missing = header.iter().filter(|&&value| value == ELSEWHERE).count();
        let Some(field) = extra.zip64 else {
            // 4 GiB less one byte exactly is either a lie or a writer's mistake.
            return if missing == 0 {
                Ok(self)
            } else {
                Err(Problem::Damaged("its zip64 sizes are missing"))
            };
        };

        let is_exact = field.len() == missing * 8;
        if !is_exact && !WHOLE_BYTES.contains(&field.len()) {
            return Err(Problem::Contradiction("size"));
        }
        let mut resolved = header;
        let mut at = 0;
        for value in &mut resolved {
            if *value != ELSEWHERE && is_exact {
                continue;
            }
            let long = u64_at(field, at);
            at += 8;
            if *value != ELSEWHERE && *value != long {
                return Err(Problem::Contradiction("size"));
            }
            *value = long;
        }
        Ok(Self { unpacked: resolved[0], packed: resolved[1], offset: resolved[2] })
    }
}
