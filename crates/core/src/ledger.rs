//! Which pages are locked, and how often: overlapping locks need as many unlocks.

use std::ops::Range;

use crate::page_runs::PageRuns;

/// The count of each locked page.
#[derive(Debug, Default)]
pub(crate) struct Ledger(PageRuns<u32>);

impl Ledger {
    /// Counts every page of `pages` once more.
    pub(crate) fn add(&mut self, pages: &Range<usize>) {
        self.0.update(pages, |_, count| Some(count.unwrap_or(0).saturating_add(1)));
    }

    /// Counts every page of `pages` once less and tells which have no lock left. Pages without one are left alone.
    pub(crate) fn remove(&mut self, pages: &Range<usize>) -> Vec<Range<usize>> {
        let mut freed = Vec::new();
        self.0.update(pages, |part, count| match count? {
            1 => {
                freed.push(part);
                None
            }
            count => Some(count - 1),
        });
        freed
    }

    /// The parts of `pages` that nobody has locked.
    pub(crate) fn unlocked(&self, pages: &Range<usize>) -> Vec<Range<usize>> {
        let mut at = pages.start;
        let mut gaps = Vec::new();
        for (locked, _) in self.0.before(pages.end) {
            if at < locked.start {
                gaps.push(at..locked.start);
            }
            at = at.max(locked.end);
        }
        if at < pages.end {
            gaps.push(at..pages.end);
        }
        gaps
    }

    /// Every locked range up to `end`.
    pub(crate) fn locked_before(&self, end: usize) -> Vec<Range<usize>> {
        self.0.before(end).map(|(pages, _)| pages).collect()
    }

    /// Forgets what lies behind `end`.
    pub(crate) fn forget_after(&mut self, end: usize) {
        self.0.update(&(end..usize::MAX), |_, _| None);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_locks_need_as_many_unlocks() {
        let mut ledger = Ledger::default();
        ledger.add(&(0..2));
        ledger.add(&(1..3));
        assert_eq!(ledger.remove(&(1..2)), []);
        assert_eq!(ledger.remove(&(1..2)).first(), Some(&(1..2)));
        assert_eq!(ledger.unlocked(&(0..4)), [1..2, 3..4]);
        assert_eq!(ledger.remove(&(0..9)), [0..1, 2..3]);
        assert!(ledger.is_empty());
        assert_eq!(ledger.remove(&(0..9)), []);
    }

    #[test]
    fn it_agrees_with_a_count_per_page() {
        let mut ledger = Ledger::default();
        let mut counts = [0_u32; 16];
        let mut seed = 7_usize;
        for _ in 0..2000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (start, len, adds) = (seed >> 33 & 15, seed >> 40 & 7, seed >> 50 & 1 == 0);
            let pages = start..(start + len).min(16);
            if adds {
                ledger.add(&pages);
                counts[pages].iter_mut().for_each(|count| *count += 1);
            } else {
                let freed: Vec<usize> = ledger.remove(&pages).into_iter().flatten().collect();
                let expected: Vec<usize> = pages.clone().filter(|page| counts[*page] == 1).collect();
                assert_eq!(freed, expected);
                counts[pages].iter_mut().for_each(|count| *count = count.saturating_sub(1));
            }
            let free: Vec<usize> = ledger.unlocked(&(0..16)).into_iter().flatten().collect();
            let expected: Vec<usize> = (0..16).filter(|page| counts[*page] == 0).collect();
            assert_eq!(free, expected);
        }
    }
}
