//! Flush policies.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports, reason = "some tests are of Linux alone"))]

mod common;

use std::sync::Arc;

use common::{page, wait_until, Scratch};
use mmap_io::flush::FlushPolicy;
use mmap_io::{MemoryMappedFile, MmapMode};

fn create(scratch: &Scratch, policy: FlushPolicy) -> MemoryMappedFile {
    MemoryMappedFile::builder(scratch.file()).size(100).flush_policy(policy).create().unwrap()
}

/// What is pending after each of ten writes of 3 bytes.
fn pending(policy: FlushPolicy) -> Vec<u64> {
    let scratch = Scratch::new();
    let file = create(&scratch, policy);
    let pending = |offset| {
        file.update_region(offset, b"abc").unwrap();
        file.pending_bytes()
    };
    (0..10).map(pending).collect()
}

/// Row 5: what is pending is bytes under every policy, also where calls are what is counted.
#[test]
fn each_policy_flushes_when_it_says() {
    let never: Vec<u64> = (1..=10).map(|writes| writes * 3).collect();
    let policies = [FlushPolicy::Never, FlushPolicy::Manual, FlushPolicy::EveryBytes(0), FlushPolicy::EveryWrites(0)];
    let large =
        [FlushPolicy::EveryBytes(usize::MAX), FlushPolicy::EveryWrites(usize::MAX), FlushPolicy::EveryBytes(31)];
    let timed = [FlushPolicy::EveryMillis(0), FlushPolicy::EveryMillis(3_600_000), FlushPolicy::EveryMillis(u64::MAX)];
    for policy in policies.into_iter().chain(large).chain(timed) {
        assert_eq!(pending(policy), never, "{policy:?}");
    }
    for policy in
        [FlushPolicy::Always, FlushPolicy::EveryBytes(1), FlushPolicy::EveryBytes(3), FlushPolicy::EveryWrites(1)]
    {
        assert_eq!(pending(policy), [0; 10], "{policy:?}");
    }
    assert_eq!(pending(FlushPolicy::EveryBytes(7)), [3, 6, 0, 3, 6, 0, 3, 6, 0, 3]);
    assert_eq!(pending(FlushPolicy::EveryBytes(9)), [3, 6, 0, 3, 6, 0, 3, 6, 0, 3]);
    assert_eq!(pending(FlushPolicy::EveryBytes(10)), [3, 6, 9, 0, 3, 6, 9, 0, 3, 6]);
    assert_eq!(pending(FlushPolicy::EveryWrites(4)), [3, 6, 9, 0, 3, 6, 9, 0, 3, 6]);
}

#[test]
fn writes_that_are_refused_or_empty_are_no_writes() {
    let scratch = Scratch::new();
    let file = create(&scratch, FlushPolicy::EveryWrites(2));
    file.update_region(0, b"abc").unwrap();
    file.update_region(0, b"").unwrap();
    file.update_region(99, b"abc").unwrap_err();
    let view = file.as_slice(0, 1).unwrap();
    assert!(!file.try_update_region(0, b"abc").unwrap());
    drop(view);
    assert_eq!(file.pending_bytes(), 3);
    file.try_update_region(0, b"abc").unwrap();
    assert_eq!(file.pending_bytes(), 0);
}

#[test]
fn an_explicit_flush_starts_the_counting_anew() {
    let scratch = Scratch::new();
    for policy in [FlushPolicy::EveryWrites(3), FlushPolicy::EveryBytes(9)] {
        let file = create(&scratch, policy);
        file.update_region(0, b"abc").unwrap();
        file.update_region(0, b"abc").unwrap();
        file.flush().unwrap();
        file.update_region(0, b"abc").unwrap();
        file.flush_range(0, 50).unwrap();
        file.update_region(0, b"abc").unwrap();
        assert_eq!(file.pending_bytes(), 6, "{policy:?}");
        file.update_region(0, b"abc").unwrap();
        assert_eq!(file.pending_bytes(), 0, "{policy:?}");
    }
}

/// Row 3: writes through slices count towards the policy; the next call that can flush does.
#[test]
fn slices_count_towards_the_policy() {
    let scratch = Scratch::new();
    let file = create(&scratch, FlushPolicy::EveryBytes(50));
    drop(file.as_slice_mut(0, 60).unwrap());
    assert_eq!(file.pending_bytes(), 60);
    file.update_region(0, b"x").unwrap();
    assert_eq!(file.pending_bytes(), 0);
    let segment = mmap_io::segment::SegmentMut::new(Arc::new(file.clone()), 0, 60).unwrap();
    segment.write(&[1; 60]).unwrap();
    assert_eq!(file.pending_bytes(), 0);
    #[cfg(feature = "iterator")]
    {
        file.chunks_mut(7).for_each_mut(|_, _| Ok(())).unwrap();
        assert_eq!(file.pending_bytes(), 0);
    }
    #[cfg(feature = "atomic")]
    {
        drop(file.atomic_u64_slice(0, 10).unwrap());
        assert_eq!(file.pending_bytes(), 80);
        file.update_region(0, b"x").unwrap();
        assert_eq!(file.pending_bytes(), 0);
    }
}

/// A walk is one write, however many pieces it has.
#[cfg(feature = "iterator")]
#[test]
fn a_walk_over_pieces_is_one_write() {
    let scratch = Scratch::new();
    let file = create(&scratch, FlushPolicy::EveryWrites(2));
    file.chunks_mut(1).for_each_mut(|_, _| Ok(())).unwrap();
    assert_eq!(file.pending_bytes(), 100);
    file.chunks_mut(1).for_each_mut(|_, _| Ok(())).unwrap();
    assert_eq!(file.pending_bytes(), 0);
}

/// Row 7: the timed policy works wherever a mapping with a policy can be made.
#[test]
fn a_timed_policy_flushes_by_itself_however_the_file_was_opened() {
    let scratch = Scratch::new();
    let builder = || {
        let policy = FlushPolicy::EveryMillis(5);
        MemoryMappedFile::builder(scratch.file()).size(100).mode(MmapMode::ReadWrite).flush_policy(policy)
    };
    let files = [builder().create_new(), builder().create(), builder().open(), builder().open_or_create()];
    for file in files.map(Result::unwrap) {
        for _ in 0..3 {
            file.update_region(0, b"abc").unwrap();
            wait_until("the bytes are flushed", || file.pending_bytes() == 0);
        }
        drop(file.as_slice_mut(0, 10).unwrap());
        wait_until("the bytes of a slice are flushed", || file.pending_bytes() == 0);
        file.resize(200).unwrap();
        file.update_region(150, b"abc").unwrap();
        wait_until("the bytes are flushed after a resize", || file.pending_bytes() == 0);
    }
}

/// Row 7: one thread for all timed policies; it ends with the last.
#[cfg(target_os = "linux")]
#[test]
fn twenty_timed_mappings_share_one_thread_that_ends_with_them() {
    common::process::in_child("twenty_timed_mappings_share_one_thread_that_ends_with_them", || {
        let count = || common::linux::thread_names().iter().filter(|name| name.contains("flusher")).count();
        let scratch = Scratch::new();
        let open = |number: usize| {
            let path = scratch.path(&number.to_string());
            MemoryMappedFile::builder(path).size(100).flush_policy(FlushPolicy::EveryMillis(2)).create().unwrap()
        };
        let before = common::linux::thread_names().len();
        for _ in 0..3 {
            let files: Vec<_> = (0..20).map(open).collect();
            for file in &files {
                file.update_region(0, b"abc").unwrap();
            }
            for file in &files {
                wait_until("every file is flushed", || file.pending_bytes() == 0);
            }
            assert_eq!((count(), common::linux::thread_names().len()), (1, before + 1));
            drop(files);
            wait_until("the thread ends", || count() == 0);
        }
    });
}

#[test]
fn a_mapping_under_a_timed_policy_can_be_taken_apart_at_any_moment() {
    let scratch = Scratch::new();
    for round in 0..200 {
        let file = create(&scratch, FlushPolicy::EveryMillis(1));
        file.update_region(0, b"abc").unwrap();
        if round % 2 == 0 {
            let back = file.unmap().unwrap();
            assert_eq!(back.metadata().unwrap().len(), 100);
        }
    }
}

/// Row 1, row 2: an explicit flush syncs, whatever was counted before.
#[cfg(target_os = "linux")]
#[test]
fn an_explicit_flush_always_syncs() {
    use common::linux::{with_failing, Failing};

    let scratch = Scratch::new();
    for policy in [FlushPolicy::Never, FlushPolicy::Manual, FlushPolicy::EveryBytes(1 << 30)] {
        let file = MemoryMappedFile::builder(scratch.file()).size(3 * page()).flush_policy(policy).create().unwrap();
        // A sync that fails is a sync that was tried. The error is one that does not last.
        let failing = Failing { call: libc::SYS_msync, error: libc::EBUSY, only: None };
        let tried = file.clone();
        let can = with_failing(&[failing], move || {
            assert!(tried.flush().is_err());
            assert!(tried.flush_range(page() + 1, 1).is_err());
            assert!(tried.flush_range(0, 3 * page()).is_err());
            tried.flush_range(page(), 0).unwrap();
        });
        if !can {
            return common::linux::skipped("the kernel has no filters for system calls");
        }
        file.flush().unwrap();
    }
}

/// Row 2: the sync waits for the device: `MS_SYNC`, and not `MS_ASYNC`, which does nothing.
#[cfg(target_os = "linux")]
#[test]
fn a_flush_waits_for_the_device() {
    use common::linux::{with_failing, Failing};

    let scratch = Scratch::new();
    let file = scratch.zeros(page());
    let only =
        |flags: i32| Failing { call: libc::SYS_msync, error: libc::EBUSY, only: Some((2, flags.unsigned_abs())) };
    let waits = file.clone();
    let can = with_failing(&[only(libc::MS_SYNC)], move || assert!(waits.flush().is_err()));
    if !can {
        return common::linux::skipped("the kernel has no filters for system calls");
    }
    with_failing(&[only(libc::MS_ASYNC)], move || file.flush().unwrap());
}

/// Row 5: what is written while a flush waits for the device stays pending.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[test]
fn what_is_written_during_a_flush_stays_pending() {
    let scratch = Scratch::new();
    let file = scratch.zeros(page());
    file.update_region(0, &[1; 10]).unwrap();
    let flushed = file.clone();
    let write = || file.update_region(0, &[2; 3]).unwrap();
    if !common::linux::with_held_sync(write, move || flushed.flush().unwrap()) {
        return common::linux::skipped("the kernel has no filters for system calls");
    }
    assert_eq!(file.pending_bytes(), 3);
}
