//! Changes of the file on disk, over the operating system's own notifications.
//!
//! The folder is watched and not the file, so that a file written anew and renamed over the old one (an editor's save) and
//! a file that is deleted while it is mapped are seen. Stores through mappings raise no notification on any system;
//! [`WatchOptions::poll`] compares contents.
//!
//! - `service`: the thread that all watches share, and what it does about each notification;
//! - `folders`: the operating system's watches, one a folder;
//! - `routes`: which notification is for which watch;
//! - `links`: the names that lead to a file;
//! - `hints`: what notifications mean, queued for a watch;
//! - `subscriber`: the callback and its end;
//! - `contents` and `poller`: comparing bytes.
//!
//! ```
//! # use mmap_io::MemoryMappedFile;
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("f");
//! let file = MemoryMappedFile::create_rw(&path, 100)?;
//! let (send, receive) = std::sync::mpsc::channel();
//! let watch = file.watch(move |event| drop(send.send(event.kind)))?;
//! std::fs::remove_file(&path)?;
//! while receive.recv()? != mmap_io::ChangeKind::Removed {}
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod contents;
mod folders;
mod hints;
mod links;
mod poller;
mod queue;
mod routes;
mod service;
mod subscriber;

use std::sync::Arc;
use std::time::Duration;

use crate::error::{Error, Result as CoreResult};
use crate::errors::Result;
use crate::file::MappedFile;
use crate::mmap::MemoryMappedFile;
use crate::os;
use service::Watch;

pub use queue::NoticeQueue;

/// What happened.
///
/// ```
/// # use mmap_io::MemoryMappedFile;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// let file = MemoryMappedFile::create_rw(&path, 100)?;
/// let (send, receive) = std::sync::mpsc::channel();
/// use mmap_io::ChangeKind;
///
/// let watch = file.watch(move |event| drop(send.send(event.kind)))?;
/// std::fs::OpenOptions::new().append(true).open(&path)?.set_len(200)?;
/// while receive.recv()? != ChangeKind::Modified {}
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// Content or size changed, the file was created in place, or the path names another file now.
    Modified,
    /// Permissions or times changed.
    Metadata,
    /// The path names no file any more.
    Removed,
}

/// One change.
///
/// ```
/// # use mmap_io::MemoryMappedFile;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// let file = MemoryMappedFile::create_rw(&path, 100)?;
/// let (send, receive) = std::sync::mpsc::channel();
/// let watch = file.watch(move |event| drop(send.send(event)))?;
/// std::fs::OpenOptions::new().append(true).open(&path)?.set_len(200)?;
/// assert_eq!(receive.recv()?.offset, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ChangeEvent {
    /// First changed byte: the operating systems do not tell.
    pub offset: Option<u64>,
    /// Changed bytes: the operating systems do not tell.
    pub len: Option<u64>,
    /// What happened.
    pub kind: ChangeKind,
}

/// One change, with what [`ChangeEvent`] has no field for.
///
/// ```
/// # use mmap_io::MemoryMappedFile;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// let file = MemoryMappedFile::create_rw(&path, 100)?;
/// let (send, receive) = std::sync::mpsc::channel();
/// use mmap_io::watch::{Notice, WatchOptions};
///
/// let watch = file.watch_with(&WatchOptions::new(), move |notice| {
///     if let Notice::Changed(change) = notice {
///         let _ = send.send(change.replaced);
///     }
/// })?;
/// let new = path.with_extension("new");
/// std::fs::write(&new, "written anew")?;
/// std::fs::rename(&new, &path)?;
/// while !receive.recv()? {}
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// The changed bytes of the mapping, offset and length, where contents were compared.
    pub range: Option<(u64, u64)>,
    /// Whether the path names another file now: the mapping shows the old one, and opening it again the new one.
    pub replaced: bool,
}

impl Change {
    pub(crate) fn new(kind: ChangeKind) -> Self {
        Self { kind, range: None, replaced: false }
    }
}

/// What a watch tells.
///
/// ```
/// # use mmap_io::MemoryMappedFile;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// let file = MemoryMappedFile::create_rw(&path, 100)?;
/// let (send, receive) = std::sync::mpsc::channel();
/// use mmap_io::watch::{Notice, WatchOptions};
///
/// let watch = file.watch_with(&WatchOptions::new(), move |notice| drop(send.send(notice)))?;
/// std::fs::remove_file(&path)?;
/// while !matches!(receive.recv()?, Notice::Ended) {} // a second later
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// The file changed.
    Changed(Change),
    /// Something went wrong: the callback panicked (told once), or the file cannot be watched any longer (the last but
    /// one notice).
    Failed(Error),
    /// The watch has ended by itself: the file was gone for a second. The last notice.
    Ended,
}

/// How a file is watched.
///
/// ```
/// # use mmap_io::MemoryMappedFile;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// let file = MemoryMappedFile::create_rw(&path, 100)?;
/// let (send, receive) = std::sync::mpsc::channel();
/// use mmap_io::watch::WatchOptions;
///
/// let options = WatchOptions::new().poll(std::time::Duration::from_millis(10));
/// let watch = file.watch_with(&options, move |notice| drop(send.send(notice)))?;
/// file.update_region(7, b"a store that raises no notification")?;
/// receive.recv()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct WatchOptions {
    poll: Option<Duration>,
    poll_all: bool,
}

impl WatchOptions {
    /// Notifications of the operating system alone.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// let file = MemoryMappedFile::create_rw(&path, 100)?;
    /// let (send, receive) = std::sync::mpsc::channel();
    /// let options = mmap_io::watch::WatchOptions::new();
    /// let watch = file.watch_with(&options, move |notice| drop(send.send(notice)))?;
    /// assert!(watch.is_active());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Also compares contents every so often, as long as the file is mapped: stores made through mappings, those of other
    /// processes and of this one, raise no notification. Pages that are not in memory are left out.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// let file = MemoryMappedFile::create_rw(&path, 100)?;
    /// let (send, receive) = std::sync::mpsc::channel();
    /// use mmap_io::watch::{Notice, WatchOptions};
    ///
    /// let options = WatchOptions::new().poll(std::time::Duration::from_millis(10));
    /// let watch = file.watch_with(&options, move |notice| {
    ///     if let Notice::Changed(change) = notice {
    ///         let _ = send.send(change.range);
    ///     }
    /// })?;
    /// file.update_region(7, b"hello")?;
    /// while receive.recv()? != Some((0, 100)) {} // page by page
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn poll(mut self, every: Duration) -> Self {
        self.poll = Some(every);
        self
    }

    /// Whether pages that are not in memory are compared, too, and read for that. Default false.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// let file = MemoryMappedFile::create_rw(&path, 100)?;
    /// let (send, receive) = std::sync::mpsc::channel();
    /// use mmap_io::watch::WatchOptions;
    ///
    /// let options = WatchOptions::new().poll(std::time::Duration::from_millis(10)).poll_all(true);
    /// let watch = file.watch_with(&options, move |notice| drop(send.send(notice)))?;
    /// file.update_region(7, b"hello")?;
    /// receive.recv()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn poll_all(mut self, all: bool) -> Self {
        self.poll_all = all;
        self
    }
}

/// Keeps a watch going. No callback runs after it is dropped: the drop waits for one that is running, unless that callback
/// drops it.
///
/// ```
/// # use mmap_io::MemoryMappedFile;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// let file = MemoryMappedFile::create_rw(&path, 100)?;
/// let (send, receive) = std::sync::mpsc::channel();
/// let watch = file.watch(move |event| drop(send.send(event)))?;
/// drop(watch);
/// assert!(receive.recv().is_err(), "the callback is gone");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WatchHandle {
    watch: Arc<Watch>,
}

impl std::fmt::Debug for WatchHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WatchHandle").field("active", &self.is_active()).finish_non_exhaustive()
    }
}

impl WatchHandle {
    /// False once the watch has ended by itself: one second after the file was removed, unless it came back.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// let file = MemoryMappedFile::create_rw(&path, 100)?;
    /// let (send, receive) = std::sync::mpsc::channel();
    /// let watch = file.watch(move |event| drop(send.send(event)))?;
    /// assert!(watch.is_active());
    /// std::fs::remove_file(&path)?;
    /// while watch.is_active() {
    ///     std::thread::yield_now(); // for a second, in which it may come back
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.watch.subscriber.is_active()
    }
}

impl Drop for WatchHandle {
    fn drop(&mut self) {
        self.watch.subscriber.stop();
        service::forget(&self.watch);
    }
}

impl MappedFile {
    /// Calls `callback` when the file at the path that was opened changes, until the handle is dropped or the file has been
    /// gone for a second. The watch does not keep the mapping.
    ///
    /// Callbacks of all watches run one after the other on one thread: long work belongs elsewhere. Changes that come
    /// faster than they are told are joined.
    ///
    /// # Errors
    /// [`Error::WatchFailed`] for a file that is gone, and where the operating system has no watches left;
    /// [`Error::Unsupported`] for a mapping that was not opened by its path.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100).open(&path)?;
    /// let file = Arc::new(file);
    /// let (send, receive) = std::sync::mpsc::channel();
    /// use mmap_io::watch::WatchOptions;
    ///
    /// let watch = file.watch(&WatchOptions::new(), move |notice| drop(send.send(notice)))?;
    /// file.resize(200)?;
    /// receive.recv()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn watch<F>(self: &Arc<Self>, options: &WatchOptions, callback: F) -> CoreResult<WatchHandle>
    where
        F: FnMut(Notice) + Send + 'static,
    {
        let (Some(path), Some(file)) = (self.path(), self.file()) else {
            return Err(Error::unsupported(
                "only a mapping that was opened by its path can be watched: a descriptor does not tell its path, and \
                 anonymous memory has no file",
            ));
        };
        let mapped = os::file_id(file).map_err(|error| folders::failed("fstat", error))?;
        let watch = service::start(path, mapped, callback)?;
        let handle = WatchHandle { watch };
        if let Some(every) = options.poll {
            poller::register(self, &handle.watch, every, options.poll_all)?;
        }
        Ok(handle)
    }
}

impl MemoryMappedFile {
    /// Calls `callback` when the file at [`path`](Self::path) changes, until the handle is dropped or the file has been gone
    /// for a second. The watch does not keep the mapping.
    ///
    /// Callbacks of all watches run one after the other on one thread: long work belongs elsewhere. Changes that come
    /// faster than they are told are joined. [`watch_with`](Self::watch_with) tells more.
    ///
    /// # Errors
    /// `WatchFailed`.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// let file = MemoryMappedFile::create_rw(&path, 100)?;
    /// let (send, receive) = std::sync::mpsc::channel();
    /// let watch = file.watch(move |event| drop(send.send(event)))?;
    /// file.resize(200)?;
    /// receive.recv()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn watch<F>(&self, mut callback: F) -> Result<WatchHandle>
    where
        F: FnMut(ChangeEvent) + Send + 'static,
    {
        self.watch_with(&WatchOptions::new(), move |notice| {
            if let Notice::Changed(Change { kind, range, .. }) = notice {
                let (offset, len) = range.unzip();
                callback(ChangeEvent { offset, len, kind });
            }
        })
    }

    /// As [`watch`](Self::watch), and tells whether the path names another file, what went wrong and when the watch ends.
    ///
    /// ```
    /// use mmap_io::watch::{Notice, WatchOptions};
    /// use mmap_io::{ChangeKind, MemoryMappedFile};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("data");
    /// std::fs::write(&path, b"old")?;
    /// let file = MemoryMappedFile::open_ro(&path)?;
    /// let (send, receive) = std::sync::mpsc::channel();
    /// let _watch = file.watch_with(&WatchOptions::new(), move |notice| _ = send.send(notice))?;
    ///
    /// std::fs::write(folder.path().join("new"), b"new")?;
    /// std::fs::rename(folder.path().join("new"), &path)?;
    /// let Notice::Changed(change) = receive.recv()? else { panic!() };
    /// assert!(change.kind == ChangeKind::Modified && change.replaced);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// `WatchFailed`.
    pub fn watch_with<F>(&self, options: &WatchOptions, callback: F) -> Result<WatchHandle>
    where
        F: FnMut(Notice) + Send + 'static,
    {
        Ok(self.inner.file.watch(options, callback)?)
    }
}
