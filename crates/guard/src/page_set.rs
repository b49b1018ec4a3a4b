//! A set of page numbers whose memory is set aside when it is made: the handler changes it without allocating.
#![allow(unsafe_code, reason = "memory that need not be there to be zero")]

use std::alloc::{alloc_zeroed, Layout};
use std::ops::Range;

#[derive(Debug)]
pub(crate) struct PageSet {
    words: Option<Box<[u64]>>,
    count: usize,
}

const BITS: usize = 64;

impl PageSet {
    /// The empty set of numbers below `pages`. Its memory costs nothing until it is used. When there is none to be had, which
    /// must not end the process, no number goes into the set.
    pub(crate) fn new(pages: usize) -> Self {
        let words = pages.div_ceil(BITS);
        let Some(layout) = Layout::array::<u64>(words).ok().filter(|layout| layout.size() > 0) else {
            return Self::none();
        };
        // SAFETY: the size is not 0.
        let memory = unsafe { alloc_zeroed(layout) }.cast::<u64>();
        if memory.is_null() {
            return Self::none();
        }
        // SAFETY: allocated for so many words, as a box of them would be, and zero is a value of theirs.
        let words = unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(memory, words)) };
        Self { words: Some(words), count: 0 }
    }

    /// A set that no number goes into.
    pub(crate) const fn none() -> Self {
        Self { words: None, count: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn word(&self, page: usize) -> Option<u64> {
        self.words.as_ref()?.get(page / BITS).copied()
    }

    pub(crate) fn has(&self, page: usize) -> bool {
        self.word(page).is_some_and(|word| word >> (page % BITS) & 1 == 1)
    }

    pub(crate) fn insert(&mut self, pages: Range<usize>) {
        self.change(pages, |word, mask| *word |= mask);
    }

    pub(crate) fn remove(&mut self, pages: Range<usize>) {
        if !self.is_empty() {
            self.change(pages, |word, mask| *word &= !mask);
        }
    }

    fn change(&mut self, pages: Range<usize>, change: impl Fn(&mut u64, u64)) {
        let mut page = pages.start;
        while page < pages.end {
            let Some(word) = self.words.as_mut().and_then(|words| words.get_mut(page / BITS)) else { return };
            let first = page % BITS;
            let len = (pages.end - page).min(BITS - first);
            let mask = if len == BITS { u64::MAX } else { ((1 << len) - 1) << first };
            let before = word.count_ones();
            change(word, mask);
            self.count = self.count.wrapping_add(word.count_ones() as usize).wrapping_sub(before as usize);
            page += len;
        }
    }

    /// The first number in `pages` that is in the set, or is not in it.
    fn first(&self, pages: Range<usize>, wanted: bool) -> Option<usize> {
        let mut page = pages.start;
        while page < pages.end {
            let word = self.word(page)?;
            let word = if wanted { word } else { !word } >> (page % BITS);
            if word != 0 {
                let found = page + word.trailing_zeros() as usize;
                return (found < pages.end).then_some(found);
            }
            page += BITS - page % BITS;
        }
        None
    }

    /// The first run of neighbours in `pages` that are all in the set, or are all not in it.
    fn run(&self, pages: Range<usize>, wanted: bool) -> Option<Range<usize>> {
        let start = self.first(pages.clone(), wanted)?;
        let end = self.first(start..pages.end, !wanted).unwrap_or(pages.end);
        Some(start..end)
    }

    /// The first run of neighbours in `pages` that are in the set.
    pub(crate) fn first_run(&self, pages: Range<usize>) -> Option<Range<usize>> {
        self.run(pages, true)
    }

    /// The first run of neighbours in `pages` that are not in the set.
    pub(crate) fn first_gap(&self, pages: Range<usize>) -> Option<Range<usize>> {
        self.run(pages, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(
        set: &PageSet,
        mut pages: Range<usize>,
        find: fn(&PageSet, Range<usize>) -> Option<Range<usize>>,
    ) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        while let Some(run) = find(set, pages.clone()) {
            pages.start = run.end;
            found.push(run);
        }
        found
    }

    #[test]
    fn runs_and_gaps_are_those_of_a_plain_list() {
        let mut set = PageSet::new(300);
        let mut plain = vec![false; 300];
        let mut change = |set: &mut PageSet, range: Range<usize>, value: bool| {
            plain[range.clone()].fill(value);
            if value {
                set.insert(range);
            } else {
                set.remove(range);
            }
            assert_eq!(set.count, plain.iter().filter(|one| **one).count());
            for (wanted, find) in [(true, PageSet::first_run as fn(&_, _) -> _), (false, PageSet::first_gap)] {
                for within in [0..300, 63..65, 10..200, 299..300, 5..5] {
                    let listed: Vec<usize> = runs(set, within.clone(), find).into_iter().flatten().collect();
                    let expected: Vec<usize> = within.filter(|page| plain[*page] == wanted).collect();
                    assert_eq!(listed, expected);
                }
            }
        };
        change(&mut set, 3..4, true);
        change(&mut set, 60..70, true);
        change(&mut set, 64..128, true);
        change(&mut set, 100..300, true);
        change(&mut set, 127..129, false);
        change(&mut set, 0..300, false);
        assert!(set.is_empty());
    }

    #[test]
    fn numbers_beyond_the_set_are_in_none() {
        let mut set = PageSet::new(10);
        set.insert(0..10);
        assert!(set.has(9) && !set.has(64) && set.first_run(64..1000).is_none());
    }
}
