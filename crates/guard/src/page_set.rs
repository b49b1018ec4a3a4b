//! A set of page numbers whose memory is set aside when it is made: the handler changes it without allocating.

use std::ops::Range;

#[derive(Debug)]
pub(crate) struct PageSet {
    words: Vec<u64>,
    count: usize,
}

const BITS: usize = 64;

impl PageSet {
    /// The empty set of numbers below `pages`. The memory is fresh from the system: it costs nothing until it is used.
    pub(crate) fn new(pages: usize) -> Self {
        Self { words: vec![0; pages.div_ceil(BITS)], count: 0 }
    }

    /// A set of no numbers at all.
    pub(crate) const fn none() -> Self {
        Self { words: Vec::new(), count: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(crate) fn has(&self, page: usize) -> bool {
        self.words.get(page / BITS).is_some_and(|word| word >> (page % BITS) & 1 == 1)
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
            let Some(word) = self.words.get_mut(page / BITS) else { return };
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
            let word = *self.words.get(page / BITS)?;
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
