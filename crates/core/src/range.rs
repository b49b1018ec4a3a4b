//! The one range checker. Every read, write, flush, window and residency query goes through it.

use std::ops::Range;

use crate::error::{Error, Result};

/// `offset .. offset + len` as indices into `total` bytes.
///
/// A zero-length request is accepted at any offset and gives an empty range that lies inside `total`, so that nothing
/// behind the check has to know about it.
pub(crate) fn check(offset: u64, len: u64, total: u64) -> Result<Range<usize>> {
    fit(offset, len, total).ok_or_else(|| out_of_bounds(offset, len, total))
}

/// The same for what is not a request for bytes: here an empty range has to lie inside, too.
pub(crate) fn check_strictly(offset: u64, len: u64, total: u64) -> Result<Range<usize>> {
    fit_strictly(offset, len, total).ok_or_else(|| out_of_bounds(offset, len, total))
}

/// [`check`] for code that is compiled into the caller's crate and has to be short.
#[inline]
pub(crate) fn fit(offset: u64, len: u64, total: u64) -> Option<Range<usize>> {
    let empty = || (len == 0).then(|| index(total)..index(total));
    fit_strictly(offset, len, total).or_else(empty)
}

#[inline]
fn fit_strictly(offset: u64, len: u64, total: u64) -> Option<Range<usize>> {
    let end = offset.checked_add(len).filter(|end| *end <= total)?;
    Some(index(offset)..index(end))
}

#[cold]
fn out_of_bounds(offset: u64, len: u64, total: u64) -> Error {
    Error::OutOfBounds { offset, len, total }
}

/// A byte count as an index. Lossless: what is converted is at most the length of a mapping, which the address space holds.
#[inline]
fn index(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// The whole pages that `range` touches. The size of a page is a power of two.
pub(crate) fn pages(range: &Range<usize>, page: usize) -> Range<usize> {
    debug_assert!(page.is_power_of_two());
    let down = |at: usize| at & !(page - 1);
    down(range.start)..down(range.end + (page - 1))
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
