//! The one range checker. Every read, write, flush, window and residency query goes through it.

use std::ops::Range;

use crate::error::{Error, Result};

/// `offset .. offset + len` as indices into `total` bytes.
///
/// A zero-length request is accepted at any offset and gives an empty range that lies inside `total`, so that nothing
/// behind the check has to know about it.
pub(crate) fn check(offset: u64, len: u64, total: u64) -> Result<Range<usize>> {
    if len == 0 {
        let start = index(offset.min(total));
        return Ok(start..start);
    }
    check_strictly(offset, len, total)
}

/// The same for what is not a request for bytes: here an empty range has to lie inside, too.
pub(crate) fn check_strictly(offset: u64, len: u64, total: u64) -> Result<Range<usize>> {
    match offset.checked_add(len) {
        Some(end) if end <= total => Ok(index(offset)..index(end)),
        _ => Err(Error::OutOfBounds { offset, len, total }),
    }
}

/// A byte count as an index. Lossless: what is converted is at most the length of a mapping, which the address space holds.
fn index(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// The whole pages that `range` touches.
pub(crate) fn pages(range: &Range<usize>, page: usize) -> Range<usize> {
    range.start / page * page..range.end.next_multiple_of(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_exactly_what_lies_inside() {
        assert_eq!(check(0, 10, 10).unwrap(), 0..10);
        assert_eq!(check(9, 1, 10).unwrap(), 9..10);
        for (offset, len) in [(0, 11), (10, 1), (11, 1), (9, 2), (u64::MAX, 1), (1, u64::MAX), (u64::MAX, u64::MAX)] {
            match check(offset, len, 10) {
                Err(Error::OutOfBounds { offset: o, len: l, total: 10 }) => assert_eq!((o, l), (offset, len)),
                other => panic!("({offset}, {len}) gave {other:?}"),
            }
        }
    }

    #[test]
    fn an_empty_request_is_accepted_at_any_offset_and_stays_inside() {
        for offset in [0, 9, 10, 11, u64::MAX] {
            let range = check(offset, 0, 10).unwrap();
            assert!(range.is_empty() && range.end <= 10, "{offset}: {range:?}");
        }
    }

    #[test]
    fn strictly_an_empty_request_has_to_lie_inside() {
        assert_eq!(check_strictly(10, 0, 10).unwrap(), 10..10);
        assert!(check_strictly(11, 0, 10).is_err());
    }

    #[test]
    fn pages_are_rounded_outwards() {
        assert_eq!(pages(&(0..0), 4096), 0..0);
        assert_eq!(pages(&(1..4097), 4096), 0..8192);
        assert_eq!(pages(&(4096..8192), 4096), 4096..8192);
    }
}
