//! Windows that reach past the end of their file.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use mmap_io::{Error, MappedFile, MmapMode, OpenOptions};

const MODES: [MmapMode; 3] = [MmapMode::ReadOnly, MmapMode::ReadWrite, MmapMode::CopyOnWrite];

fn read(file: &MappedFile, offset: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![9; len];
    file.read(offset, &mut bytes).unwrap();
    bytes
}

#[test]
fn bytes_behind_the_end_are_zeros_in_every_mode() {
    let page = u64::try_from(mmap_io::utils::page_size()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for file_len in [0, 1, page - 1, page, page + 1, 3 * page] {
        let path = folder.path().join(file_len.to_string());
        fs::write(&path, vec![7; usize::try_from(file_len).unwrap()]).unwrap();
        for mode in MODES {
            for offset in [0, 1, page, page + 5, 10 * page] {
                let len = 5 * page;
                let file = OpenOptions::new(mode).offset(offset).len(len).past_end(true).open(&path).unwrap();
                let there = usize::try_from(file_len.saturating_sub(offset).min(len)).unwrap();
                let mut expected = vec![7; there];
                expected.resize(usize::try_from(len).unwrap(), 0);
                assert_eq!(read(&file, 0, expected.len()), expected, "{mode:?}, {file_len} bytes from {offset}");
            }
        }
    }
}

#[test]
fn stores_reach_the_file_where_there_is_one_and_nothing_else() {
    let page = u64::try_from(mmap_io::utils::page_size()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, b"content").unwrap();
    let file = OpenOptions::new(MmapMode::ReadWrite).len(1 << 40).past_end(true).open(&path).unwrap();
    file.write(0, b"C").unwrap();
    file.write(page, b"nowhere").unwrap();
    file.write((1 << 40) - 1, b"x").unwrap();
    file.flush().unwrap();
    assert_eq!(read(&file, page, 7), b"nowhere");
    assert_eq!(fs::read(&path).unwrap(), b"Content");
    assert!(matches!(file.resize(5), Err(Error::Unsupported { .. })));
    let region = file.region();
    drop(file);
    let mut bytes = [9; 7];
    region.read(page, &mut bytes).unwrap();
    assert_eq!(bytes, [0; 7], "closed like any other");
}

#[test]
fn a_window_that_ends_with_the_file_is_one_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, b"content").unwrap();
    let file = OpenOptions::new(MmapMode::ReadWrite).len(7).past_end(true).open(&path).unwrap();
    file.resize(20).unwrap();
    assert_eq!(fs::read(&path).unwrap().len(), 20);
    let plain = OpenOptions::new(MmapMode::ReadOnly).len(21).open(&path);
    assert!(matches!(plain, Err(Error::OutOfBounds { .. })));
}
