//! Pages that are lost while they are mapped: what fails, what goes on, and what heals. Each test runs in a process of its
//! own, which must live.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use common::process::{child_argument, command, in_child};
use common::{at, page, pattern, Scratch};
use mmap_io::error::Result;
use mmap_io::{Error, MappedFile, MmapMode, Needle, OpenOptions, Told};

const MODES: [MmapMode; 3] = [MmapMode::ReadOnly, MmapMode::ReadWrite, MmapMode::CopyOnWrite];

fn open(path: &Path, mode: MmapMode) -> MappedFile {
    OpenOptions::new(mode).guard(true).open(path).unwrap()
}

/// Makes a file longer or shorter, as another process would.
fn set_len(path: &Path, len: u64) {
    File::options().write(true).open(path).unwrap().set_len(len).unwrap();
}

fn read(file: &MappedFile, range: Range<u64>) -> Result<Vec<u8>> {
    let mut bytes = vec![1; at(range.end - range.start)];
    file.read(range.start, &mut bytes).map(|()| bytes)
}

/// What a view sees, which cannot fail.
fn view(file: &MappedFile, range: Range<u64>) -> Vec<u8> {
    let mut bytes = vec![1; at(range.end - range.start)];
    file.region().read(range.start, &mut bytes).unwrap();
    bytes
}

#[track_caller]
fn assert_truncated<T>(result: Result<T>, expected: Range<u64>) {
    match result.map(|_| "ok") {
        Err(Error::Truncated { ranges }) => assert_eq!(ranges, [expected]),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_lost_writes<T>(result: Result<T>, expected: &[Range<u64>], code: Option<i32>) {
    match result.map(|_| "ok") {
        Err(Error::LostWrites { ranges, os }) => {
            assert_eq!((ranges.as_slice(), os.and_then(|os| os.source.raw_os_error())), (expected, code));
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_changed(file: &MappedFile, part: &str) {
    let checked = file.check();
    assert!(matches!(&checked, Err(Error::Changed(text)) if text.contains(part)), "{checked:?}");
    file.heal().unwrap();
    file.check().unwrap();
}

#[test]
fn after_a_cut_what_is_left_goes_on_and_the_rest_fails_until_healed() {
    in_child("after_a_cut_what_is_left_goes_on_and_the_rest_fails_until_healed", || {
        for (mode, offset) in MODES.into_iter().flat_map(|mode| [(mode, 0), (mode, 10)]) {
            let scratch = Scratch::new();
            let bytes = pattern(20 * page());
            fs::write(scratch.file(), &bytes).unwrap();
            let file = OpenOptions::new(mode).guard(true).offset(offset).open(scratch.file()).unwrap();
            let (len, left) = (file.len(), 5 * page() + 100 - offset);
            file.check().unwrap();
            set_len(&scratch.file(), offset + left);
            assert_truncated(file.check(), left..len);
            assert_eq!(file.slot().flags(), 0, "no page was asked for yet");
            assert_truncated(read(&file, len - 10..len), len - 10..len);
            // From here on there is a replacement.
            assert_eq!(view(&file, len - 10..len), [0; 10]);
            assert_truncated(read(&file, 0..len), left..len);
            assert_truncated(read(&file, left - 1..left + 1), left..left + 1);
            assert_eq!(read(&file, 0..left).unwrap(), bytes[at(offset)..at(offset + left)]);
            assert_truncated(file.touch(0, len), left..len);
            file.touch(0, left).unwrap();
            assert_truncated(file.load(&[(0, left), (left, 1)], |_| true), left..left + 1);
            assert_truncated(file.check(), left..len);
            if mode == MmapMode::ReadWrite {
                file.flush_range(0, left).unwrap();
                assert_truncated(file.flush_range(left, 1), left..left + 1);
                assert_truncated(file.flush(), left..len);
            } else {
                file.flush().unwrap();
            }
            // Too short still.
            set_len(&scratch.file(), offset + left + page());
            assert_truncated(file.heal(), left + page()..len);
            assert_eq!(read(&file, left..left + page()).unwrap(), vec![0; at(page())]);
            fs::write(scratch.file(), &bytes).unwrap();
            file.heal().unwrap();
            assert_eq!(read(&file, 0..len).unwrap(), bytes[at(offset)..]);
            file.check().unwrap();
            file.flush().unwrap();
        }
    });
}

#[test]
fn a_search_tells_a_match_before_the_cut_and_no_answer_behind_it() {
    in_child("a_search_tells_a_match_before_the_cut_and_no_answer_behind_it", || {
        let scratch = Scratch::new();
        let mut bytes = vec![b'.'; at(8 * page())];
        bytes[100..106].copy_from_slice(b"needle");
        fs::write(scratch.file(), &bytes).unwrap();
        let file = open(&scratch.file(), MmapMode::ReadOnly);
        set_len(&scratch.file(), page());
        let needle = Needle::new(b"needle").unwrap();
        let cut = page()..8 * page();
        assert_eq!(file.find(&needle, 0..file.len()).unwrap(), Some(100));
        assert_truncated(file.find(&needle, 101..file.len()), cut.clone());
        assert_truncated(file.find_last(&needle, 0..file.len()), cut.clone());
        assert_truncated(file.count_matches(&needle, 0..file.len()), cut.clone());
        assert_truncated(file.find_all(&needle, 0..file.len(), 2, || false), cut);
        assert_eq!(file.find_all(&needle, 0..file.len(), 1, || false).unwrap().offsets, [100]);
        assert_eq!(file.count_matches(&needle, 0..page()).unwrap(), 1);
    });
}

#[test]
fn what_was_stored_behind_a_cut_is_told_and_given_up() {
    in_child("what_was_stored_behind_a_cut_is_told_and_given_up", || {
        let scratch = Scratch::new();
        fs::write(scratch.file(), vec![7; at(8 * page())]).unwrap();
        let file = open(&scratch.file(), MmapMode::ReadWrite);
        let mut told = Told::default();
        set_len(&scratch.file(), page());
        assert_eq!(view(&file, 2 * page()..2 * page() + 1), [0]);
        assert_truncated(file.flush(), page()..8 * page());
        // The page was replaced by a read: this store raises nothing.
        let faults = file.slot().faults();
        file.region().write(3 * page() + 5, b"stored").unwrap();
        file.region().write(5 * page() - 1, b"across").unwrap();
        assert_eq!(file.slot().faults(), faults);
        let stored = [3 * page()..6 * page()];
        assert_lost_writes(file.check(), &stored, None);
        assert_lost_writes(file.flush(), &stored, None);
        file.flush_range(0, page()).unwrap();
        assert_lost_writes(file.flush_range(0, 3 * page() + 6), &[3 * page()..3 * page() + 6], None);
        assert_truncated(file.flush_range(0, 2 * page()), page()..2 * page());
        assert_truncated(file.write(4 * page(), b"no"), 4 * page()..4 * page() + 2);
        let news: Vec<String> = file.new_faults(&mut told).iter().map(|error| format!("{error:?}")).collect();
        assert!(news.len() == 2 && news[0].contains("Truncated") && news[1].contains("LostWrites"), "{news:?}");
        assert!(file.new_faults(&mut told).is_empty());
        // Another has made the file whole again, with bytes of his own.
        File::options().write(true).open(scratch.file()).unwrap().write_all_at(b"theirs", 3 * page() + 5).unwrap();
        set_len(&scratch.file(), 8 * page());
        file.heal().unwrap();
        assert_eq!(read(&file, 3 * page() + 5..3 * page() + 11).unwrap(), b"theirs");
        assert_eq!(read(&file, 5 * page() - 1..5 * page() + 5).unwrap(), [0; 6]);
        file.flush().unwrap();
        file.write(7 * page(), b"on").unwrap();
        assert_eq!(fs::read(scratch.file()).unwrap()[at(7 * page())..at(7 * page()) + 2], *b"on");
    });
}

#[test]
fn a_cut_inside_the_last_page_raises_nothing_and_is_found_all_the_same() {
    in_child("a_cut_inside_the_last_page_raises_nothing_and_is_found_all_the_same", || {
        let scratch = Scratch::new();
        fs::write(scratch.file(), [7; 100]).unwrap();
        let file = open(&scratch.file(), MmapMode::ReadWrite);
        set_len(&scratch.file(), 60);
        assert_eq!(read(&file, 0..100).unwrap(), [[7; 60].as_slice(), &[0; 40]].concat());
        assert_truncated(file.check(), 60..100);
        assert_truncated(file.flush(), 60..100);
        assert_truncated(file.heal(), 60..100);
        file.flush_range(0, 60).unwrap();
        set_len(&scratch.file(), 100);
        file.check().unwrap();
        file.flush().unwrap();
    });
}

#[test]
fn a_resize_accepts_a_cut_and_nothing_less() {
    in_child("a_resize_accepts_a_cut_and_nothing_less", || {
        let scratch = Scratch::new();
        fs::write(scratch.file(), vec![7; at(8 * page())]).unwrap();
        let file = open(&scratch.file(), MmapMode::ReadWrite);
        let old = file.region();
        set_len(&scratch.file(), 3 * page() + 7);
        view(&file, 5 * page()..6 * page());
        for len in [3 * page() + 8, 8 * page(), 9 * page()] {
            assert_truncated(file.resize(len), 3 * page() + 7..len.min(8 * page()));
            assert_eq!((file.len(), fs::metadata(scratch.file()).unwrap().len()), (8 * page(), 3 * page() + 7));
        }
        file.resize(3 * page() + 7).unwrap();
        file.check().unwrap();
        file.flush().unwrap();
        file.resize(20 * page()).unwrap();
        file.write(8 * page() - 1, b"over").unwrap();
        let mut byte = [0];
        old.read(8 * page() - 1, &mut byte).unwrap();
        assert_eq!(byte, *b"o", "an old view follows");
        // And a cut after that is noticed through the old view, too.
        set_len(&scratch.file(), page());
        old.read(2 * page(), &mut byte).unwrap();
        assert_eq!(byte, [0]);
        assert_truncated(file.check(), page()..20 * page());
        file.resize(page()).unwrap();
        file.check().unwrap();
    });
}

#[test]
fn a_closed_file_leaves_its_lost_pages_readable() {
    in_child("a_closed_file_leaves_its_lost_pages_readable", || {
        let scratch = Scratch::new();
        fs::write(scratch.file(), vec![7; at(8 * page())]).unwrap();
        let file = open(&scratch.file(), MmapMode::ReadWrite);
        let region = file.region();
        set_len(&scratch.file(), page());
        view(&file, 3 * page()..4 * page());
        drop(file);
        set_len(&scratch.file(), 0);
        let mut bytes = vec![1; at(8 * page())];
        region.read(0, &mut bytes).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 0));
    });
}

#[test]
fn a_read_only_file_that_changed_is_told_until_healed() {
    let scratch = Scratch::new();
    let (path, other) = (scratch.file(), scratch.path("other"));
    for byte in [b"one", b"two"] {
        fs::write(if byte == b"one" { &path } else { &other }, byte).unwrap();
    }
    let file = OpenOptions::new(MmapMode::ReadOnly).open(&path).unwrap();
    file.check().unwrap();
    set_len(&path, 10);
    assert_changed(&file, "length");
    let time = std::time::SystemTime::UNIX_EPOCH;
    File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    assert_changed(&file, "modified");
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions).unwrap();
    file.check().unwrap();

    // The name is another file's now. Healing takes new times, but it cannot bring the name back.
    let link = scratch.path("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let linked = OpenOptions::new(MmapMode::ReadOnly).open(&link).unwrap();
    linked.check().unwrap();
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&other, &link).unwrap();
    assert!(matches!(linked.check(), Err(Error::Changed(text)) if text.contains("another file")));
    fs::rename(&other, &path).unwrap();
    assert!(matches!(file.check(), Err(Error::Changed(text)) if text.contains("another file")));
    fs::remove_file(&path).unwrap();
    assert!(matches!(file.check(), Err(Error::Changed(text)) if text.contains("no file")));

    fs::write(&path, "three").unwrap();
    for mode in [MmapMode::ReadWrite, MmapMode::CopyOnWrite] {
        let file = OpenOptions::new(mode).open(&path).unwrap();
        set_len(&path, 1000);
        fs::rename(&path, &other).unwrap();
        file.check().unwrap();
        fs::rename(&other, &path).unwrap();
    }
}

#[test]
fn without_the_guard_a_cut_ends_the_process() {
    use std::os::unix::process::ExitStatusExt;
    const NAME: &str = "without_the_guard_a_cut_ends_the_process";
    if child_argument().is_some() {
        let scratch = Scratch::new();
        fs::write(scratch.file(), vec![7; at(8 * page())]).unwrap();
        let file = OpenOptions::new(MmapMode::ReadOnly).open(scratch.file()).unwrap();
        set_len(&scratch.file(), 0);
        view(&file, 0..1);
        return;
    }
    let status = command(NAME, "").output().unwrap().status;
    assert_eq!(status.signal(), Some(libc::SIGBUS), "{status}");
}

/// Readers, writers, resizes and heals, while another cuts the file and lets it grow again.
#[test]
fn threads_live_through_cuts_resizes_and_heals() {
    in_child("threads_live_through_cuts_resizes_and_heals", || {
        use std::sync::atomic::{AtomicBool, Ordering};
        let scratch = Scratch::new();
        let len = 256 * page();
        fs::write(scratch.file(), vec![7; at(len)]).unwrap();
        let (file, path, done) = (open(&scratch.file(), MmapMode::ReadWrite), scratch.file(), AtomicBool::new(false));
        std::thread::scope(|scope| {
            for thread in 1..4_u64 {
                let (file, done) = (&file, &done);
                scope.spawn(move || {
                    let mut random = thread;
                    while !done.load(Ordering::Relaxed) {
                        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        let position = (random >> 20) % (len - 8);
                        match (thread, random >> 62) {
                            (1, _) => drop(file.write(position, b"9")),
                            (_, 0) => drop(file.flush_range(position, 8)),
                            _ => {
                                if let Ok(bytes) = read(file, position..position + 8) {
                                    assert!(bytes.iter().all(|byte| b"\0\x079".contains(byte)), "{bytes:?}");
                                }
                            }
                        }
                    }
                });
            }
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let _ = file.heal();
                    let _ = file.resize(len + page());
                    let _ = file.resize(len);
                }
            });
            for round in 0..300 {
                set_len(&path, round * 7919 * page() % len);
                std::thread::yield_now();
                set_len(&path, len);
                std::thread::yield_now();
            }
            done.store(true, Ordering::Relaxed);
        });
        set_len(&path, file.len());
        file.heal().unwrap();
        file.write(5, b"5").unwrap();
        file.flush().unwrap();
        assert_eq!(fs::read(&path).unwrap()[5], b'5');
    });
}

#[cfg(target_os = "linux")]
mod full_disk {
    use super::*;
    use common::linux::{is_root, mount_small, skipped, with_failing, Failing};
    use mmap_io::Advice;

    #[track_caller]
    fn assert_io_fault<T>(result: Result<T>, expected: &[Range<u64>]) {
        match result.map(|_| "ok") {
            Err(Error::IoFault { ranges }) => assert_eq!(ranges, expected),
            other => panic!("{other:?}"),
        }
    }

    /// A folder on a disk of so many pages.
    fn disk(scratch: &Scratch, pages: u64) -> Option<std::path::PathBuf> {
        let disk = scratch.path("disk");
        fs::create_dir(&disk).unwrap();
        if !is_root() || !mount_small(&disk, pages * page()) {
            skipped("no file system can be mounted here");
            return None;
        }
        Some(disk)
    }

    /// A hole of 64 pages on a disk that is full, and what fills it.
    fn hole_on_full_disk(scratch: &Scratch, mode: MmapMode) -> Option<(MappedFile, std::path::PathBuf)> {
        let disk = disk(scratch, 32)?;
        let path = disk.join("file");
        File::create(&path).unwrap().set_len(64 * page()).unwrap();
        let filler = disk.join("filler");
        assert!(fs::write(&filler, vec![1; at(33 * page())]).is_err(), "the disk is full");
        Some((open(&path, mode), filler))
    }

    #[test]
    fn stores_without_room_are_kept_told_and_written_once_there_is_room() {
        in_child("full_disk::stores_without_room_are_kept_told_and_written_once_there_is_room", || {
            let scratch = Scratch::new();
            let Some((file, filler)) = hole_on_full_disk(&scratch, MmapMode::ReadWrite) else { return };
            let path = filler.with_file_name("file");
            let lost = [3 * page()..4 * page(), 10 * page()..12 * page()];
            assert_io_fault(file.write(3 * page(), b"one"), &[3 * page()..3 * page() + 3]);
            let across = 11 * page() - 2;
            assert_io_fault(file.write(across, b"across"), &[across..across + 6]);
            assert_eq!(view(&file, across..across + 6), b"across", "views have it");
            assert_io_fault(read(&file, 3 * page()..3 * page() + 3), &[3 * page()..3 * page() + 3]);
            assert_eq!(read(&file, 20 * page()..20 * page()).unwrap(), []);
            for result in [file.check(), file.flush()] {
                assert_lost_writes(result, &lost, None);
            }
            assert_lost_writes(file.flush_range(3 * page(), 1), &[3 * page()..3 * page() + 1], None);
            file.flush_range(0, page()).unwrap();
            // Hints must not throw stored bytes away.
            file.advise(0, file.len(), Advice::DontNeed).unwrap();
            file.evict(0, file.len()).unwrap();
            assert_lost_writes(file.heal(), &lost, Some(libc::ENOSPC));
            assert_eq!(view(&file, across..across + 6), b"across");

            fs::remove_file(filler).unwrap();
            // Others write into the same pages meanwhile.
            let theirs = File::options().write(true).open(&path).unwrap();
            theirs.write_all_at(b"theirs", 3 * page() + 100).unwrap();
            file.heal().unwrap();
            file.check().unwrap();
            file.flush().unwrap();
            let bytes = fs::read(&path).unwrap();
            assert_eq!(bytes[at(3 * page())..at(3 * page()) + 3], *b"one");
            assert_eq!(bytes[at(3 * page()) + 100..at(3 * page()) + 106], *b"theirs");
            assert_eq!(bytes[at(across)..at(across) + 6], *b"across");
            assert_eq!(bytes.iter().filter(|byte| **byte != 0).count(), 3 + 6 + 6);
            // They are the file's pages again.
            file.write(3 * page(), b"two").unwrap();
            assert_eq!(fs::read(&path).unwrap()[at(3 * page())..at(3 * page()) + 3], *b"two");
        });
    }

    #[test]
    fn a_private_mapping_keeps_its_stores_when_it_heals() {
        in_child("full_disk::a_private_mapping_keeps_its_stores_when_it_heals", || {
            let scratch = Scratch::new();
            let Some((file, filler)) = hole_on_full_disk(&scratch, MmapMode::CopyOnWrite) else { return };
            assert_io_fault(file.write(3 * page(), b"mine"), &[3 * page()..3 * page() + 4]);
            assert_io_fault(file.check(), &[3 * page()..4 * page()]);
            file.flush().unwrap();
            fs::remove_file(&filler).unwrap();
            file.heal().unwrap();
            assert_eq!(read(&file, 3 * page()..3 * page() + 5).unwrap(), b"mine\0");
            assert!(fs::read(filler.with_file_name("file")).unwrap().iter().all(|byte| *byte == 0));
        });
    }

    #[test]
    fn stores_through_a_view_that_is_gone_are_written_all_the_same() {
        in_child("full_disk::stores_through_a_view_that_is_gone_are_written_all_the_same", || {
            let scratch = Scratch::new();
            let Some((file, filler)) = hole_on_full_disk(&scratch, MmapMode::ReadWrite) else { return };
            let old = file.region();
            file.resize(100 * page()).unwrap();
            old.write(5 * page(), b"through the old view").unwrap();
            drop(old);
            assert_lost_writes(file.flush(), &[5 * page()..6 * page()], None);
            fs::remove_file(filler).unwrap();
            file.heal().unwrap();
            assert_eq!(read(&file, 5 * page()..5 * page() + 20).unwrap(), b"through the old view");
            file.flush().unwrap();
        });
    }

    #[test]
    fn a_failed_sync_is_forgotten_once_everything_was_written_anew() {
        let scratch = Scratch::new();
        let file = std::sync::Arc::new({
            fs::write(scratch.file(), vec![7; at(3 * page())]).unwrap();
            open(&scratch.file(), MmapMode::ReadWrite)
        });
        file.write(0, b"kept").unwrap();
        let failing = std::sync::Arc::clone(&file);
        let no_sync = Failing { call: libc::SYS_msync, error: libc::EIO, only: None };
        let can = with_failing(&[no_sync], move || {
            assert!(matches!(failing.flush(), Err(Error::FlushFailed(_))));
            assert!(matches!(failing.heal(), Err(Error::FlushFailed(_))));
        });
        if !can {
            return skipped("the kernel has no filters for system calls");
        }
        assert!(matches!(file.flush(), Err(Error::FlushFailed(_))));
        assert_eq!(file.slot().pending(), 4);
        file.heal().unwrap();
        assert_eq!(file.slot().pending(), 4, "healing is no flush");
        file.flush().unwrap();
        assert_eq!(file.slot().pending(), 0);
    }

    #[test]
    fn a_timed_flush_that_fails_is_told_as_a_fault_of_everything() {
        use common::linux::fail_from_now_on;
        in_child("full_disk::a_timed_flush_that_fails_is_told_as_a_fault_of_everything", || {
            let scratch = Scratch::new();
            fs::write(scratch.file(), [7; 100]).unwrap();
            // The thread of the flusher fails as the one that starts it does.
            if !fail_from_now_on(&[Failing { call: libc::SYS_msync, error: libc::EIO, only: None }]) {
                return skipped("the kernel has no filters for system calls");
            }
            let file = std::sync::Arc::new(open(&scratch.file(), MmapMode::ReadWrite));
            file.flush_every(std::time::Duration::from_millis(2)).unwrap();
            let mut told = Told::default();
            file.write(0, b"x").unwrap();
            let mut news = Vec::new();
            common::wait_until("the failure is told", || {
                news = file.new_faults(&mut told);
                !news.is_empty()
            });
            assert_io_fault(Err::<(), _>(news.remove(0)), &[0..100]);
            assert!(matches!(file.flush(), Err(Error::FlushFailed(_))));
        });
    }
}
