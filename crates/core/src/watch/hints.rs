//! What notifications mean, and the queue of them that waits for the thread of all watches.

use std::collections::VecDeque;

use notify::event::{EventKind, ModifyKind, RenameMode};

/// Hints that wait for one watch. More are joined.
const MOST: usize = 64;

/// What a notification says about a watched path. Notifications are hints: what has really become of the path is looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hint {
    Content,
    Metadata,
    /// The name was removed, or given to another file's place.
    Gone,
    /// The name was given to a file.
    Came,
    /// The way to the file may lead elsewhere: a link or a folder on it changed.
    Look,
    /// Notifications were lost.
    Lost,
    /// Bytes differ from what they were.
    Bytes {
        offset: u64,
        len: u64,
    },
}

impl Hint {
    /// What a notification about a name on the way to a file says: the file's own, or a link's. `None`: nothing changed.
    pub(super) fn of(event: EventKind, is_link: bool) -> Option<Self> {
        let hint = match event {
            EventKind::Access(_) => return None,
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Self::Gone,
            EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Self::Came,
            // A second notice of what `From` and `To` have told.
            EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => return None,
            EventKind::Modify(ModifyKind::Name(RenameMode::Any | RenameMode::Other)) => Self::Look,
            EventKind::Modify(ModifyKind::Metadata(_)) => Self::Metadata,
            EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Any | ModifyKind::Other)
            | EventKind::Any
            | EventKind::Other => Self::Content,
        };
        match (is_link, hint) {
            (false, _) => Some(hint),
            // Owner and times of a link say nothing about the file.
            (true, Self::Metadata) => None,
            (true, _) => Some(Self::Look),
        }
    }
}

/// Hints in their order, those that say the same again left out.
#[derive(Debug, Default)]
pub(super) struct Hints(VecDeque<Hint>);

impl Hints {
    pub(super) fn push(&mut self, hint: Hint) {
        if self.0.back() == Some(&hint) {
            return;
        }
        if self.0.len() == MOST {
            self.0.clear();
            self.0.push_back(Hint::Lost);
        } else {
            self.0.push_back(hint);
        }
    }
}

impl IntoIterator for Hints {
    type Item = Hint;
    type IntoIter = std::collections::vec_deque::IntoIter<Hint>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, CreateKind, DataChange, MetadataKind, RemoveKind};

    use super::*;

    #[test]
    fn notifications_mean_what_the_reference_says() {
        let name = |mode| EventKind::Modify(ModifyKind::Name(mode));
        let metadata = EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any));
        for (event, of_file, of_link) in [
            (EventKind::Access(AccessKind::Any), None, None),
            (EventKind::Modify(ModifyKind::Data(DataChange::Any)), Some(Hint::Content), Some(Hint::Look)),
            (EventKind::Any, Some(Hint::Content), Some(Hint::Look)),
            (EventKind::Other, Some(Hint::Content), Some(Hint::Look)),
            (metadata, Some(Hint::Metadata), None),
            (EventKind::Create(CreateKind::File), Some(Hint::Came), Some(Hint::Look)),
            (EventKind::Remove(RemoveKind::File), Some(Hint::Gone), Some(Hint::Look)),
            (name(RenameMode::From), Some(Hint::Gone), Some(Hint::Look)),
            (name(RenameMode::To), Some(Hint::Came), Some(Hint::Look)),
            (name(RenameMode::Any), Some(Hint::Look), Some(Hint::Look)),
            (name(RenameMode::Both), None, None),
        ] {
            assert_eq!((Hint::of(event, false), Hint::of(event, true)), (of_file, of_link), "{event:?}");
        }
    }

    #[test]
    fn a_queue_joins_what_is_the_same_and_never_grows_beyond_its_bound() {
        let mut hints = Hints::default();
        for _ in 0..1000 {
            hints.push(Hint::Content);
        }
        assert_eq!(std::mem::take(&mut hints).into_iter().collect::<Vec<_>>(), [Hint::Content]);
        for _ in 0..1000 {
            hints.push(Hint::Content);
            hints.push(Hint::Metadata);
        }
        assert!(hints.0.len() <= MOST && hints.0.contains(&Hint::Lost));
    }
}
