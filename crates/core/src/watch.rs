//! Changes of the file on disk, over the operating system's own notifications.
//!
//! Stores through mappings raise no notification on any system.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;

use notify::event::{EventKind, ModifyKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::errors::{MmapIoError, Result};
use crate::mmap::MemoryMappedFile;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// Content or size changed, or the file was created in place.
    Modified,
    /// Permissions or times changed.
    Metadata,
    /// The file was removed or renamed; nothing more is told.
    Removed,
}

/// One change.
#[derive(Debug, Clone)]
pub struct ChangeEvent {
    /// First changed byte: the operating systems do not tell.
    pub offset: Option<u64>,
    /// Changed bytes: the operating systems do not tell.
    pub len: Option<u64>,
    /// What happened.
    pub kind: ChangeKind,
}

type Callback = Box<dyn FnMut(ChangeEvent) + Send>;

struct Watch {
    active: AtomicBool,
    /// Taken when the watch ends: whoever has taken it knows that no call runs or comes.
    callback: Mutex<Option<Callback>>,
    /// The thread that is inside the callback.
    running_on: Mutex<Option<ThreadId>>,
}

/// Keeps a watch going. No callback runs after it is dropped.
pub struct WatchHandle {
    watch: Arc<Watch>,
    _watcher: RecommendedWatcher,
}

impl std::fmt::Debug for WatchHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WatchHandle").field("active", &self.is_active()).finish_non_exhaustive()
    }
}

impl WatchHandle {
    /// False once the file was removed or renamed.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.watch.active.load(Ordering::Acquire)
    }
}

impl Drop for WatchHandle {
    fn drop(&mut self) {
        self.watch.active.store(false, Ordering::Release);
        let running_on = *lock(&self.watch.running_on);
        if running_on == Some(std::thread::current().id()) {
            // Dropped by the callback itself, which cannot wait for its own end. It is the last call: `active` is false.
            return;
        }
        drop(lock(&self.watch.callback).take());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic in a callback leaves it in place, which is what the next call wants.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watch {
    fn tell(&self, kind: ChangeKind) {
        let mut callback = lock(&self.callback);
        if !self.active.load(Ordering::Acquire) {
            return;
        }
        if kind == ChangeKind::Removed {
            self.active.store(false, Ordering::Release);
        }
        if let Some(call) = callback.as_mut() {
            *lock(&self.running_on) = Some(std::thread::current().id());
            let event = ChangeEvent { offset: None, len: None, kind };
            // A panic must not stop the thread that other watches share.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call(event)));
            *lock(&self.running_on) = None;
        }
    }
}

/// What a notification means; `None` for what changes nothing.
fn kind_of(event: &EventKind) -> Option<ChangeKind> {
    match event {
        EventKind::Access(_) => None,
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => Some(ChangeKind::Removed),
        EventKind::Modify(ModifyKind::Metadata(_)) => Some(ChangeKind::Metadata),
        EventKind::Create(_) | EventKind::Modify(_) | EventKind::Any | EventKind::Other => Some(ChangeKind::Modified),
    }
}

impl MemoryMappedFile {
    /// Calls `callback` on a thread of its own when the file at [`path`](Self::path) changes, until the handle is dropped or
    /// the file is removed. Calls come one after the other. The watch does not keep the mapping.
    ///
    /// # Errors
    /// `WatchFailed`.
    pub fn watch<F>(&self, callback: F) -> Result<WatchHandle>
    where
        F: FnMut(ChangeEvent) + Send + 'static,
    {
        let watch = Arc::new(Watch {
            active: AtomicBool::new(true),
            callback: Mutex::new(Some(Box::new(callback))),
            running_on: Mutex::new(None),
        });
        let told = Arc::clone(&watch);
        let failed = |error: notify::Error| MmapIoError::WatchFailed(error.to_string());
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // A lost notification may have been a change.
            let kind = event.map_or(Some(ChangeKind::Modified), |event| kind_of(&event.kind));
            if let Some(kind) = kind {
                told.tell(kind);
            }
        })
        .map_err(failed)?;
        watcher.watch(self.path(), RecursiveMode::NonRecursive).map_err(failed)?;
        Ok(WatchHandle { watch, _watcher: watcher })
    }
}
