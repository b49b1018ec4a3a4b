//! One thread that compares the contents of all files that want it. It starts with the first and ends with the last.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::contents::Contents;
use super::hints::Hint;
use super::service::{self, Watch};
use crate::error::OsError;
use crate::file::MappedFile;
use crate::mutex::lock;

/// Bytes that are read before the call returns: a change right after it is found. Beyond, the thread reads first.
const AT_ONCE: u64 = 8 << 20;

struct Entry {
    file: Weak<MappedFile>,
    watch: Weak<Watch>,
    contents: Contents,
    every: Duration,
    due: Instant,
}

impl Entry {
    fn is_wanted(&self) -> bool {
        self.file.strong_count() > 0 && self.watch.upgrade().is_some_and(|watch| watch.subscriber.is_active())
    }

    fn compare(&mut self) {
        let Some(file) = self.file.upgrade() else { return };
        let changed = self.contents.compare(&file);
        // Before anybody is told: the last reference unmaps.
        drop(file);
        if let Some(watch) = self.watch.upgrade() {
            for (offset, len) in changed {
                service::state().hint(&watch, Hint::Bytes { offset, len });
            }
        }
        self.due = Instant::now() + self.every;
    }
}

struct Poller {
    entries: Vec<Entry>,
    is_running: bool,
}

static POLLER: Mutex<Poller> = Mutex::new(Poller { entries: Vec::new(), is_running: false });
static CHANGED: Condvar = Condvar::new();

/// Compares the contents of `file` every `every` and tells `watch`, until either is gone.
pub(super) fn register(file: &Arc<MappedFile>, watch: &Arc<Watch>, every: Duration, all: bool) -> Result<(), OsError> {
    let every = every.max(Duration::from_millis(1));
    let mut contents = Contents::new(file, all);
    let mut due = Instant::now();
    if file.len() <= AT_ONCE {
        contents.compare(file);
        due += every;
    }
    let mut poller = lock(&POLLER);
    if !poller.is_running {
        let thread = std::thread::Builder::new().name("mmap-io poller".into());
        thread.spawn(run).map_err(|error| OsError::new("thread", error))?;
        poller.is_running = true;
    }
    poller.entries.push(Entry { file: Arc::downgrade(file), watch: Arc::downgrade(watch), contents, every, due });
    CHANGED.notify_one();
    Ok(())
}

/// A watch has ended.
pub(super) fn look_around() {
    CHANGED.notify_one();
}

fn run() {
    let mut poller = lock(&POLLER);
    loop {
        poller.entries.retain(Entry::is_wanted);
        let now = Instant::now();
        if let Some(index) = poller.entries.iter().position(|entry| entry.due <= now) {
            let mut entry = poller.entries.remove(index);
            drop(poller);
            entry.compare();
            poller = lock(&POLLER);
            poller.entries.push(entry);
            continue;
        }
        let Some(next) = poller.entries.iter().map(|entry| entry.due).min() else {
            poller.is_running = false;
            return;
        };
        let wait = next.saturating_duration_since(now);
        poller = CHANGED.wait_timeout(poller, wait).unwrap_or_else(PoisonError::into_inner).0;
    }
}
