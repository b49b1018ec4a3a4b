//! Pages kept in memory.
#![cfg(all(feature = "locking", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::fs;

use common::linux::{can_lock, drop_privileges, kib_of, limit, locked, with_failing, Failing};
use common::{all, assert_out_of_bounds, page, pattern, Scratch};
use mmap_io::{MmapIoError, MmapMode};

/// Runs the body in a process of its own, where locking pages can be seen.
#[track_caller]
fn in_child(test: &str, body: impl FnOnce()) {
    common::process::in_child(test, || {
        if can_lock() {
            body();
        } else {
            common::linux::skipped("locking pages does nothing here");
        }
    });
}

/// Locked pages of this process, which a child has to itself.
fn locked_pages() -> u64 {
    locked() / page()
}

/// Row 28: locks are counted by page: of two that overlap, one stays when the other goes.
#[test]
fn overlapping_locks_need_as_many_unlocks() {
    in_child("overlapping_locks_need_as_many_unlocks", || {
        let scratch = Scratch::new();
        for mode in [MmapMode::ReadWrite, MmapMode::ReadOnly] {
            let file = scratch.with(&pattern(8 * page()), mode);
            assert_eq!(locked_pages(), 0);
            // Unaligned ranges are widened: pages 0 to 1, then 1 to 2.
            file.lock(10, page()).unwrap();
            file.lock(page() + 10, page()).unwrap();
            assert_eq!(locked_pages(), 3);
            file.unlock(page(), page()).unwrap();
            assert_eq!(locked_pages(), 3, "page 1 was locked twice");
            file.unlock(page(), page()).unwrap();
            assert_eq!(locked_pages(), 2);
            file.unlock(page(), page()).unwrap();
            file.unlock(5 * page(), page()).unwrap();
            assert_eq!(locked_pages(), 2, "a page that is not locked is left alone");
            file.lock_all().unwrap();
            assert_eq!(locked_pages(), 8);
            file.unlock_all().unwrap();
            assert_eq!(locked_pages(), 2);
            file.clone().unlock_all().unwrap();
            assert_eq!(locked_pages(), 0, "clones share the count");
            file.lock_all().unwrap();
            drop(file);
            assert_eq!(locked_pages(), 0, "nothing stays locked without the mapping");
        }
    });
}

/// Row 28: a resize keeps the locks of the pages that stay.
#[test]
fn locks_hold_over_a_resize() {
    in_child("locks_hold_over_a_resize", || {
        let scratch = Scratch::new();
        let file = scratch.zeros(8 * page());
        file.lock(0, 2 * page()).unwrap();
        file.lock(6 * page(), page()).unwrap();
        file.lock(6 * page(), page()).unwrap();
        assert_eq!(locked_pages(), 3);
        for len in [100, 1000] {
            file.resize(len * page()).unwrap();
            assert_eq!(locked_pages(), 3, "{len}");
        }
        file.unlock(6 * page(), page()).unwrap();
        assert_eq!(locked_pages(), 3, "the count moved along");
        file.resize(page() + 1).unwrap();
        assert_eq!(locked_pages(), 2, "pages 0 and 1 stay, page 6 is cut");
        file.resize(8 * page()).unwrap();
        assert_eq!(locked_pages(), 2, "a cut page comes back unlocked");
        file.unlock_all().unwrap();
        assert_eq!(locked_pages(), 0);
    });
}

/// Row 13: a lock never reaches into memory that a resize has given to somebody else.
#[test]
fn locking_beside_a_resize_locks_nothing_that_stays() {
    in_child("locking_beside_a_resize_locks_nothing_that_stays", || {
        let scratch = Scratch::new();
        let file = scratch.zeros(8 * page());
        let done = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..1000 {
                    file.resize((8 + round % 5 * 8) * page()).unwrap();
                }
                done.store(true, std::sync::atomic::Ordering::Release);
            });
            scope.spawn(|| {
                while !done.load(std::sync::atomic::Ordering::Acquire) {
                    file.lock(0, 8 * page()).unwrap();
                    file.lock_all().unwrap();
                    file.unlock_all().unwrap();
                    file.unlock(0, 8 * page()).unwrap();
                }
            });
        });
        assert_eq!(locked_pages(), 0);
        file.lock_all().unwrap();
        assert_eq!(locked_pages() * page(), file.len());
    });
}

#[test]
fn locking_a_mapping_for_reading_copies_no_page_and_follows_the_file() {
    in_child("locking_a_mapping_for_reading_copies_no_page_and_follows_the_file", || {
        let scratch = Scratch::new();
        let cow = cfg!(feature = "cow").then_some(MmapMode::CopyOnWrite);
        for mode in [MmapMode::ReadOnly].into_iter().chain(cow) {
            let file = scratch.with(&pattern(16 * page()), mode);
            file.lock_all().unwrap();
            assert_eq!(locked_pages(), 16);
            // Private pages of a file mapping are copies: anonymous.
            assert_eq!(kib_of(&scratch.file(), "Anonymous"), 0);
            fs::write(scratch.file(), vec![9; common::at(16 * page())]).unwrap();
            assert!(all(&file).iter().all(|byte| *byte == 9));
            file.unlock_all().unwrap();
            assert_eq!((locked_pages(), common::linux::maps_of(&scratch.file()).len()), (0, 1), "no second map stays");
        }
    });
}

#[test]
fn ranges_are_checked() {
    let scratch = Scratch::new();
    for mode in [MmapMode::ReadWrite, MmapMode::ReadOnly] {
        let file = scratch.with(b"0123456789", mode);
        for (offset, len) in [(0, 11), (10, 1), (u64::MAX, 1), (1, u64::MAX)] {
            assert_out_of_bounds(file.lock(offset, len), offset, len, 10);
            assert_out_of_bounds(file.unlock(offset, len), offset, len, 10);
        }
        file.unlock_all().unwrap();
    }
}

#[test]
fn a_limit_that_bites_is_told_and_locks_nothing() {
    in_child("a_limit_that_bites_is_told_and_locks_nothing", || {
        let scratch = Scratch::new();
        let file = scratch.zeros(64 * page());
        drop_privileges();
        limit(libc::RLIMIT_MEMLOCK, 8 * page());
        file.lock(0, 4 * page()).unwrap();
        let error = file.lock_all().unwrap_err();
        assert!(matches!(&error, MmapIoError::LockFailed(text) if text.contains("mlock")), "{error}");
        assert_eq!(locked_pages(), 4);
        // Nothing was counted: one unlock is enough.
        file.unlock(0, 4 * page()).unwrap();
        assert_eq!(locked_pages(), 0);
        file.lock(10 * page(), 6 * page()).unwrap();
        // Half-way: pages 8 and 9 can be locked, those behind 15 cannot.
        assert!(file.lock(8 * page(), 20 * page()).is_err());
        assert_eq!(locked_pages(), 6, "what was locked on the way is let go");
        // A growth needs the limit once, not twice.
        file.resize(128 * page()).unwrap();
        assert_eq!(locked_pages(), 6);
        file.update_region(100 * page(), b"x").unwrap();
    });
}

/// Row 11: when the locks cannot be had again, the growth fails and everything is as before.
#[test]
fn a_growth_whose_pages_cannot_be_locked_again_changes_nothing() {
    in_child("a_growth_whose_pages_cannot_be_locked_again_changes_nothing", || {
        let scratch = Scratch::new();
        let file = scratch.with(&pattern(4 * page()), MmapMode::ReadWrite);
        file.lock_all().unwrap();
        let (mapping, path) = (file.clone(), scratch.file());
        let can = with_failing(&[Failing { call: libc::SYS_mlock, error: libc::EAGAIN, only: None }], move || {
            let error = mapping.resize(64 * page()).unwrap_err();
            assert!(matches!(&error, MmapIoError::Io(error) if error.raw_os_error() == Some(libc::EAGAIN)), "{error}");
            assert_eq!((mapping.len(), fs::metadata(path).unwrap().len()), (4 * page(), 4 * page()));
        });
        if !can {
            return common::linux::skipped("the kernel has no filters for system calls");
        }
        assert_eq!(all(&file), pattern(4 * page()));
        file.resize(64 * page()).unwrap();
        assert_eq!(file.len(), 64 * page());
    });
}

/// Row 11: a shrink that the file system refuses leaves the locks of the pages that it would have taken.
#[test]
fn a_shrink_that_is_refused_keeps_the_locks() {
    in_child("a_shrink_that_is_refused_keeps_the_locks", || {
        let scratch = Scratch::new();
        let file = scratch.with(&pattern(8 * page()), MmapMode::ReadWrite);
        file.lock(2 * page(), 4 * page()).unwrap();
        let mapping = file.clone();
        let can = with_failing(&[Failing { call: libc::SYS_ftruncate, error: libc::EPERM, only: None }], move || {
            common::assert_io(mapping.resize(page()), std::io::ErrorKind::PermissionDenied);
        });
        if !can {
            return common::linux::skipped("the kernel has no filters for system calls");
        }
        assert_eq!((locked_pages(), all(&file)), (4, pattern(8 * page())));
        file.update_region(7 * page(), b"still the file").unwrap();
        assert_eq!(scratch.content(), all(&file));
        file.unlock(2 * page(), 4 * page()).unwrap();
        assert_eq!(locked_pages(), 0);
    });
}
