//! Opening and creating, option by option.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports, reason = "some tests are of Linux alone"))]

mod common;

use std::fs;
use std::io::ErrorKind;
use std::sync::Barrier;
use std::thread;

use common::{all, assert_invalid_mode, assert_io, assert_resize_failed, page, Scratch};
use mmap_io::mmap::MemoryMappedFileBuilder;
use mmap_io::{MemoryMappedFile, MmapIoError, MmapMode};

type Finish = fn(MemoryMappedFileBuilder) -> Result<MemoryMappedFile, MmapIoError>;
const CREATING: [(&str, Finish); 3] = [
    ("create", MemoryMappedFileBuilder::create),
    ("create_new", MemoryMappedFileBuilder::create_new),
    ("open_or_create", MemoryMappedFileBuilder::open_or_create),
];

#[test]
fn a_file_that_is_missing_is_created_read_write_with_its_size() {
    for (name, finish) in CREATING {
        let scratch = Scratch::new();
        let file = finish(MemoryMappedFile::builder(scratch.file()).size(100)).unwrap();
        assert_eq!((file.mode(), file.len(), all(&file)), (MmapMode::ReadWrite, 100, vec![0; 100]), "{name}");
        assert_eq!(scratch.content(), [0; 100]);
    }
    let scratch = Scratch::new();
    assert_io(MemoryMappedFile::builder(scratch.file()).size(100).open(), ErrorKind::NotFound);
    assert!(scratch.names().is_empty());
}

#[test]
fn a_file_that_exists_is_emptied_kept_or_in_the_way() {
    let scratch = Scratch::new();
    let builder = || {
        fs::write(scratch.file(), b"content").unwrap();
        MemoryMappedFile::builder(scratch.file())
    };
    assert_eq!(all(&builder().size(3).create().unwrap()), [0; 3]);
    assert_eq!(all(&MemoryMappedFile::create_rw(scratch.file(), 5).unwrap()), [0; 5]);
    let kept = builder().size(3).open_or_create().unwrap();
    assert_eq!((all(&kept), kept.mode()), (b"content".to_vec(), MmapMode::ReadWrite));
    assert_eq!(all(&builder().open_or_create().unwrap()), b"content", "an existing file needs no size");
    assert_eq!(all(&builder().size(0).open_or_create().unwrap()), b"content");
    assert_eq!(all(&builder().size(u64::MAX).open_or_create().unwrap()), b"content");
    assert_eq!(all(&MemoryMappedFile::open_or_create(builder_path(&scratch), 3).unwrap()), b"content");
    assert_io(builder().size(3).create_new(), ErrorKind::AlreadyExists);
    let opened = builder().size(3).open().unwrap();
    assert_eq!((all(&opened), opened.mode()), (b"content".to_vec(), MmapMode::ReadOnly));
    assert_eq!(scratch.content(), b"content");
}

fn builder_path(scratch: &Scratch) -> std::path::PathBuf {
    fs::write(scratch.file(), b"content").unwrap();
    scratch.file()
}

/// Row 17: an empty file that exists is given the size; nothing is emptied that was not empty.
#[test]
fn an_empty_file_is_given_the_size_or_refused() {
    let scratch = Scratch::new();
    let empty = || {
        fs::write(scratch.file(), b"").unwrap();
        MemoryMappedFile::builder(scratch.file())
    };
    assert_eq!(empty().size(7).open_or_create().unwrap().len(), 7);
    assert_eq!(empty().size(7).create().unwrap().len(), 7);
    assert_io(empty().size(7).create_new(), ErrorKind::AlreadyExists);
    for refused in [empty().open_or_create(), empty().mode(MmapMode::ReadWrite).open()] {
        assert_resize_failed(refused, "empty");
    }
    assert_eq!(scratch.content(), b"");
    assert!(empty().open().unwrap().is_empty());
    #[cfg(feature = "cow")]
    assert_resize_failed(empty().mode(MmapMode::CopyOnWrite).open(), "empty");
}

#[test]
fn a_size_that_cannot_be_had_is_refused_before_the_file_system_is_touched() {
    for (name, finish) in CREATING {
        let scratch = Scratch::new();
        let too_large = (128 << 40) + 1;
        let rows =
            [(None, "greater than zero"), (Some(0), "greater than zero"), (Some(too_large), "maximum safe limit")];
        for (size, text) in rows.into_iter().chain([(Some(u64::MAX), "maximum safe limit")]) {
            let builder = || {
                let builder = MemoryMappedFile::builder(scratch.file());
                size.map_or_else(|| builder.clone(), |size| builder.clone().size(size))
            };
            assert_resize_failed(finish(builder()), text);
            assert!(scratch.names().is_empty(), "{name}");
            if name == "create" {
                fs::write(scratch.file(), b"content").unwrap();
                assert_resize_failed(finish(builder()), text);
                assert_eq!(scratch.content(), b"content");
                fs::remove_file(scratch.file()).unwrap();
            }
        }
    }
    assert_resize_failed(MemoryMappedFile::create_rw("/nowhere/at/all", 0), "Size must be greater than zero");
}

/// Row 20: with a mode that cannot create, an existing file is opened as it is.
#[test]
fn a_mode_that_does_not_write_opens_and_never_creates() {
    let scratch = Scratch::new();
    let cow = cfg!(feature = "cow").then_some(MmapMode::CopyOnWrite);
    for mode in [MmapMode::ReadOnly].into_iter().chain(cow) {
        let builder = || MemoryMappedFile::builder(scratch.file()).mode(mode).size(3);
        assert_io(builder().create(), ErrorKind::NotFound);
        assert_io(builder().open_or_create(), ErrorKind::NotFound);
        assert_invalid_mode(builder().create_new());
        assert!(scratch.names().is_empty());
        fs::write(scratch.file(), b"content").unwrap();
        for file in [builder().create(), builder().open_or_create(), builder().open()] {
            let file = file.unwrap();
            assert_eq!((file.mode(), all(&file)), (mode, b"content".to_vec()));
        }
        // The mode is checked before the path is looked at.
        assert_invalid_mode(builder().create_new());
        fs::remove_file(scratch.file()).unwrap();
    }
}

#[test]
fn a_missing_folder_is_not_found_and_a_folder_is_no_file() {
    let scratch = Scratch::new();
    for (_, finish) in CREATING {
        assert_io(finish(MemoryMappedFile::builder(scratch.path("no/file")).size(5)), ErrorKind::NotFound);
    }
    let folder = scratch.path("");
    assert!(matches!(MemoryMappedFile::open_ro(&folder), Err(MmapIoError::Io(_))));
    assert!(matches!(MemoryMappedFile::create_rw(&folder, 5), Err(MmapIoError::Io(_))));
    assert!(folder.is_dir() && scratch.names().is_empty());
}

#[test]
fn of_many_that_create_at_once_exactly_one_succeeds() {
    for _ in 0..20 {
        let scratch = Scratch::new();
        let start = Barrier::new(8);
        let results: Vec<_> = thread::scope(|scope| {
            let race = || {
                start.wait();
                MemoryMappedFile::builder(scratch.file()).size(64).create_new()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(race)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
        for refused in results.into_iter().filter(Result::is_err) {
            assert_io(refused, ErrorKind::AlreadyExists);
        }
        assert_eq!(scratch.content(), [0; 64]);
    }
}

/// Row 17: opening or creating at once wipes nobody's bytes.
#[test]
fn many_that_open_or_create_at_once_share_one_file() {
    for _ in 0..20 {
        let scratch = Scratch::new();
        let start = Barrier::new(8);
        thread::scope(|scope| {
            for number in 0..8 {
                let (scratch, start) = (&scratch, &start);
                scope.spawn(move || {
                    start.wait();
                    let file = MemoryMappedFile::open_or_create(scratch.file(), 8).unwrap();
                    file.update_region(number, &[1]).unwrap();
                });
            }
        });
        assert_eq!(scratch.content(), [1; 8]);
    }
}

/// Row 15: allocated blocks make a full disk an error at creation instead of a fault at a store.
#[cfg(target_os = "linux")]
#[test]
fn allocating_takes_blocks_at_creation_and_growth_and_a_hole_takes_none() {
    use std::os::unix::fs::MetadataExt;

    let scratch = Scratch::new();
    let allocated = || fs::metadata(scratch.file()).unwrap().blocks() * 512;
    let size = 256 * page();
    let file = MemoryMappedFile::builder(scratch.file()).size(size).create().unwrap();
    assert_eq!(allocated(), 0);
    file.resize(2 * size).unwrap();
    assert!(allocated() <= 16 * page());
    let file = MemoryMappedFile::builder(scratch.file()).size(size).allocate(true).create().unwrap();
    assert!(allocated() >= size);
    file.resize(2 * size).unwrap();
    assert!(allocated() >= 2 * size);
    file.resize(size).unwrap();
    file.resize(3 * size).unwrap();
    assert!(allocated() >= 3 * size && all(&file) == vec![0; common::at(3 * size)]);
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_written_is_no_missing_file() {
    use std::os::unix::fs::PermissionsExt;

    let scratch = Scratch::new();
    fs::write(scratch.file(), b"content").unwrap();
    fs::set_permissions(scratch.file(), fs::Permissions::from_mode(0o444)).unwrap();
    if fs::OpenOptions::new().write(true).open(scratch.file()).is_ok() {
        #[cfg(target_os = "linux")]
        common::linux::skipped("root may write every file");
        return;
    }
    // Row 17: "may not" looks like "is not there" to nobody.
    assert_io(MemoryMappedFile::open_or_create(scratch.file(), 5), ErrorKind::PermissionDenied);
    assert_io(MemoryMappedFile::create_rw(scratch.file(), 5), ErrorKind::PermissionDenied);
    assert_eq!(scratch.content(), b"content");
}

/// Row 29: huge pages are a hint: nothing is allocated, and the hint holds after a resize, for new bytes as well.
#[cfg(all(feature = "hugepages", target_os = "linux"))]
#[test]
fn huge_pages_allocate_nothing_and_are_asked_for_again_after_a_resize() {
    use std::os::unix::fs::MetadataExt;

    let scratch = Scratch::new();
    let size = 4096 * page();
    let file = MemoryMappedFile::builder(scratch.file()).size(size).huge_pages(true).create().unwrap();
    let blocks = || fs::metadata(scratch.file()).unwrap().blocks();
    assert_eq!((blocks(), common::linux::kib_of(&scratch.file(), "Rss")), (0, 0));
    assert!(file.is_hugepage_backed().is_some());
    // A kernel without huge pages knows no such flag.
    if common::linux::pages_with_flag(&scratch.file(), "hg") > 0 {
        assert_eq!(common::linux::pages_with_flag(&scratch.file(), "hg"), 4096);
        file.resize(2 * size).unwrap();
        assert_eq!(common::linux::pages_with_flag(&scratch.file(), "hg"), 8192);
        file.resize(10 * page()).unwrap();
        file.resize(size).unwrap();
        assert_eq!(common::linux::pages_with_flag(&scratch.file(), "hg"), 4096);
    }
    file.update_region(size - 1, b"x").unwrap();
    let plain = MemoryMappedFile::builder(scratch.file()).huge_pages(true).open().unwrap();
    assert_eq!(plain.as_slice(size - 1, 1).unwrap(), b"x", "no effect on other modes");
}
