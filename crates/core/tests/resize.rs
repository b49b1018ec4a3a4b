//! Growing and shrinking.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::PathBuf;

use common::page;
use mmap_io::{Create, Error, MappedFile, MmapMode, OpenOptions};

struct Fixture {
    _folder: tempfile::TempDir,
    path: PathBuf,
    file: MappedFile,
}

fn fixture(size: u64) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let options = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(size).allocate(true);
    let file = options.open(&path).unwrap();
    Fixture { _folder: folder, path, file }
}

fn byte(region: &mmap_io::Region, at: u64) -> u8 {
    let mut byte = [255];
    region.read(at, &mut byte).unwrap();
    byte[0]
}

#[test]
fn growing_adds_zeros_and_keeps_older_regions_coherent() {
    let Fixture { _folder, path, file } = fixture(10);
    file.write(0, b"0123456789").unwrap();
    let old = file.region();
    file.resize(3 * page()).unwrap();
    assert_eq!(file.len(), 3 * page());
    assert_eq!(fs::metadata(&path).unwrap().len(), 3 * page());
    assert_eq!(byte(&file.region(), 10), 0);
    file.write(3, b"X").unwrap();
    assert_eq!(byte(&old, 3), b'X');
    old.write(4, b"Y").unwrap();
    assert_eq!(&fs::read(&path).unwrap()[..10], b"012XY56789");
}

#[cfg(unix)]
#[test]
fn shrinking_makes_the_cut_part_of_every_region_zero_and_growing_brings_the_file_back() {
    let Fixture { _folder, path, file } = fixture(4 * page());
    let first = file.region();
    file.resize(8 * page()).unwrap();
    let second = file.region();
    file.write(3 * page(), b"three").unwrap();
    file.write(7 * page(), b"seven").unwrap();
    file.resize(page() + 1).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().len(), page() + 1);
    assert_eq!((byte(&first, 3 * page()), byte(&second, 7 * page())), (0, 0));
    assert!(matches!(file.read(page() + 1, &mut [0]), Err(Error::OutOfBounds { .. })));
    // Stores into the cut part go nowhere.
    second.write(7 * page(), b"lost").unwrap();
    file.resize(8 * page()).unwrap();
    assert_eq!(byte(&file.region(), 7 * page()), 0);
    assert_eq!(byte(&first, 3 * page()), 0);
    file.write(3 * page(), b"T").unwrap();
    assert_eq!((byte(&first, 3 * page()), byte(&second, 3 * page())), (b'T', b'T'));
    first.write(2 * page(), b"U").unwrap();
    assert_eq!(fs::read(&path).unwrap()[usize::try_from(2 * page()).unwrap()], b'U');
}

#[cfg(unix)]
#[test]
fn dropping_the_file_leaves_held_regions_readable_as_zeros() {
    let Fixture { _folder, path, file } = fixture(page());
    file.write(0, b"x").unwrap();
    let held = file.region();
    drop(file);
    assert_eq!(byte(&held, 0), 0);
    held.write(0, b"y").unwrap();
    assert_eq!(fs::read(&path).unwrap()[0], b'x');
}

#[test]
fn bytes_that_others_appended_are_never_cut() {
    use std::io::Write;

    let Fixture { _folder, path, file } = fixture(10);
    fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"appended").unwrap();
    let error = file.resize(5).unwrap_err();
    assert!(matches!(&error, Error::ResizeFailed(text) if text.contains("18") && text.contains("10")), "{error}");
    assert_eq!((file.len(), fs::metadata(&path).unwrap().len()), (10, 18));
    file.resize(14).unwrap();
    let mut seen = [0; 4];
    file.read(10, &mut seen).unwrap();
    assert_eq!(&seen, b"appe");
    file.resize(20).unwrap();
    assert_eq!(&fs::read(&path).unwrap()[10..], b"appended\0\0");
}

#[test]
fn a_window_that_reaches_the_end_resizes_its_file_and_another_does_not() {
    let Fixture { _folder, path, file } = fixture(100);
    drop(file);
    let options = OpenOptions::new(MmapMode::ReadWrite).offset(30);
    let tail = options.clone().open(&path).unwrap();
    tail.resize(50).unwrap();
    assert_eq!((tail.len(), fs::metadata(&path).unwrap().len()), (50, 80));
    let middle = options.len(10).open(&path).unwrap();
    assert!(matches!(middle.resize(20), Err(Error::Unsupported { .. })));
    assert_eq!(fs::metadata(&path).unwrap().len(), 80);
}

#[test]
fn a_refused_resize_changes_nothing() {
    let Fixture { _folder, path, file } = fixture(100);
    assert!(matches!(file.resize(0), Err(Error::ResizeFailed(_))));
    assert!(file.resize(u64::MAX).is_err());
    assert!(matches!(file.resize(1 << 62), Err(Error::Io { .. })));
    assert_eq!((file.len(), fs::metadata(&path).unwrap().len()), (100, 100));
    for mode in [MmapMode::ReadOnly, MmapMode::CopyOnWrite] {
        let other = OpenOptions::new(mode).open(&path).unwrap();
        assert!(matches!(other.resize(5), Err(Error::InvalidMode(_))));
    }
}

#[test]
fn a_flush_clears_what_was_pending_and_a_part_does_not() {
    let Fixture { _folder, path: _, file } = fixture(3 * page());
    file.write(0, b"12345").unwrap();
    file.write(page(), b"123").unwrap();
    assert_eq!(file.slot().pending(), 8);
    file.flush_range(0, page()).unwrap();
    assert_eq!(file.slot().pending(), 8);
    file.flush_range(0, 3 * page()).unwrap();
    assert_eq!(file.slot().pending(), 0);
    assert!(matches!(file.flush_range(1, 3 * page()), Err(Error::OutOfBounds { .. })));
}

/// A growth that fails after the file has grown leaves older regions as they were: what was cut stays zeros, and no page is
/// left that the file has lost.
#[cfg(target_os = "linux")]
#[test]
fn a_growth_that_fails_half_way_leaves_no_page_behind_the_end_of_the_file() {
    use common::linux::{can_lock, skipped, with_failing, Failing};

    if !can_lock() {
        return skipped("locking pages does nothing here");
    }

    let Fixture { _folder, path, file } = fixture(4 * page());
    let held = file.region();
    file.write(0, b"kept").unwrap();
    file.lock_pages(0, page()).unwrap();
    file.resize(page()).unwrap();
    let file = std::sync::Arc::new(file);
    let growing = std::sync::Arc::clone(&file);
    let can = with_failing(&[Failing { call: libc::SYS_mlock, error: libc::EAGAIN, only: None }], move || {
        assert!(matches!(growing.resize(64 * page()), Err(Error::Io { .. })));
    });
    if !can {
        return skipped("the kernel has no filters for system calls");
    }
    assert_eq!((file.len(), fs::metadata(&path).unwrap().len()), (page(), page()));
    // Reading a page that the file has lost would end the process.
    assert_eq!((byte(&held, 3 * page()), byte(&held, 0)), (0, b'k'));
    file.resize(64 * page()).unwrap();
    held.write(3 * page(), b"X").unwrap();
    assert_eq!(fs::read(&path).unwrap()[common::at(3 * page())], b'X');
}

/// Old views can store into the rest of the last page, and tmpfs does not clear it when the file grows.
#[cfg(target_os = "linux")]
#[test]
fn what_was_stored_behind_the_end_does_not_come_back_with_a_growth() {
    for base in [std::env::temp_dir(), "/dev/shm".into()] {
        let Ok(folder) = tempfile::tempdir_in(&base) else { continue };
        let path = folder.path().join("file");
        let options = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(2 * page());
        let file = options.open(&path).unwrap();
        let old = file.region();
        file.resize(100).unwrap();
        old.write(0, &vec![7; usize::try_from(2 * page()).unwrap()]).unwrap();
        file.resize(2 * page()).unwrap();
        let bytes = fs::read(&path).unwrap();
        assert_eq!(bytes[..100], [7; 100]);
        assert!(bytes[100..].iter().all(|byte| *byte == 0), "{}", base.display());
    }
}
