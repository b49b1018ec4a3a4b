//! A value for some of the pages: runs of pages that have the same one.

use std::ops::Range;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Run<T> {
    pages: Range<usize>,
    value: T,
}

/// Runs of pages, sorted and disjoint; neighbours differ. So there are never more of them than what they tell needs.
#[derive(Debug, Clone)]
pub(crate) struct PageRuns<T>(Vec<Run<T>>);

impl<T> Default for PageRuns<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy + PartialEq> PageRuns<T> {
    /// Gives every page of `pages` another value: what `next` makes of a part of them and of the value that the part has.
    pub(crate) fn update(&mut self, pages: &Range<usize>, mut next: impl FnMut(Range<usize>, Option<T>) -> Option<T>) {
        if pages.is_empty() {
            return;
        }
        // Runs that only touch `pages` are taken as well: they may have the same value afterwards.
        let first = self.0.partition_point(|run| run.pages.end < pages.start);
        let last = self.0.partition_point(|run| run.pages.start <= pages.end);
        let mut parts = Self(Vec::new());
        let mut at = pages.start;
        for Run { pages: run, value } in self.0.get(first..last).unwrap_or_default() {
            let (from, to) = (run.start.clamp(at, pages.end), run.end.clamp(at, pages.end));
            parts.push(run.start..run.end.min(pages.start), Some(*value));
            parts.update_part(at..from, None, &mut next);
            parts.update_part(from..to, Some(*value), &mut next);
            parts.push(run.start.max(pages.end)..run.end, Some(*value));
            at = to;
        }
        if at < pages.end {
            parts.update_part(at..pages.end, None, &mut next);
        }
        self.0.splice(first..last, parts.0);
    }

    fn update_part(
        &mut self,
        pages: Range<usize>,
        value: Option<T>,
        next: &mut impl FnMut(Range<usize>, Option<T>) -> Option<T>,
    ) {
        if !pages.is_empty() {
            self.push(pages.clone(), next(pages, value));
        }
    }

    /// Adds a run behind all others.
    fn push(&mut self, pages: Range<usize>, value: Option<T>) {
        let Some(value) = value.filter(|_| !pages.is_empty()) else { return };
        match self.0.last_mut() {
            Some(last) if last.pages.end == pages.start && last.value == value => last.pages.end = pages.end,
            _ => self.0.push(Run { pages, value }),
        }
    }

    /// The runs, as far as they lie before `end`.
    pub(crate) fn before(&self, end: usize) -> impl Iterator<Item = (Range<usize>, T)> + '_ {
        let clipped = self.0.iter().map(move |run| (run.pages.start..run.pages.end.min(end), run.value));
        clipped.take_while(|(pages, _)| !pages.is_empty())
    }

    /// Whether every page of `pages` has `value`.
    pub(crate) fn have(&self, pages: &Range<usize>, value: T) -> bool {
        let run = self.0.partition_point(|run| run.pages.end <= pages.start);
        let run = self.0.get(run).filter(|run| run.value == value);
        run.is_some_and(|run| run.pages.start <= pages.start && pages.end <= run.pages.end)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PAGES: usize = 24;

    fn values(runs: &PageRuns<u8>) -> Vec<Option<u8>> {
        let mut values = vec![None; PAGES];
        for (pages, value) in runs.before(PAGES) {
            values[pages].fill(Some(value));
        }
        values
    }

    proptest! {
        #[test]
        fn they_agree_with_a_value_per_page(
            steps in prop::collection::vec((0..PAGES, 0..PAGES, prop::option::of(0_u8..3)), 0..60),
        ) {
            let mut runs = PageRuns::default();
            let mut model = vec![None; PAGES];
            for (one, other, value) in steps {
                let pages = one.min(other)..one.max(other);
                let mut told = Vec::new();
                runs.update(&pages, |part, before| {
                    told.extend(part.map(|page| (page, before)));
                    value
                });
                let expected: Vec<_> = pages.clone().map(|page| (page, model[page])).collect();
                prop_assert_eq!(told, expected, "each page is told once, in order");
                model[pages.clone()].fill(value);
                prop_assert_eq!(values(&runs), model.clone());
                for value in 0..3 {
                    let have = !pages.is_empty() && model[pages.clone()].iter().all(|own| *own == Some(value));
                    prop_assert_eq!(!pages.is_empty() && runs.have(&pages, value), have);
                }
                let fewest = model.iter().enumerate().filter(|(page, value)| {
                    value.is_some() && (*page == 0 || model[page - 1] != **value)
                });
                prop_assert_eq!(runs.0.len(), fewest.count(), "neighbours that are alike are one");
            }
        }
    }

    #[test]
    fn no_pages_are_no_run() {
        let mut runs = PageRuns::default();
        runs.update(&(5..5), |_, _| Some(1));
        assert!(runs.is_empty());
    }

    #[test]
    fn a_run_can_have_no_end() {
        let mut runs = PageRuns::default();
        runs.update(&(0..usize::MAX), |_, _| Some(1));
        runs.update(&(3..4), |_, _| Some(2));
        assert_eq!(runs.before(9).collect::<Vec<_>>(), [(0..3, 1), (3..4, 2), (4..9, 1)]);
    }
}
