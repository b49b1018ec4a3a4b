//! Telling one state of a file from another.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::{self, File};
use std::time::{Duration, UNIX_EPOCH};

use mmap_io::{MappedFile, MmapMode, OpenOptions};

fn text(file: &MappedFile) -> String {
    file.version().unwrap().unwrap().to_string()
}

#[test]
fn the_text_changes_with_time_length_file_and_window() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, b"0123456789").unwrap();
    let options = OpenOptions::new(MmapMode::ReadOnly);
    let file = options.open(&path).unwrap();
    let first = text(&file);
    assert_eq!(first, text(&options.open(&path).unwrap()), "the same for every mapping of the whole");
    assert_ne!(first, text(&options.clone().offset(1).open(&path).unwrap()));
    assert_ne!(first, text(&options.clone().len(9).open(&path).unwrap()));

    let writable = File::options().write(true).open(&path).unwrap();
    writable.set_modified(UNIX_EPOCH + Duration::new(1_000_000_000, 1)).unwrap();
    let second = text(&file);
    assert_ne!(first, second);
    writable.set_modified(UNIX_EPOCH + Duration::new(1_000_000_000, 2)).unwrap();
    assert_ne!(second, text(&file), "a nanosecond counts");

    let modified = file.version().unwrap().unwrap().modified;
    let other = folder.path().join("other");
    fs::write(&other, b"0123456789").unwrap();
    File::options().write(true).open(&other).unwrap().set_modified(modified).unwrap();
    fs::rename(&other, &path).unwrap();
    assert_ne!(text(&file), text(&options.open(&path).unwrap()), "another file of the same length and time");
}

#[test]
fn a_change_before_1970_is_a_negative_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, b"old").unwrap();
    let early = UNIX_EPOCH - Duration::from_secs(5);
    File::options().write(true).open(&path).unwrap().set_modified(early).unwrap();
    let file = OpenOptions::new(MmapMode::ReadOnly).open(&path).unwrap();
    assert_eq!(file.version().unwrap().unwrap().modified_nanos(), -5_000_000_000);
}
