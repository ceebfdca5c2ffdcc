//! Byte ranges (RFC 9110 section 14).

/// Which part of a file is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slice {
    /// All of it.
    Whole,
    /// So many bytes from there; at least one, and all of them in the file.
    Part {
        /// The first byte's offset.
        offset_bytes: u64,
        /// How many.
        length_bytes: u64,
    },
    /// Nothing that the file has.
    Unsatisfiable,
}

impl Slice {
    /// Reads a `Range` field. What is malformed, in another unit or more than one range is
    /// ignored, as section 14.2 allows: the answer is then the whole file.
    pub(crate) fn read(field: &str, size_bytes: u64) -> Self {
        match parse(field) {
            Some(range) => range.of(size_bytes),
            None => Self::Whole,
        }
    }
}

enum Range {
    From { first: u64, last: u64 },
    Suffix { length_bytes: u64 },
}

fn parse(field: &str) -> Option<Range> {
    let (unit, ranges) = field.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = ranges.trim().split_once('-')?;
    match (first, last) {
        ("", length) => Some(Range::Suffix { length_bytes: number(length)? }),
        (first, "") => Some(Range::From { first: number(first)?, last: u64::MAX }),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Range::From { first, last })
        }
    }
}

/// Digits only; what is too large for any file stays too large.
fn number(digits: &str) -> Option<u64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(digits.parse().unwrap_or(u64::MAX))
}

impl Range {
    fn of(self, size_bytes: u64) -> Slice {
        match self {
            Self::Suffix { length_bytes: 0 } => Slice::Unsatisfiable,
            // Satisfiable by section 14.1.2, but there is no way to write a part without bytes.
            Self::Suffix { .. } if size_bytes == 0 => Slice::Whole,
            Self::Suffix { length_bytes } => {
                let length_bytes = length_bytes.min(size_bytes);
                Slice::Part { offset_bytes: size_bytes - length_bytes, length_bytes }
            }
            Self::From { first, .. } if first >= size_bytes => Slice::Unsatisfiable,
            Self::From { first, last } => {
                let last = last.min(size_bytes - 1);
                Slice::Part { offset_bytes: first, length_bytes: last - first + 1 }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Slice;

    fn part(offset_bytes: u64, length_bytes: u64) -> Slice {
        Slice::Part { offset_bytes, length_bytes }
    }

    #[test]
    fn fields() {
        let check = |field: &str, size_bytes: u64, expected: Slice| {
            assert_eq!(Slice::read(field, size_bytes), expected, "{field:?} of {size_bytes}");
        };
        check("bytes=0-0", 10, part(0, 1));
        check("bytes=0-9", 10, part(0, 10));
        check("bytes=3-", 10, part(3, 7));
        check("bytes=3-99", 10, part(3, 7));
        check("bytes=-4", 10, part(6, 4));
        check("bytes=-99", 10, part(0, 10));
        check("Bytes = 2-3", 10, part(2, 2));
        check("bytes=9-", 10, part(9, 1));
        check("bytes=10-", 10, Slice::Unsatisfiable);
        check("bytes=10-20", 10, Slice::Unsatisfiable);
        check("bytes=-0", 10, Slice::Unsatisfiable);
        check("bytes=0-", 0, Slice::Unsatisfiable);
        check("bytes=-1", 0, Slice::Whole);
        check("bytes=4-3", 10, Slice::Whole);
        check("bytes=0-1,4-5", 10, Slice::Whole);
        check("bytes=-", 10, Slice::Whole);
        check("bytes=", 10, Slice::Whole);
        check("bytes", 10, Slice::Whole);
        check("", 10, Slice::Whole);
        check("lines=0-1", 10, Slice::Whole);
        check("bytes=a-b", 10, Slice::Whole);
        check("bytes=+1-2", 10, Slice::Whole);
        check("bytes=1--2", 10, Slice::Whole);
        check("bytes=--2", 10, Slice::Whole);
        check("bytes=0-18446744073709551616", 10, part(0, 10));
        check("bytes=18446744073709551616-", 10, Slice::Unsatisfiable);
        check("bytes=-18446744073709551616", 10, part(0, 10));
        check("bytes=0-18446744073709551615", u64::MAX, part(0, u64::MAX));
    }

    proptest! {
        #[test]
        fn a_part_is_never_empty_and_never_beyond_the_file(field in ".{0,40}", size in any::<u64>()) {
            if let Slice::Part { offset_bytes, length_bytes } = Slice::read(&field, size) {
                prop_assert!(length_bytes > 0);
                prop_assert!(offset_bytes.checked_add(length_bytes).is_some_and(|end| end <= size));
            }
        }

        #[test]
        fn a_part_is_what_was_asked_for(first in any::<u64>(), more in any::<u64>(), size in any::<u64>()) {
            let last = first.saturating_add(more);
            let expected = if first >= size {
                Slice::Unsatisfiable
            } else {
                part(first, last.min(size - 1) - first + 1)
            };
            prop_assert_eq!(Slice::read(&format!("bytes={first}-{last}"), size), expected);
        }

        #[test]
        fn a_suffix_ends_where_the_file_ends(length in 1..=u64::MAX, size in 1..=u64::MAX) {
            let expected = part(size - length.min(size), length.min(size));
            prop_assert_eq!(Slice::read(&format!("bytes=-{length}"), size), expected);
        }
    }
}
