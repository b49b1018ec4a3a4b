//! One thread for all timed flush policies. It starts with the first and ends with the last.

use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::error::OsError;
use crate::file::MappedFile;
use crate::mutex::lock;

struct Entry {
    file: Weak<MappedFile>,
    every: Duration,
    due: Instant,
}

struct Flusher {
    entries: Vec<Entry>,
    running: bool,
}

static FLUSHER: Mutex<Flusher> = Mutex::new(Flusher { entries: Vec::new(), running: false });
static CHANGED: Condvar = Condvar::new();

/// Flushes `file` every `every`, when bytes are pending, until it is dropped.
pub(crate) fn register(file: &Arc<MappedFile>, every: Duration) -> Result<(), OsError> {
    let mut flusher = lock(&FLUSHER);
    if !flusher.running {
        let thread = std::thread::Builder::new().name("mmap-io flusher".into());
        thread.spawn(run).map_err(|error| OsError::new("thread", error))?;
        flusher.running = true;
    }
    flusher.entries.push(Entry { file: Arc::downgrade(file), every, due: Instant::now() + every });
    CHANGED.notify_one();
    Ok(())
}

fn run() {
    let mut flusher = lock(&FLUSHER);
    loop {
        let now = Instant::now();
        flusher.entries.retain(|entry| entry.file.strong_count() > 0);
        let due: Vec<_> = flusher.entries.iter_mut().filter(|entry| entry.due <= now).collect();
        let mut files = Vec::with_capacity(due.len());
        for entry in due {
            entry.due = now + entry.every;
            files.extend(entry.file.upgrade());
        }
        if !files.is_empty() {
            drop(flusher);
            files.iter().for_each(|file| file.flush_in_background());
            // Dropped with no lock held: the last reference unmaps.
            drop(files);
            flusher = lock(&FLUSHER);
            continue;
        }
        let Some(next) = flusher.entries.iter().map(|entry| entry.due).min() else {
            flusher.running = false;
            return;
        };
        // A file that is dropped meanwhile leaves the list at the next round, at most one interval later.
        let wait = next.saturating_duration_since(now);
        flusher = CHANGED.wait_timeout(flusher, wait).unwrap_or_else(PoisonError::into_inner).0;
    }
}
