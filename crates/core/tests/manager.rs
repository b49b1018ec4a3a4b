//! The plain functions.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::io::ErrorKind;

use common::{all, assert_invalid_mode, assert_io, assert_out_of_bounds, assert_resize_failed, pattern, Scratch};
use mmap_io::{copy_mmap, create_mmap, delete_mmap, load_mmap, write_mmap, MmapMode};

#[test]
fn the_functions_do_what_the_methods_do() {
    let scratch = Scratch::new();
    let file = create_mmap(scratch.file(), 10).unwrap();
    mmap_io::update_region(&file, 2, b"abc").unwrap();
    assert_eq!(file.pending_bytes(), 3);
    mmap_io::flush(&file).unwrap();
    assert_eq!(file.pending_bytes(), 0);
    write_mmap(scratch.file(), 5, b"def").unwrap();
    assert_eq!((all(&file), scratch.content()), (b"\0\0abcdef\0\0".to_vec(), b"\0\0abcdef\0\0".to_vec()));
    for mode in [MmapMode::ReadOnly, MmapMode::ReadWrite] {
        assert_eq!(load_mmap(scratch.file(), mode).unwrap().mode(), mode);
    }
    delete_mmap(scratch.file()).unwrap();
    assert!(scratch.names().is_empty());
    assert_eq!(all(&file)[2..5], *b"abc", "the mapping outlives the name");
}

#[test]
fn the_functions_fail_as_the_methods_do() {
    let scratch = Scratch::new();
    assert_resize_failed(create_mmap(scratch.file(), 0), "greater than zero");
    assert_io(load_mmap(scratch.file(), MmapMode::ReadOnly), ErrorKind::NotFound);
    assert_io(write_mmap(scratch.file(), 0, b"x"), ErrorKind::NotFound);
    assert_io(delete_mmap(scratch.file()), ErrorKind::NotFound);
    assert_io(copy_mmap(scratch.file(), scratch.path("to")), ErrorKind::NotFound);
    assert!(scratch.names().is_empty());
    fs::write(scratch.file(), b"0123456789").unwrap();
    assert_out_of_bounds(write_mmap(scratch.file(), 8, b"abc"), 8, 3, 10);
    let file = load_mmap(scratch.file(), MmapMode::ReadOnly).unwrap();
    assert_invalid_mode(mmap_io::update_region(&file, 0, b"x"));
    mmap_io::flush(&file).unwrap();
    assert_eq!(scratch.content(), b"0123456789");
}

#[test]
fn a_copy_replaces_what_was_there() {
    let scratch = Scratch::new();
    let bytes = pattern(100_000);
    fs::write(scratch.file(), &bytes).unwrap();
    for before in [None, Some(b"short".to_vec()), Some(vec![7; 200_000])] {
        let to = scratch.path("to");
        if let Some(before) = before {
            fs::write(&to, before).unwrap();
        }
        copy_mmap(scratch.file(), to.clone()).unwrap();
        assert_eq!(fs::read(to).unwrap(), bytes);
    }
    assert_eq!(scratch.content(), bytes);
}

/// Row 18: mappings of the destination stay whole, and it stays the same file.
#[cfg(unix)]
#[test]
fn a_copy_over_a_mapped_file_never_cuts_what_is_copied() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    let scratch = Scratch::new();
    let (old, new) = (vec![7; 3_000_000], pattern(3_000_000));
    fs::write(scratch.file(), &new).unwrap();
    fs::set_permissions(scratch.file(), fs::Permissions::from_mode(0o640)).unwrap();
    fs::write(scratch.path("to"), &old).unwrap();
    let before = fs::metadata(scratch.path("to")).unwrap();
    let mapped = load_mmap(scratch.path("to"), MmapMode::ReadOnly).unwrap();
    copy_mmap(scratch.file(), scratch.path("to")).unwrap();
    assert_eq!(all(&mapped), new);
    let after = fs::metadata(scratch.path("to")).unwrap();
    assert_eq!((after.ino(), after.permissions().mode() & 0o777), (before.ino(), 0o640));
    fs::write(scratch.file(), b"shorter").unwrap();
    copy_mmap(scratch.file(), scratch.path("to")).unwrap();
    assert_eq!(fs::read(scratch.path("to")).unwrap(), b"shorter");
}

/// Row 18: a folder, a missing source and a file that may not be written are refused with nothing changed.
#[test]
fn a_copy_that_cannot_start_changes_nothing() {
    let scratch = Scratch::new();
    fs::write(scratch.file(), b"content").unwrap();
    fs::create_dir(scratch.path("folder")).unwrap();
    assert!(copy_mmap(scratch.path("folder"), scratch.file()).is_err());
    assert!(copy_mmap(scratch.file(), scratch.path("folder")).is_err());
    assert!(copy_mmap(scratch.path("missing"), scratch.file()).is_err());
    assert_eq!(scratch.content(), b"content");
}

/// Row 18: a file copied onto itself, by whatever name, stays as it is.
#[test]
fn a_copy_onto_itself_is_refused() {
    let scratch = Scratch::new();
    let file = scratch.file();
    fs::write(&file, b"content").unwrap();
    let mut names = vec![file.clone(), scratch.path("../").join(scratch.path("")).join("./file")];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&file, scratch.path("symlink")).unwrap();
        std::os::unix::fs::symlink("symlink", scratch.path("second")).unwrap();
        names.extend([scratch.path("symlink"), scratch.path("second")]);
    }
    fs::hard_link(&file, scratch.path("hard link")).unwrap();
    names.push(scratch.path("hard link"));
    for from in &names {
        for to in &names {
            assert_io(copy_mmap(from, to), ErrorKind::InvalidInput);
            assert_eq!(scratch.content(), b"content", "{} {}", from.display(), to.display());
        }
    }
}
