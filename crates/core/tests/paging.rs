//! Pages brought into memory, and let go.
#![allow(clippy::unwrap_used, reason = "a failed test panics")]

use mmap_io::{Create, Error, MappedFile, MmapMode, OpenOptions};
use tempfile::TempDir;

const LEN: u64 = 8 << 20;

fn file() -> (TempDir, MappedFile) {
    let folder = tempfile::tempdir().unwrap();
    let options = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(LEN);
    let file = options.open(folder.path().join("f")).unwrap();
    (folder, file)
}

#[test]
fn loading_ends_when_it_is_told_to() {
    let (_folder, file) = file();
    let mut calls = 0;
    let go_on = |_| {
        calls += 1;
        calls < 3
    };
    assert_eq!(file.load(&[(0, 100), (0, LEN)], go_on).unwrap(), 100 + (2 << 20));
    assert_eq!(calls, 3);
}

#[test]
fn a_range_past_the_end_is_told_before_anything_is_loaded() {
    let (_folder, file) = file();
    let refused = file.load(&[(0, LEN), (1, LEN)], |_| panic!("nothing may be loaded"));
    assert!(matches!(refused, Err(Error::OutOfBounds { offset: 1, len: LEN, total: LEN })));
    assert!(matches!(file.evict(LEN, 1), Err(Error::OutOfBounds { .. })));
    file.evict(LEN + 1, 0).unwrap();
}

#[test]
fn memory_without_a_file_keeps_its_bytes_and_is_locked_itself() {
    let memory = MappedFile::anonymous(LEN, true).unwrap();
    memory.write(5, b"here alone").unwrap();
    memory.evict(0, LEN).unwrap();
    memory.advise(0, LEN, mmap_io::Advice::Cold).unwrap();
    memory.advise(0, LEN, mmap_io::Advice::WillNeed).unwrap();
    if memory.lock_pages(0, 4096).is_ok() {
        memory.unlock_pages(0, LEN).unwrap();
    }
    let mut bytes = [0; 10];
    memory.read(5, &mut bytes).unwrap();
    assert_eq!(&bytes, b"here alone");
    assert!(matches!(memory.resize(2 * LEN), Err(Error::Unsupported { .. })));
    assert!(matches!(MappedFile::anonymous(0, false), Err(Error::ResizeFailed(_))));
}
