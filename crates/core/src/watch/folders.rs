//! The operating system's watches, one a folder, shared by all watches of files.
//!
//! notify's thread is waited for here, so nothing that it needs may be locked meanwhile: the state is locked shortly, for
//! each step.
//!
//! A folder is known by what it is and not by its name alone: under two names it still has one watch (inotify knows no
//! second one), and a name that has passed to another folder is watched anew.

use std::collections::HashMap;
use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::{ErrorKind, RecommendedWatcher, RecursiveMode, Watcher};

use super::hints::Hint;
use super::links;
use super::service::{self, Watch};
use crate::error::{Error, OsError, Result};
use crate::os::{self, FileId};

#[derive(Default)]
pub(super) struct Folders {
    watcher: Option<RecommendedWatcher>,
    watched: HashMap<PathBuf, FileId>,
}

impl Folders {
    /// Routes the notifications about every name on the way of `watch` to it, and no others any more.
    pub(super) fn attach(&mut self, watch: &Arc<Watch>) -> Result<()> {
        if !watch.subscriber.is_active() {
            return Ok(());
        }
        let mut names = Vec::new();
        for name in links::follow(&watch.path).map_err(|error| failed("stat", error))? {
            let folder = self.ensure(&name.folder)?;
            names.push((folder, name.name, name.is_link));
        }
        let above = watch.path.parent().and_then(|folder| os::file_id_at(folder).ok());
        service::state().routes.put(watch, names, above);
        self.release();
        Ok(())
    }

    /// Routes nothing to `watch` any more.
    pub(super) fn detach(&mut self, watch: &Arc<Watch>) {
        service::state().routes.put(watch, Vec::new(), None);
        self.release();
    }

    /// Watches a folder, and tells the name by which it is watched.
    fn ensure(&mut self, folder: &Path) -> Result<PathBuf> {
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
        let id = |folder: &Path| os::file_id_at(folder).map_err(|error| failed("stat", error));
        let found = id(&folder)?;
        let known = self.watched.iter().find(|(_, known)| **known == found).map(|(path, _)| path.clone());
        match known {
            Some(path) if path == folder || os::file_id_at(&path).is_ok_and(|now| now == found) => return Ok(path),
            Some(moved) => self.forget(&moved, Hint::Look),
            None => {}
        }
        self.forget(&folder, Hint::Look);
        self.watch(&folder)?;
        // What is watched is what has the name now.
        self.watched.insert(folder.clone(), id(&folder)?);
        Ok(folder)
    }

    /// Ends the watch of a folder that is gone, moved or not to be trusted any more; whoever relies on it looks again.
    pub(super) fn forget(&mut self, folder: &Path, hint: Hint) {
        if self.watched.remove(folder).is_some() {
            self.unwatch(folder);
            service::state().forget_folder(folder, hint);
        }
    }

    /// Begins anew after notifications were lost.
    pub(super) fn forget_all(&mut self) {
        let folders: Vec<_> = self.watched.keys().cloned().collect();
        for folder in folders {
            self.forget(&folder, Hint::Lost);
        }
    }

    /// Gives back what no file needs any more.
    fn release(&mut self) {
        // In a statement of its own, which unlocks the state.
        let unused = service::state().routes.take_unused();
        for folder in unused {
            self.watched.remove(&folder);
            self.unwatch(&folder);
        }
    }

    /// Gives everything back, and the watcher to drop.
    pub(super) fn close(&mut self) -> Option<RecommendedWatcher> {
        self.watched.clear();
        self.watcher.take()
    }

    fn watch(&mut self, folder: &Path) -> Result<()> {
        if self.watcher.is_none() {
            let made = guarded(|| notify::recommended_watcher(service::notified));
            self.watcher = Some(made.map_err(|error| explain(error, "inotify_init"))?);
        }
        let Some(watcher) = &mut self.watcher else { return Ok(()) };
        guarded(|| watcher.watch(folder, RecursiveMode::NonRecursive))
            .map_err(|error| explain(error, "inotify_add_watch"))
    }

    fn unwatch(&mut self, folder: &Path) {
        if let Some(watcher) = &mut self.watcher {
            // The watch of a folder that is gone has gone with it.
            let _ = guarded(|| watcher.unwatch(folder));
        }
    }
}

/// notify panics when its thread could not be started or has ended.
pub(super) fn guarded<T>(call: impl FnOnce() -> notify::Result<T>) -> notify::Result<T> {
    catch_unwind(AssertUnwindSafe(call))
        .unwrap_or_else(|_| Err(notify::Error::generic("the thread of the notifications does not run")))
}

pub(super) fn failed(call: &'static str, source: io::Error) -> Error {
    let message = match source.kind() {
        io::ErrorKind::NotFound => "the path names no file any more".into(),
        _ => "the file cannot be watched".into(),
    };
    Error::WatchFailed { message, os: Some(OsError::new(call, source)) }
}

/// An error of notify, with the setting to raise where a limit was met.
fn explain(error: notify::Error, call: &'static str) -> Error {
    let call = if cfg!(target_os = "linux") { call } else { "watch" };
    let limit = |name: &str| match std::fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")) {
        Ok(now) => format!("the sysctl fs.inotify.{name}, {} now", now.trim()),
        Err(_) => format!("the sysctl fs.inotify.{name}"),
    };
    let (message, source) = match error.kind {
        ErrorKind::MaxFilesWatch => (
            format!("the user has no inotify watches left; raise {}", limit("max_user_watches")),
            io::Error::from_raw_os_error(os::NO_WATCHES_LEFT),
        ),
        ErrorKind::Io(source) if os::is_too_many_open(&source) => (
            format!(
                "the user has no inotify instances left, or the process no descriptors; raise {}, or `ulimit -n`",
                limit("max_user_instances")
            ),
            source,
        ),
        ErrorKind::Io(source) => return failed(call, source),
        ErrorKind::PathNotFound => return failed(call, io::ErrorKind::NotFound.into()),
        _ => return Error::WatchFailed { message: format!("the folder cannot be watched: {error}"), os: None },
    };
    Error::WatchFailed { message, os: Some(OsError::new(call, source)) }
}
