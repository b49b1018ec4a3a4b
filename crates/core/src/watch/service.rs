//! The thread that all watches share. It starts with the first and ends some time after the last.
//!
//! notify's own thread only queues hints; this one looks the path up and calls back. Locks are taken in the order
//! [`folders`], [`state`], and none is held during a callback.

use std::collections::{HashMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::folders::{failed, guarded, Folders};
use super::hints::{Hint, Hints};
use super::routes::Routes;
use super::subscriber::Subscriber;
use super::{poller, Change, ChangeKind, Notice};
use crate::error::{Error, OsError, Result};
use crate::mutex::lock;
use crate::os::{self, FileId};

/// How long a path may be gone before its watch ends.
const GRACE: Duration = Duration::from_secs(1);
/// How often a path that is gone is looked for: its folder may be gone, too, and come back unheard.
const SEARCH: Duration = Duration::from_millis(50);
/// How often it is asked whether a folder above was moved, which is no notification of the file's own folder.
const CHECK: Duration = Duration::from_secs(1);
/// How long the thread stays when there are no watches.
const LINGER: Duration = Duration::from_secs(5);

/// One watched file.
pub(super) struct Watch {
    /// Absolute.
    pub(super) path: PathBuf,
    pub(super) subscriber: Subscriber,
    hints: Mutex<Hints>,
    is_queued: AtomicBool,
    fate: Mutex<Fate>,
}

/// What has become of the path, as far as it was told.
#[derive(Clone, Copy)]
struct Fate {
    file: Option<FileId>,
    gone_since: Option<Instant>,
    /// It came back, and that was told, before the notification about it.
    was_found: bool,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) routes: Routes,
    watches: Vec<Arc<Watch>>,
    /// Those with hints.
    ready: VecDeque<Arc<Watch>>,
    /// Folders that were moved or removed.
    gone: Vec<PathBuf>,
    has_lost: bool,
    is_running: bool,
}

static FOLDERS: LazyLock<Mutex<Folders>> = LazyLock::new(Mutex::default);
static STATE: LazyLock<Mutex<State>> = LazyLock::new(Mutex::default);
static WORK: Condvar = Condvar::new();

pub(super) fn state() -> MutexGuard<'static, State> {
    lock(&STATE)
}

fn folders() -> MutexGuard<'static, Folders> {
    lock(&FOLDERS)
}

impl State {
    pub(super) fn hint(&mut self, watch: &Arc<Watch>, hint: Hint) {
        lock(&watch.hints).push(hint);
        if !watch.is_queued.swap(true, Ordering::AcqRel) {
            self.ready.push_back(Arc::clone(watch));
            WORK.notify_one();
        }
    }

    /// A folder is not watched any more.
    pub(super) fn forget_folder(&mut self, folder: &Path, hint: Hint) {
        for watch in self.routes.remove_folder(folder) {
            self.hint(&watch, hint);
        }
    }

    fn has_work(&self) -> bool {
        self.has_lost || !self.ready.is_empty() || !self.gone.is_empty()
    }
}

/// What notify's thread does: it must neither wait nor touch the file system.
pub(super) fn notified(event: notify::Result<notify::Event>) {
    let event = match event {
        Ok(event) if event.kind.is_access() => return,
        Ok(event) if !event.need_rescan() => event,
        // An error may have cost notifications, too.
        _ => {
            state().has_lost = true;
            return WORK.notify_one();
        }
    };
    let mut state = state();
    for path in &event.paths {
        let told: Vec<_> = state
            .routes
            .find(path)
            .filter_map(|(watch, is_link)| Some((Arc::clone(watch), Hint::of(event.kind, is_link)?)))
            .collect();
        for (watch, hint) in told {
            state.hint(&watch, hint);
        }
        if state.routes.has_folder(path) && Hint::of(event.kind, false) == Some(Hint::Gone) {
            state.gone.push(path.clone());
            WORK.notify_one();
        }
    }
}

/// Watches `path`. `mapped` is the file that is mapped: another one there is told as the first change.
pub(super) fn start<F>(path: &Path, mapped: FileId, callback: F) -> Result<Arc<Watch>>
where
    F: FnMut(Notice) + Send + 'static,
{
    let watch = Arc::new(Watch {
        path: path.to_path_buf(),
        subscriber: Subscriber::new(Box::new(callback)),
        hints: Mutex::default(),
        is_queued: AtomicBool::new(false),
        fate: Mutex::new(Fate { file: Some(mapped), gone_since: None, was_found: false }),
    });
    let mut folders = folders();
    let started = folders.attach(&watch).and_then(|()| {
        // Looked up when the folder is watched already: what happens from here on is told by notifications.
        let found = os::file_id_at(path).map_err(|error| failed("stat", error))?;
        let mut state = state();
        if !state.is_running {
            let thread = std::thread::Builder::new().name("mmap-io watcher".into());
            thread.spawn(run).map_err(|error| OsError::new("thread", error))?;
            state.is_running = true;
        }
        state.watches.push(Arc::clone(&watch));
        if found != mapped {
            state.hint(&watch, Hint::Look);
        }
        Ok(())
    });
    started.inspect_err(|_| folders.detach(&watch))?;
    Ok(watch)
}

/// Lets a watch go that has ended. Idempotent.
pub(super) fn forget(watch: &Arc<Watch>) {
    let mut folders = folders();
    let mut state = state();
    let before = state.watches.len();
    state.watches.retain(|other| !Arc::ptr_eq(other, watch));
    if state.watches.len() < before {
        drop(state);
        folders.detach(watch);
        WORK.notify_one();
        poller::look_around();
    }
}

fn run() {
    let mut gone = Vec::new();
    let mut next_check = Instant::now() + CHECK;
    let mut idle_since = None;
    loop {
        let Some(work) = wait(&gone, next_check, &mut idle_since) else { return };
        for folder in work.gone {
            folders().forget(&folder, Hint::Look);
        }
        if work.has_lost {
            folders().forget_all();
        }
        for watch in work.ready {
            watch.is_queued.store(false, Ordering::Release);
            watch.take_hints();
            if watch.gone_since().is_some() && !gone.iter().any(|other| Arc::ptr_eq(other, &watch)) {
                gone.push(watch);
            }
        }
        gone.retain(|watch| watch.subscriber.is_active() && watch.gone_since().is_some());
        gone.iter().for_each(Watch::search);
        if next_check <= Instant::now() {
            check();
            next_check = Instant::now() + CHECK;
        }
    }
}

struct Work {
    ready: VecDeque<Arc<Watch>>,
    gone: Vec<PathBuf>,
    has_lost: bool,
}

/// Waits until there is something to do; possibly nothing but a look at the clock. `None` when the thread is to end.
fn wait(gone: &[Arc<Watch>], next_check: Instant, idle_since: &mut Option<Instant>) -> Option<Work> {
    let mut state = state();
    if !state.has_work() {
        let now = Instant::now();
        let due = if state.watches.is_empty() {
            *idle_since.get_or_insert(now) + LINGER
        } else {
            *idle_since = None;
            if gone.is_empty() {
                next_check
            } else {
                next_check.min(now + SEARCH)
            }
        };
        if state.watches.is_empty() && due <= now {
            drop(state);
            return end();
        }
        state = WORK.wait_timeout(state, due.saturating_duration_since(now)).unwrap_or_else(PoisonError::into_inner).0;
    }
    Some(Work {
        ready: std::mem::take(&mut state.ready),
        gone: std::mem::take(&mut state.gone),
        has_lost: std::mem::take(&mut state.has_lost),
    })
}

/// Ends the thread, unless a watch was started just now.
fn end() -> Option<Work> {
    let mut folders = folders();
    let mut state = state();
    if !state.watches.is_empty() {
        return Some(Work { ready: VecDeque::new(), gone: Vec::new(), has_lost: false });
    }
    state.is_running = false;
    let watcher = folders.close();
    drop(state);
    drop(folders);
    let _ = guarded(move || {
        drop(watcher);
        Ok(())
    });
    None
}

/// Looks whether the folders of the paths are still the same: a folder above one may have been moved.
fn check() {
    let watches = {
        let state = state();
        let there = state.watches.iter().filter(|watch| watch.is_there());
        there.map(|watch| (Arc::clone(watch), state.routes.above(watch))).collect::<Vec<_>>()
    };
    let mut now: HashMap<&Path, Option<FileId>> = HashMap::new();
    let mut moved = Vec::new();
    for (watch, above) in &watches {
        let Some(folder) = watch.path.parent() else { continue };
        if *now.entry(folder).or_insert_with(|| os::file_id_at(folder).ok()) != *above {
            moved.push(watch);
        }
    }
    let mut state = state();
    for watch in moved {
        state.hint(watch, Hint::Look);
    }
}

impl Watch {
    fn gone_since(&self) -> Option<Instant> {
        lock(&self.fate).gone_since
    }

    /// Whether the path named a file when it was last looked at.
    fn is_there(&self) -> bool {
        self.gone_since().is_none()
    }

    fn take_hints(self: &Arc<Self>) {
        // Those that are there now: who changes his file all the time must not keep the others waiting.
        let hints = std::mem::take(&mut *lock(&self.hints));
        for hint in hints {
            if !self.subscriber.is_active() {
                return;
            }
            match hint {
                Hint::Content if self.is_there() => self.tell(Change::new(ChangeKind::Modified)),
                Hint::Metadata if self.is_there() => self.tell(Change::new(ChangeKind::Metadata)),
                Hint::Bytes { offset, len } if self.is_there() => {
                    self.tell(Change { range: Some((offset, len)), ..Change::new(ChangeKind::Modified) });
                }
                // An open file that has lost its name can still be written.
                Hint::Content | Hint::Metadata | Hint::Bytes { .. } => {}
                Hint::Gone if os::HAS_ORDERED_EVENTS => self.lose(),
                Hint::Came if os::HAS_ORDERED_EVENTS => self.look(Seen::Another),
                Hint::Came | Hint::Lost => self.look(Seen::Changed),
                Hint::Gone | Hint::Look => self.look(Seen::Same),
            }
        }
    }

    /// Looks what the path names now, and tells what is new. `seen` is what to think of the file that was known before.
    fn look(self: &Arc<Self>, seen: Seen) {
        let attached = folders().attach(self);
        let found = attached.and_then(|()| os::file_id_at(&self.path).map_err(|error| failed("stat", error)));
        let known = *lock(&self.fate);
        match found {
            Ok(file) => {
                let was_found = seen == Seen::Same && known.gone_since.is_some();
                *lock(&self.fate) = Fate { file: Some(file), gone_since: None, was_found };
                if seen == Seen::Another && known.was_found && known.file == Some(file) {
                    return;
                }
                let replaced = seen == Seen::Another || known.gone_since.is_some() || known.file != Some(file);
                if replaced || seen == Seen::Changed {
                    self.tell(Change { replaced, ..Change::new(ChangeKind::Modified) });
                }
            }
            Err(error) if is_missing(&error) => {
                // The notification that it has gone again comes next.
                if seen != Seen::Another {
                    self.lose();
                }
            }
            Err(error) => self.fail(error),
        }
    }

    /// The path names no file any more.
    fn lose(&self) {
        let mut fate = lock(&self.fate);
        if fate.gone_since.is_none() {
            *fate = Fate { file: None, gone_since: Some(Instant::now()), was_found: false };
            drop(fate);
            self.tell(Change::new(ChangeKind::Removed));
        }
    }

    /// Looks for a file that is gone, and ends its watch after a time.
    fn search(self: &Arc<Self>) {
        if os::file_id_at(&self.path).is_ok() {
            self.look(Seen::Same);
        } else if self.gone_since().is_some_and(|since| since.elapsed() >= GRACE) {
            self.end();
        }
    }

    fn tell(&self, change: Change) {
        self.subscriber.tell(Notice::Changed(change));
    }

    fn fail(self: &Arc<Self>, error: Error) {
        self.subscriber.tell(Notice::Failed(error));
        self.end();
    }

    fn end(self: &Arc<Self>) {
        self.subscriber.tell(Notice::Ended);
        self.subscriber.stop();
        forget(self);
    }
}

/// What a hint says about a file that is still there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// Nothing.
    Same,
    /// Its content may have changed.
    Changed,
    /// It has its name since just now.
    Another,
}

fn is_missing(error: &Error) -> bool {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    matches!(error, Error::WatchFailed { os: Some(os), .. } if matches!(os.source.kind(), NotFound | NotADirectory))
}
