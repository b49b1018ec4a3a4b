//! Notices that wait for somebody who is busy.

use std::collections::VecDeque;

use super::{Change, ChangeKind, Notice};

/// Changes that wait. More are joined.
const MOST: usize = 64;

/// Notices in their order, never more than a few: changes of one kind in a row are joined, and when there are too many of
/// different kinds, all are told as one `Modified`.
///
/// ```
/// use mmap_io::watch::{Notice, NoticeQueue};
///
/// let mut queue = NoticeQueue::default();
/// queue.push(Notice::Ended);
/// assert!(matches!(queue.take().next(), Some(Notice::Ended)));
/// ```
#[derive(Debug, Default)]
pub struct NoticeQueue(VecDeque<Notice>);

impl NoticeQueue {
    /// Adds a notice.
    ///
    /// ```
    /// # use mmap_io::watch::{Notice, NoticeQueue};
    /// let mut queue = NoticeQueue::default();
    /// queue.push(Notice::Ended);
    /// assert!(!queue.is_empty());
    /// ```
    pub fn push(&mut self, notice: Notice) {
        if let (Notice::Changed(next), Some(Notice::Changed(last))) = (&notice, self.0.back_mut())
            && let Some(joined) = join(last, next)
        {
            *last = joined;
            return;
        }
        self.0.push_back(notice);
        if self.0.len() > MOST {
            self.join_all();
        }
    }

    /// Whether nothing waits.
    ///
    /// ```
    /// assert!(mmap_io::watch::NoticeQueue::default().is_empty());
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes everything.
    ///
    /// ```
    /// # use mmap_io::watch::{Notice, NoticeQueue};
    /// let mut queue = NoticeQueue::default();
    /// queue.push(Notice::Ended);
    /// assert_eq!((queue.take().count(), queue.take().count()), (1, 0));
    /// ```
    pub fn take(&mut self) -> impl Iterator<Item = Notice> + use<> {
        std::mem::take(&mut self.0).into_iter()
    }

    fn join_all(&mut self) {
        let changes = || {
            self.0.iter().filter_map(|notice| match notice {
                Notice::Changed(change) => Some(change),
                _ => None,
            })
        };
        let replaced = changes().any(|change| change.replaced);
        let is_removed = changes().next_back().is_some_and(|change| change.kind == ChangeKind::Removed);
        self.0.retain(|notice| !matches!(notice, Notice::Changed(_)));
        if is_removed {
            self.0.push_front(Notice::Changed(Change::new(ChangeKind::Removed)));
        }
        self.0.push_front(Notice::Changed(Change { replaced, ..Change::new(ChangeKind::Modified) }));
    }
}

/// Two changes as one, where that says the same.
fn join(first: &Change, second: &Change) -> Option<Change> {
    if (first.kind, first.replaced) != (second.kind, second.replaced) {
        return None;
    }
    let range = match (first.range, second.range) {
        (None, None) => None,
        (Some((a, a_len)), Some((b, b_len))) if a <= b.saturating_add(b_len) && b <= a.saturating_add(a_len) => {
            let end = a.saturating_add(a_len).max(b.saturating_add(b_len));
            Some((a.min(b), end - a.min(b)))
        }
        _ => return None,
    };
    Some(Change { range, ..*first })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn taken(queue: &mut NoticeQueue) -> Vec<Change> {
        let changes = queue.take().map(|notice| match notice {
            Notice::Changed(change) => change,
            other => panic!("{other:?}"),
        });
        changes.collect()
    }

    #[test]
    fn changes_of_one_kind_in_a_row_are_one() {
        let mut queue = NoticeQueue::default();
        let (modified, metadata) = (Change::new(ChangeKind::Modified), Change::new(ChangeKind::Metadata));
        let replaced = Change { replaced: true, ..modified };
        for change in [modified, modified, metadata, metadata, modified, replaced, replaced] {
            queue.push(Notice::Changed(change));
        }
        assert_eq!(taken(&mut queue), [modified, metadata, modified, replaced]);
        assert!(queue.is_empty());
    }

    #[test]
    fn ranges_that_touch_are_one() {
        let mut queue = NoticeQueue::default();
        let range = |range| Change { range: Some(range), ..Change::new(ChangeKind::Modified) };
        for change in [range((0, 10)), range((10, 5)), range((5, 3)), range((100, 1))] {
            queue.push(Notice::Changed(change));
        }
        assert_eq!(taken(&mut queue), [range((0, 15)), range((100, 1))]);
    }

    #[test]
    fn too_many_changes_are_one_that_hides_neither_a_new_file_nor_a_removal() {
        let mut queue = NoticeQueue::default();
        let removed = Change::new(ChangeKind::Removed);
        let replaced = Change { replaced: true, ..Change::new(ChangeKind::Modified) };
        // The first change that is too many is a removal.
        queue.push(Notice::Changed(removed));
        for _ in 0..1000 {
            queue.push(Notice::Changed(replaced));
            queue.push(Notice::Changed(removed));
            assert!(matches!(queue.0.back(), Some(Notice::Changed(last)) if *last == removed));
            assert!(queue.0.iter().any(|notice| matches!(notice, Notice::Changed(change) if change.replaced)));
        }
        assert!(queue.0.len() <= MOST);
        let changes = taken(&mut queue);
        assert_eq!(changes.last(), Some(&removed));
    }

    #[test]
    fn a_failure_is_not_lost_among_many_changes() {
        let mut queue = NoticeQueue::default();
        queue.push(Notice::Failed(Error::unsupported("a failure")));
        for kind in [ChangeKind::Modified, ChangeKind::Metadata].repeat(100) {
            queue.push(Notice::Changed(Change::new(kind)));
        }
        assert_eq!(queue.take().filter(|notice| matches!(notice, Notice::Failed(_))).count(), 1);
    }
}
