//! What happens when the operating system says no: the right error, nothing left behind, and a mapping as usable as before.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::io::ErrorKind;

use common::linux::{fail_from_now_on, is_root, limit, mount_small, skipped, status, with_failing, Failing};
use common::process::in_child;
use common::{all, assert_io, page, pattern, wait_until, Scratch};
use mmap_io::flush::FlushPolicy;
use mmap_io::{MemoryMappedFile, MmapIoError, MmapMode};

const NO_FILTERS: &str = "the kernel has no filters for system calls";

fn failing(call: libc::c_long, error: i32) -> Failing {
    Failing { call, error, only: None }
}

/// Fails maps of files that are shared, and no others: memory for the test itself stays to be had.
fn no_shared_maps() -> Failing {
    Failing { call: libc::SYS_mmap, error: libc::ENOMEM, only: Some((3, libc::MAP_SHARED.unsigned_abs())) }
}

/// Fails syncs of this many bytes, and no others.
fn no_sync_of(len: u64, error: i32) -> Failing {
    Failing { call: libc::SYS_msync, error, only: Some((1, u32::try_from(len).unwrap())) }
}

#[track_caller]
fn assert_flush_failed(result: Result<(), MmapIoError>, error: i32) {
    let text = std::io::Error::from_raw_os_error(error).to_string();
    assert!(matches!(&result, Err(MmapIoError::FlushFailed(why)) if why.contains(&text)), "{result:?}");
}

#[track_caller]
fn assert_usable(file: &MemoryMappedFile, bytes: &[u8]) {
    assert_eq!((file.len(), fs::metadata(file.path()).unwrap().len()), (bytes.len() as u64, bytes.len() as u64));
    assert_eq!(all(file), bytes);
    let last = file.len() - 1;
    file.update_region(last, b"E").unwrap();
    file.update_region(last, &bytes[bytes.len() - 1..]).unwrap();
    file.flush().unwrap();
}

/// Row 18: a destination that is mapped is as long as it was when a copy breaks off.
#[test]
fn a_copy_that_fails_does_not_shorten_the_destination() {
    in_child("a_copy_that_fails_does_not_shorten_the_destination", || {
        let scratch = Scratch::new();
        fs::write(scratch.file(), pattern(9 * page())).unwrap();
        fs::write(scratch.path("to"), vec![7; common::at(5 * page())]).unwrap();
        let mapped = MemoryMappedFile::open_ro(scratch.path("to")).unwrap();
        limit(libc::RLIMIT_FSIZE, 2 * page());
        assert_io(mmap_io::copy_mmap(scratch.file(), scratch.path("to")), ErrorKind::FileTooLarge);
        assert_eq!(fs::metadata(scratch.path("to")).unwrap().len(), 5 * page());
        assert_eq!(all(&mapped)[common::at(2 * page())..], vec![7; common::at(3 * page())]);
    });
}

/// Rows 11 and 30: no address space for a longer map is an error that names the limits, and changes nothing.
#[test]
fn a_limit_on_address_space_leaves_file_and_mapping_as_they_were() {
    in_child("a_limit_on_address_space_leaves_file_and_mapping_as_they_were", || {
        let scratch = Scratch::new();
        let bytes = pattern(3 * page());
        let file = scratch.with(&bytes, MmapMode::ReadWrite);
        limit(libc::RLIMIT_AS, (status("VmSize") << 10) + (512 << 20));
        for allocate in [false, true] {
            let new = |name: &str| MemoryMappedFile::builder(scratch.path(name)).size(2 << 30).allocate(allocate);
            let error = new("new").create_new().unwrap_err();
            assert!(error.to_string().contains("RLIMIT_AS"), "{error}");
            assert_io(Err::<(), _>(error), ErrorKind::OutOfMemory);
            assert_io(new("new").create(), ErrorKind::OutOfMemory);
            assert_io(new("new").open_or_create(), ErrorKind::OutOfMemory);
            assert_eq!(scratch.names(), ["file"]);
            fs::write(scratch.path("old"), b"content").unwrap();
            assert_io(new("old").create(), ErrorKind::OutOfMemory);
            assert_eq!(
                fs::read(scratch.path("old")).unwrap(),
                b"content",
                "nothing is emptied for what cannot be mapped"
            );
            fs::write(scratch.path("old"), b"").unwrap();
            assert_io(new("old").open_or_create(), ErrorKind::OutOfMemory);
            assert_eq!(fs::metadata(scratch.path("old")).unwrap().len(), 0, "what was empty stays empty");
            fs::remove_file(scratch.path("old")).unwrap();
        }
        assert_io(file.resize(2 << 30), ErrorKind::OutOfMemory);
        assert_usable(&file, &bytes);
        file.resize(8 * page()).unwrap();
        assert_io(mmap_io::AnonymousMmap::new(2 << 30), ErrorKind::OutOfMemory);
    });
}

/// Row 11: the same for a limit on the size of files.
#[test]
fn a_limit_on_file_sizes_leaves_file_and_mapping_as_they_were() {
    in_child("a_limit_on_file_sizes_leaves_file_and_mapping_as_they_were", || {
        let scratch = Scratch::new();
        let bytes = pattern(3 * page());
        fs::write(scratch.file(), &bytes).unwrap();
        limit(libc::RLIMIT_FSIZE, 64 * page());
        for allocate in [false, true] {
            let builder = |name: &str| {
                let builder = MemoryMappedFile::builder(scratch.path(name)).mode(MmapMode::ReadWrite);
                builder.size(65 * page()).allocate(allocate)
            };
            assert_io(builder("new").create_new(), ErrorKind::FileTooLarge);
            assert_eq!(scratch.names(), ["file"]);
            let file = builder("file").open().unwrap();
            assert_io(file.resize(65 * page()), ErrorKind::FileTooLarge);
            assert_usable(&file, &bytes);
            file.resize(64 * page()).unwrap();
            file.resize(3 * page()).unwrap();
        }
    });
}

#[test]
fn a_limit_on_open_files_fails_the_opening_and_keeps_what_is_open() {
    in_child("a_limit_on_open_files_fails_the_opening_and_keeps_what_is_open", || {
        let scratch = Scratch::new();
        let bytes = pattern(3 * page());
        let file = scratch.with(&bytes, MmapMode::ReadWrite);
        file.flush().unwrap();
        limit(libc::RLIMIT_NOFILE, 64);
        let mut others = Vec::new();
        while let Ok(other) = fs::File::open("/dev/null") {
            others.push(other);
        }
        let too_many = |result: Result<MemoryMappedFile, MmapIoError>| {
            let result = result.map(|_| "ok");
            let text = format!("{result:?}");
            assert!(
                matches!(result, Err(MmapIoError::Io(error)) if error.raw_os_error() == Some(libc::EMFILE)),
                "{text}"
            );
        };
        too_many(MemoryMappedFile::open_ro(scratch.file()));
        too_many(MemoryMappedFile::create_rw(scratch.file(), 5));
        too_many(MemoryMappedFile::builder(scratch.path("new")).size(5).create_new());
        assert_usable(&file, &bytes);
        file.resize(8 * page()).unwrap();
        // No descriptor is left to give the file back with: the mapping comes back whole.
        let file = file.unmap().unwrap_err();
        assert_eq!(all(&file)[..bytes.len()], bytes);
    });
}

/// Row 15: on a full disk, allocating fails at creation and growth, and leaves nothing behind.
#[test]
fn a_full_disk_is_an_error_where_blocks_are_allocated() {
    if !is_root() {
        return skipped("only root can mount a small file system");
    }
    in_child("a_full_disk_is_an_error_where_blocks_are_allocated", || {
        let scratch = Scratch::new();
        let disk = scratch.path("disk");
        fs::create_dir(&disk).unwrap();
        if !mount_small(&disk, 64 * page()) {
            return skipped("this system mounts no file systems for tests");
        }
        let builder = |size| MemoryMappedFile::builder(disk.join("file")).size(size).allocate(true);
        assert_io(builder(65 * page()).create_new(), ErrorKind::StorageFull);
        assert_io(builder(65 * page()).open_or_create(), ErrorKind::StorageFull);
        assert_eq!(fs::read_dir(&disk).unwrap().count(), 0);
        let bytes = pattern(16 * page());
        let file = builder(16 * page()).create_new().unwrap();
        file.update_region(0, &bytes).unwrap();
        assert_io(file.resize(65 * page()), ErrorKind::StorageFull);
        assert_usable(&file, &bytes);
        file.resize(60 * page()).unwrap();
        // Every byte has its block: no store can fail.
        file.update_region(0, &pattern(60 * page())).unwrap();
        drop(file);
        assert_io(builder(65 * page()).create(), ErrorKind::StorageFull);
        assert_eq!(fs::metadata(disk.join("file")).unwrap().len(), 0, "what was emptied stays empty");
    });
}

/// Row 11: each step of a resize that the kernel refuses leaves everything as it was.
#[test]
fn a_resize_that_is_refused_at_any_step_changes_nothing() {
    let scratch = Scratch::new();
    let bytes = pattern(3 * page());
    let growth = 500 * page();
    let rows = [
        ("mapping the longer file", growth, vec![no_shared_maps()], ErrorKind::OutOfMemory),
        ("cutting", page(), vec![failing(libc::SYS_ftruncate, libc::EPERM)], ErrorKind::PermissionDenied),
        (
            "growing",
            growth,
            vec![failing(libc::SYS_ftruncate, libc::EFBIG), failing(libc::SYS_fallocate, libc::EFBIG)],
            ErrorKind::FileTooLarge,
        ),
    ];
    for (step, len, calls, kind) in rows {
        let file = scratch.with(&bytes, MmapMode::ReadWrite);
        let resized = file.clone();
        if !with_failing(&calls, move || assert_io(resized.resize(len), kind)) {
            return skipped(NO_FILTERS);
        }
        assert_usable(&file, &bytes);
        file.resize(len).unwrap();
        assert_eq!(file.len(), len, "{step}");
    }
}

#[test]
fn a_creation_that_is_refused_at_any_step_leaves_nothing_behind() {
    let scratch = Scratch::new();
    let sizing = vec![failing(libc::SYS_ftruncate, libc::EIO), failing(libc::SYS_fallocate, libc::EIO)];
    let rows = [("sizing", sizing), ("mapping", vec![no_shared_maps()])];
    fs::write(scratch.path("old"), b"").unwrap();
    for (step, calls) in rows {
        let (new, path) = (scratch.path("new"), scratch.path("old"));
        let done = with_failing(&calls, move || {
            let builder = || MemoryMappedFile::builder(&new).size(100);
            for result in [builder().create(), builder().create_new(), builder().open_or_create()] {
                assert!(matches!(result, Err(MmapIoError::Io(_))), "{step}: {result:?}");
                assert!(!new.exists(), "{step}");
            }
        });
        if !done {
            return skipped(NO_FILTERS);
        }
        with_failing(&calls, move || {
            assert!(MemoryMappedFile::open_or_create(&path, 100).is_err());
            // Another process may be using the zeros that it got: they are not taken away again.
            let len = if step == "sizing" { 0 } else { 100 };
            assert_eq!(fs::metadata(&path).unwrap().len(), len, "{step}");
        });
    }
}

/// A file system that cannot allocate gets a hole.
#[test]
fn where_nothing_can_be_allocated_the_file_is_sparse() {
    let scratch = Scratch::new();
    let path = scratch.file();
    let can = with_failing(&[failing(libc::SYS_fallocate, libc::EOPNOTSUPP)], move || {
        let file = MemoryMappedFile::builder(path).size(3 * page()).allocate(true).create_new().unwrap();
        file.resize(64 * page()).unwrap();
        assert_eq!(all(&file), vec![0; common::at(64 * page())]);
        file.resize(page()).unwrap();
    });
    if !can {
        skipped(NO_FILTERS);
    }
}

/// Row 6: the first flush of a file that was created brings its name to the device as well, until it has worked once.
#[test]
fn the_first_flush_after_a_creation_syncs_the_folder() {
    let scratch = Scratch::new();
    let created = scratch.zeros(page());
    let opened = MemoryMappedFile::open_rw(scratch.file()).unwrap();
    let no_fsync = || vec![failing(libc::SYS_fsync, libc::EBUSY)];
    let file = created.clone();
    let can = with_failing(&no_fsync(), move || {
        opened.flush().unwrap();
        assert_flush_failed(file.flush(), libc::EBUSY);
        assert_flush_failed(file.flush_range(0, 1), libc::EBUSY);
    });
    if !can {
        return skipped(NO_FILTERS);
    }
    created.flush().unwrap();
    with_failing(&no_fsync(), move || created.flush().unwrap());
}

/// Row 2: the kernel tells a write error once and calls the pages clean. It is not forgotten here.
#[test]
fn a_failed_sync_that_lost_pages_stays_failed() {
    let scratch = Scratch::new();
    for error in [libc::EIO, libc::ENOSPC, libc::EDQUOT] {
        let file = scratch.zeros(3 * page());
        file.update_region(0, b"lost").unwrap();
        let flushed = file.clone();
        let can = with_failing(&[no_sync_of(3 * page(), error)], move || {
            assert_flush_failed(flushed.flush(), error);
            // The kernel would sync this.
            assert_flush_failed(flushed.flush_range(0, page()), error);
        });
        if !can {
            return skipped(NO_FILTERS);
        }
        assert_flush_failed(file.flush(), error);
        assert_flush_failed(file.clone().flush_range(page(), 1), error);
        assert_eq!(file.pending_bytes(), 4);
        file.resize(4 * page()).unwrap();
        assert_flush_failed(file.flush(), error);
        // Another mapping has no part in it.
        MemoryMappedFile::open_rw(scratch.file()).unwrap().flush().unwrap();
    }
}

#[test]
fn a_failed_sync_that_lost_nothing_can_be_tried_again() {
    let scratch = Scratch::new();
    for error in [libc::EBUSY, libc::EINVAL, libc::EAGAIN] {
        let file = scratch.zeros(3 * page());
        file.update_region(0, b"kept").unwrap();
        let flushed = file.clone();
        if !with_failing(&[failing(libc::SYS_msync, error)], move || assert_flush_failed(flushed.flush(), error)) {
            return skipped(NO_FILTERS);
        }
        assert_eq!(file.pending_bytes(), 4, "a failed flush leaves what is pending");
        file.flush().unwrap();
        assert_eq!(file.pending_bytes(), 0);
    }
}

#[test]
fn a_write_whose_policy_cannot_flush_is_stored_and_tells_it() {
    let scratch = Scratch::new();
    for policy in [FlushPolicy::Always, FlushPolicy::EveryBytes(2), FlushPolicy::EveryWrites(1)] {
        let file = MemoryMappedFile::builder(scratch.file()).size(100).flush_policy(policy).create().unwrap();
        let written = file.clone();
        let can = with_failing(&[failing(libc::SYS_msync, libc::EBUSY)], move || {
            assert_flush_failed(written.update_region(0, b"bytes"), libc::EBUSY);
            assert_flush_failed(written.try_update_region(5, b"more").map(drop), libc::EBUSY);
            #[cfg(feature = "iterator")]
            assert_flush_failed(
                written.chunks_mut(100).for_each_mut(|_, chunk| {
                    chunk[50] = 1;
                    Ok(())
                }),
                libc::EBUSY,
            );
        });
        if !can {
            return skipped(NO_FILTERS);
        }
        assert_eq!(scratch.content()[..9], *b"bytesmore");
        assert!(file.pending_bytes() >= 9);
        file.update_region(0, b"x").unwrap();
        assert_eq!(file.pending_bytes(), 0);
    }
}

/// Row 7: an error of the timed flusher is told by the next flush; one that lasts by every one.
#[test]
fn an_error_of_the_timed_flusher_is_told_by_the_next_flush() {
    in_child("an_error_of_the_timed_flusher_is_told_by_the_next_flush", || {
        let scratch = Scratch::new();
        for (error, lasts) in [(libc::EBUSY, false), (libc::EIO, true)] {
            let path = scratch.file();
            // The thread of the flusher is started here and fails as its starter does. This one does not.
            let file = common::within_limit(move || {
                fail_from_now_on(&[no_sync_of(3 * page(), error)]).then(|| {
                    let policy = FlushPolicy::EveryMillis(2);
                    let builder = MemoryMappedFile::builder(path).size(3 * page()).flush_policy(policy);
                    let file = builder.create().unwrap();
                    file.update_region(0, b"bytes").unwrap();
                    file
                })
            });
            let Some(file) = file else { return skipped(NO_FILTERS) };
            let mut told = Ok(());
            wait_until("the error is told", || {
                told = file.flush_range(0, 1);
                told.is_err()
            });
            assert_flush_failed(told, error);
            assert_eq!(file.pending_bytes(), 5);
            if lasts {
                assert_flush_failed(file.flush(), error);
            } else {
                wait_until("no untold error is left", || file.flush().is_ok());
                assert_eq!(file.pending_bytes(), 0);
            }
            drop(file);
            wait_until("the flusher ends", || common::linux::thread_names().iter().all(|n| !n.contains("flusher")));
        }
    });
}

#[test]
fn hints_that_the_kernel_refuses_are_told_and_change_nothing() {
    let scratch = Scratch::new();
    let bytes = pattern(3 * page());
    let file = scratch.with(&bytes, MmapMode::ReadWrite);
    let hinted = file.clone();
    let can = with_failing(&[failing(libc::SYS_madvise, libc::EINVAL)], move || {
        assert!(matches!(hinted.prefetch_range(0, 1), Err(MmapIoError::AdviceFailed(why)) if why.contains("madvise")));
        #[cfg(feature = "advise")]
        assert!(matches!(
            hinted.advise(0, 1, mmap_io::MmapAdvice::Random),
            Err(MmapIoError::AdviceFailed(why)) if why.contains("madvise")
        ));
    });
    if !can {
        return skipped(NO_FILTERS);
    }
    assert_usable(&file, &bytes);
}
