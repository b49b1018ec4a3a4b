//! Opening and creating.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use mmap_io::{Create, Error, MmapMode, OpenOptions};

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    (folder, path)
}

fn read_all(file: &mmap_io::MappedFile) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(file.len()).unwrap()];
    file.read(0, &mut bytes).unwrap();
    bytes
}

#[test]
fn an_existing_file_is_mapped_whole() {
    let (_folder, path) = folder();
    fs::write(&path, b"some bytes").unwrap();
    for mode in [MmapMode::ReadOnly, MmapMode::ReadWrite, MmapMode::CopyOnWrite] {
        let file = OpenOptions::new(mode).open(&path).unwrap();
        assert_eq!((file.len(), file.mode()), (10, mode));
        assert_eq!(read_all(&file), b"some bytes");
    }
}

#[test]
fn a_window_shows_its_part_and_one_past_the_end_is_out_of_bounds() {
    let (_folder, path) = folder();
    fs::write(&path, b"0123456789").unwrap();
    let open = |offset, len: Option<u64>| {
        let options = OpenOptions::new(MmapMode::ReadOnly).offset(offset);
        len.map_or(options.clone(), |len| options.len(len)).open(&path)
    };
    assert_eq!(read_all(&open(3, None).unwrap()), b"3456789");
    assert_eq!(read_all(&open(3, Some(4)).unwrap()), b"3456");
    assert_eq!(open(10, None).unwrap().len(), 0);
    for (offset, len) in [(11, None), (0, Some(11)), (10, Some(1)), (u64::MAX, None), (1, Some(u64::MAX))] {
        let error = open(offset, len).unwrap_err();
        assert!(matches!(error, Error::OutOfBounds { total: 10, .. }), "{offset} {len:?}: {error}");
    }
}

#[test]
fn an_empty_file_is_an_empty_mapping_for_reading_and_refused_for_writing() {
    let (_folder, path) = folder();
    fs::write(&path, b"").unwrap();
    let file = OpenOptions::new(MmapMode::ReadOnly).open(&path).unwrap();
    assert!(file.is_empty());
    assert!(file.region().base().is_null());
    for mode in [MmapMode::ReadWrite, MmapMode::CopyOnWrite] {
        assert!(matches!(OpenOptions::new(mode).open(&path), Err(Error::ResizeFailed(_))));
    }
}

#[test]
fn each_way_of_creating_does_what_it_says() {
    let (_folder, path) = folder();
    let open =
        |create, size| OpenOptions::new(MmapMode::ReadWrite).create(create).size(size).allocate(true).open(&path);
    assert_eq!(open(Create::IfMissing, 5).unwrap().len(), 5);
    fs::write(&path, b"content").unwrap();
    assert_eq!(read_all(&open(Create::IfMissing, 5).unwrap()), b"content");
    let error = open(Create::Exclusive, 5).unwrap_err();
    assert!(matches!(&error, Error::Io { os, .. } if os.source.kind() == std::io::ErrorKind::AlreadyExists), "{error}");
    assert_eq!(read_all(&open(Create::Truncate, 3).unwrap()), [0; 3]);
    fs::write(&path, b"").unwrap();
    assert_eq!(open(Create::IfMissing, 4).unwrap().len(), 4);
    fs::remove_file(&path).unwrap();
    assert_eq!(open(Create::Exclusive, 6).unwrap().len(), 6);
}

#[test]
fn a_check_that_fails_leaves_the_file_alone() {
    let (_folder, path) = folder();
    fs::write(&path, b"keep").unwrap();
    let options = OpenOptions::new(MmapMode::ReadWrite);
    assert!(matches!(options.clone().create(Create::Truncate).size(0).open(&path), Err(Error::ResizeFailed(_))));
    assert!(matches!(options.clone().create(Create::Truncate).open(&path), Err(Error::ResizeFailed(_))));
    let window = options.clone().create(Create::Truncate).size(10).offset(11);
    assert!(matches!(window.open(&path), Err(Error::OutOfBounds { .. })));
    let reading = OpenOptions::new(MmapMode::ReadOnly).create(Create::Truncate).size(10);
    assert!(matches!(reading.open(&path), Err(Error::InvalidMode(_))));
    assert_eq!(fs::read(&path).unwrap(), b"keep");
    fs::remove_file(&path).unwrap();
    assert!(options.clone().create(Create::IfMissing).size(10).offset(11).open(&path).is_err());
    assert!(options.create(Create::IfMissing).open(&path).is_err());
    assert!(!path.exists(), "nothing is left behind");
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused_at_once() {
    use std::os::unix::net::UnixListener;

    let (folder, path) = folder();
    let fifo = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let _listener = UnixListener::bind(&path).unwrap();
    for special in [fifo, path, "/dev/null".into()] {
        let error = OpenOptions::new(MmapMode::ReadOnly).open(&special).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{}: {error}", special.display());
    }
    let error = OpenOptions::new(MmapMode::ReadOnly).open(folder.path()).unwrap_err();
    assert!(matches!(&error, Error::Io { os, .. } if os.source.kind() == std::io::ErrorKind::IsADirectory), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_with_content_but_no_size_is_refused() {
    for path in ["/proc/self/status", "/proc/self/maps", "/sys/kernel/mm/transparent_hugepage/enabled"] {
        if fs::metadata(path).is_ok() {
            let error = OpenOptions::new(MmapMode::ReadOnly).open(path).unwrap_err();
            assert!(matches!(error, Error::Unsupported { .. }), "{path}: {error:?}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn allocation_takes_blocks_and_a_sparse_file_takes_none() {
    use std::os::unix::fs::MetadataExt;

    let (_folder, path) = folder();
    let size = 1 << 20;
    let create = |allocate| {
        let options = OpenOptions::new(MmapMode::ReadWrite).create(Create::Truncate).size(size).allocate(allocate);
        options.open(&path).unwrap();
        fs::metadata(&path).unwrap().blocks() * 512
    };
    assert_eq!(create(false), 0);
    assert!(create(true) >= size);
}

#[cfg(unix)]
#[test]
fn a_link_to_nothing_gets_its_file() {
    let (folder, path) = folder();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let options = OpenOptions::new(MmapMode::ReadWrite).size(10);
    assert!(options.clone().create(Create::Exclusive).open(&link).is_err());
    assert_eq!(options.create(Create::IfMissing).open(&link).unwrap().len(), 10);
    assert_eq!(fs::metadata(&path).unwrap().len(), 10);
}

/// Two creators with different sizes: whoever comes second must not cut what the first one maps.
#[test]
fn creators_that_race_never_cut_each_other() {
    for round in 0..200 {
        let (_folder, path) = folder();
        let sizes = [4096, 1 << 20];
        let barrier = std::sync::Barrier::new(2);
        let lens: Vec<u64> = std::thread::scope(|scope| {
            let threads = sizes.map(|size| {
                let (path, barrier) = (&path, &barrier);
                scope.spawn(move || {
                    let options = OpenOptions::new(MmapMode::ReadWrite).create(Create::IfMissing).size(size);
                    barrier.wait();
                    options.open(path).unwrap().len()
                })
            });
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let len = fs::metadata(&path).unwrap().len();
        assert!(lens.iter().all(|mapped| *mapped <= len), "round {round}: {lens:?} of {len}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_to_nothing_creates_nothing_when_a_check_fails() {
    let (folder, path) = folder();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("file", &link).unwrap();
    let options = OpenOptions::new(MmapMode::ReadWrite);
    for refused in [
        options.clone().create(Create::Truncate).size(100).offset(200),
        options.clone().create(Create::IfMissing).size(100).offset(200),
        options.create(Create::IfMissing),
    ] {
        assert!(refused.open(&link).is_err());
        assert!(!path.exists());
    }
}

#[test]
fn a_file_that_is_cut_and_filled_again_while_it_is_opened_has_a_size() {
    let (_folder, path) = folder();
    fs::write(&path, b"content").unwrap();
    let done = AtomicBool::new(false);
    let lengths: Vec<_> = std::thread::scope(|scope| {
        scope.spawn(|| {
            let other = fs::OpenOptions::new().write(true).open(&path).unwrap();
            while !done.load(Ordering::Relaxed) {
                other.set_len(0).unwrap();
                other.set_len(7).unwrap();
            }
        });
        let opened = (0..40_000).map(|_| OpenOptions::new(MmapMode::ReadOnly).open(&path).map(|file| file.len()));
        let lengths = opened.collect();
        done.store(true, Ordering::Relaxed);
        lengths
    });
    for length in lengths {
        assert!(matches!(length, Ok(0 | 7)), "{length:?}");
    }
}
