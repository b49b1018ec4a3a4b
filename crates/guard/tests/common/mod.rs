//! What the test files share: mappings made by hand, and tests in a process of their own, since a fault that is not
//! repaired ends it.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(unsafe_code, reason = "mappings made by hand")]

use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use mmap_io_guard::{register, Addresses, Registration, Sharing, Words};

const CHILD: &str = "MMAP_IO_TEST_CHILD";

/// How long a child may take.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn page() -> usize {
    // SAFETY: only reads its argument.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap()
}

fn child(test: &str) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads=1"]).env(CHILD, "1").output().unwrap()
}

fn is_child() -> bool {
    let is = std::env::var_os(CHILD).is_some();
    if is {
        // A child that waits for ever would make its parent wait, too.
        std::thread::spawn(|| {
            std::thread::sleep(LIMIT);
            std::process::abort();
        });
    }
    is
}

/// Runs the body of the test with this name in a process of its own, which must live.
#[track_caller]
pub(crate) fn lives(test: &str, body: impl FnOnce()) {
    if is_child() {
        return body();
    }
    let output = child(test);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{}\n{out}\n{err}", output.status);
}

/// The same for a process that must die of the signal, after it has said "so far, so good".
#[track_caller]
pub(crate) fn dies_of_sigbus(test: &str, body: impl FnOnce()) {
    if is_child() {
        let no_dump = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: the limit lives through the call.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const no_dump) };
        // A handler of Rust's own, which does not die of a signal that was sent.
        // SAFETY: takes numbers.
        unsafe { libc::signal(libc::SIGBUS, libc::SIG_DFL) };
        body();
        std::process::exit(3);
    }
    let output = child(test);
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.signal(), Some(libc::SIGBUS), "{out}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(out.contains("so far, so good"), "{out}");
}

/// See [`dies_of_sigbus`].
#[allow(clippy::print_stdout, reason = "for the parent to read")]
pub(crate) fn so_far_so_good() {
    println!("so far, so good");
}

/// Says why a test did nothing.
#[allow(clippy::print_stderr, reason = "a skip says why")]
pub(crate) fn skipped(reason: &str) {
    eprintln!("skipped: {reason}");
}

#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A file in a folder of its own.
pub(crate) struct Scratch {
    folder: tempfile::TempDir,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("file")
    }

    /// The file, with this many pages of which every byte is `byte`.
    pub(crate) fn filled(&self, pages: usize, byte: u8) -> PathBuf {
        std::fs::write(self.path(), vec![byte; pages * page()]).unwrap();
        self.path()
    }
}

/// Makes a file longer or shorter, as another process would.
pub(crate) fn set_len(path: &Path, len: usize) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(len as u64).unwrap();
}

/// A whole file, mapped and guarded.
pub(crate) struct Mapping {
    pub(crate) base: *mut u8,
    pub(crate) len: usize,
    pub(crate) words: &'static Words,
    pub(crate) file: File,
    sharing: Sharing,
    /// `None` when it is not guarded.
    pub(crate) guard: Option<Registration>,
}

// SAFETY: the memory may be used from any thread.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    pub(crate) fn unguarded(path: &Path, sharing: Sharing) -> Self {
        let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let len = usize::try_from(file.metadata().unwrap().len()).unwrap();
        let words = Box::leak(Box::default());
        let mut mapping = Self { base: std::ptr::null_mut(), len, words, file, sharing, guard: None };
        mapping.base = mapping.map(0..len, 0).cast();
        mapping
    }

    pub(crate) fn shared(path: &Path) -> Self {
        Self::unguarded(path, Sharing::Shared).guarded()
    }

    pub(crate) fn private(path: &Path) -> Self {
        Self::unguarded(path, Sharing::Private).guarded()
    }

    /// At addresses that may be taken away, those of another mapping for example.
    pub(crate) fn lent(path: &Path, place: Option<&Self>) -> Self {
        let mut mapping = Self::unguarded(path, Sharing::Shared);
        if let Some(place) = place {
            mapping.base = place.base;
            mapping.map(0..mapping.len, libc::MAP_FIXED);
        }
        mapping.register(Addresses::Lent)
    }

    fn guarded(self) -> Self {
        self.register(Addresses::Own)
    }

    fn register(mut self, addresses: Addresses) -> Self {
        // SAFETY: the mapping and the file live as long as the registration.
        self.guard = Some(unsafe { register(self.base, self.len, addresses, &self.file, 0, self.sharing, self.words) });
        self
    }

    fn map(&self, pages: Range<usize>, fixed: libc::c_int) -> *mut libc::c_void {
        let sharing = if self.sharing == Sharing::Shared { libc::MAP_SHARED } else { libc::MAP_PRIVATE };
        self.replace(pages, sharing | fixed)
    }

    /// Puts memory without a file over pages.
    pub(crate) fn cover(&self, pages: Range<usize>) -> Result<(), ()> {
        self.replace(pages, libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED);
        Ok(())
    }

    fn replace(&self, pages: Range<usize>, flags: libc::c_int) -> *mut libc::c_void {
        let fd = if flags & libc::MAP_ANON == 0 { self.file.as_raw_fd() } else { -1 };
        let both = libc::PROT_READ | libc::PROT_WRITE;
        let (address, offset) = (self.base.wrapping_add(pages.start), pages.start.try_into().unwrap());
        // SAFETY: a new mapping, or pages of this one.
        let got = unsafe { libc::mmap(address.cast(), pages.len(), both, flags, fd, offset) };
        assert_ne!(got, libc::MAP_FAILED);
        got
    }

    /// Maps the file over pages again.
    pub(crate) fn put_back(&self, pages: Range<usize>) -> Result<(), ()> {
        self.map(pages, libc::MAP_FIXED);
        Ok(())
    }

    pub(crate) fn guard(&self) -> &Registration {
        self.guard.as_ref().unwrap()
    }

    pub(crate) fn read(&self, at: usize) -> u8 {
        self.byte(at).load(Ordering::Relaxed)
    }

    pub(crate) fn write(&self, at: usize, byte: u8) {
        self.byte(at).store(byte, Ordering::Relaxed);
    }

    fn byte(&self, at: usize) -> &AtomicU8 {
        assert!(at < self.len);
        // SAFETY: inside the mapping, which lives as long as `self`; a lost page is repaired.
        unsafe { AtomicU8::from_ptr(self.base.wrapping_add(at)) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        self.guard = None;
        // SAFETY: nobody uses it any more.
        unsafe { libc::munmap(self.base.cast(), self.len) };
    }
}
