//! What the test files share.
#![allow(dead_code, reason = "each test file uses a part of it")]

#[cfg(target_os = "linux")]
pub(crate) mod linux;
pub(crate) mod process;

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use mmap_io::errors::Result;
use mmap_io::{MemoryMappedFile, MmapIoError, MmapMode};

/// How long a condition is waited for before the test fails. Nothing should ever take so long.
pub(crate) const LIMIT: Duration = Duration::from_secs(40);

/// A folder of one test, gone with it.
pub(crate) struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The file that most tests map.
    pub(crate) fn file(&self) -> PathBuf {
        self.path("file")
    }

    /// A file of zeros, mapped read-write.
    pub(crate) fn zeros(&self, len: u64) -> MemoryMappedFile {
        MemoryMappedFile::create_rw(self.file(), len).unwrap()
    }

    /// A file with these bytes, mapped.
    pub(crate) fn with(&self, bytes: &[u8], mode: MmapMode) -> MemoryMappedFile {
        fs::write(self.file(), bytes).unwrap();
        MemoryMappedFile::builder(self.file()).mode(mode).open().unwrap()
    }

    /// What a reader of the file sees.
    pub(crate) fn content(&self) -> Vec<u8> {
        fs::read(self.file()).unwrap()
    }

    /// Names of what is in the folder.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

pub(crate) fn page() -> u64 {
    u64::try_from(mmap_io::utils::page_size()).unwrap()
}

/// A length or position as an index.
pub(crate) fn at(position: u64) -> usize {
    usize::try_from(position).unwrap()
}

/// Every byte of a mapping.
pub(crate) fn all(file: &MemoryMappedFile) -> Vec<u8> {
    let mut bytes = vec![0; at(file.len())];
    file.read_into(0, &mut bytes).unwrap();
    bytes
}

/// Bytes of which no two pages are alike.
pub(crate) fn pattern(len: u64) -> Vec<u8> {
    (0..len).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

/// Fails unless `result` is `OutOfBounds` with exactly these fields.
#[track_caller]
pub(crate) fn assert_out_of_bounds<T>(result: Result<T>, offset: u64, len: u64, total: u64) {
    match result.map(|_| "ok") {
        Err(MmapIoError::OutOfBounds { offset: o, len: l, total: t }) => assert_eq!((o, l, t), (offset, len, total)),
        other => panic!("({offset}, {len}) of {total} gave {other:?}"),
    }
}

/// Fails unless `result` is `InvalidMode`.
#[track_caller]
pub(crate) fn assert_invalid_mode<T>(result: Result<T>) {
    let result = result.map(|_| "ok");
    assert!(matches!(result, Err(MmapIoError::InvalidMode(_))), "{result:?}");
}

/// Fails unless `result` is `Io` of this kind.
#[track_caller]
pub(crate) fn assert_io<T>(result: Result<T>, kind: std::io::ErrorKind) {
    let result = result.map(|_| "ok");
    assert!(matches!(&result, Err(MmapIoError::Io(error)) if error.kind() == kind), "{result:?}");
}

/// Fails unless `result` is `ResizeFailed` whose text contains `part`.
#[track_caller]
pub(crate) fn assert_resize_failed<T>(result: Result<T>, part: &str) {
    let result = result.map(|_| "ok");
    assert!(matches!(&result, Err(MmapIoError::ResizeFailed(text)) if text.contains(part)), "{result:?}");
}

/// Appends a byte: a change that every system allows to a mapped file.
pub(crate) fn append(path: impl AsRef<std::path::Path>) {
    std::io::Write::write_all(&mut fs::OpenOptions::new().append(true).open(path).unwrap(), b"x").unwrap();
}

/// Waits for a condition.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Runs what could wait for ever when it is broken. A panic inside is one here.
#[track_caller]
pub(crate) fn within_limit<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    let thread = std::thread::spawn(move || send.send(body()).unwrap());
    match receive.recv_timeout(LIMIT) {
        Ok(value) => {
            thread.join().unwrap();
            value
        }
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it waits for ever"),
        Err(mpsc::RecvTimeoutError::Disconnected) => match thread.join() {
            Ok(()) => panic!("no value was sent"),
            Err(payload) => std::panic::resume_unwind(payload),
        },
    }
}
