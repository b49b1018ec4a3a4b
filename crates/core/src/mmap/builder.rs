//! Opening and creating, option by option.

use std::path::{Path, PathBuf};

use super::MemoryMappedFile;
use crate::errors::{MmapIoError, Result};
use crate::file::{MappedFile, MmapMode};
use crate::flush::FlushPolicy;
use crate::open::{Create, OpenOptions};

/// When the pages of a mapping are loaded.
///
/// ```
/// # use mmap_io::MemoryMappedFile;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// use mmap_io::TouchHint;
///
/// let file = MemoryMappedFile::builder(&path).size(4096).touch_hint(TouchHint::Eager).create()?;
/// assert_eq!(TouchHint::default(), TouchHint::Never);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TouchHint {
    /// When they are first used.
    #[default]
    Never,
    /// At opening.
    Eager,
    /// When they are first used; another name for [`Never`](Self::Never).
    Lazy,
}

/// Options of a mapping; made by [`MemoryMappedFile::builder`].
///
/// ```
/// use mmap_io::{MemoryMappedFile, MmapMode};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("f");
/// let file = MemoryMappedFile::builder(&path).mode(MmapMode::ReadWrite).size(4096).allocate(true).create()?;
/// assert_eq!(file.len(), 4096);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct MemoryMappedFileBuilder {
    path: PathBuf,
    size: Option<u64>,
    mode: Option<MmapMode>,
    policy: FlushPolicy,
    touch: TouchHint,
    allocate: bool,
    guard: bool,
    #[cfg(feature = "cow")]
    cow_writable: bool,
    #[cfg(feature = "hugepages")]
    huge_pages: bool,
}

/// 128 TiB, or 2 GiB on 32-bit machines: more cannot be mapped.
const MAX_SIZE: u64 = if cfg!(target_pointer_width = "64") { 128 << 40 } else { 2 << 30 };

/// A size that a file can be given.
pub(crate) fn check_size(size: u64, what: &str) -> Result<u64> {
    if size == 0 {
        return Err(MmapIoError::ResizeFailed(format!("{what} must be greater than zero")));
    }
    if size > MAX_SIZE {
        return Err(MmapIoError::ResizeFailed(format!(
            "{what} of {size} bytes exceeds maximum safe limit of {MAX_SIZE} bytes"
        )));
    }
    Ok(size)
}

impl MemoryMappedFileBuilder {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            size: None,
            mode: None,
            policy: FlushPolicy::default(),
            touch: TouchHint::default(),
            allocate: false,
            guard: false,
            #[cfg(feature = "cow")]
            cow_writable: false,
            #[cfg(feature = "hugepages")]
            huge_pages: false,
        }
    }

    /// Size in bytes of a file that gets created.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// assert_eq!(MemoryMappedFile::builder(&path).size(4096).create()?.len(), 4096);
    /// assert!(MemoryMappedFile::builder(&path).create().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn size(mut self, size: u64) -> Self {
        self.size = Some(size);
        self
    }

    /// Mode; by default read-write where a file may be created, else read-only.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// use mmap_io::MmapMode;
    ///
    /// std::fs::write(&path, "content")?;
    /// let file = MemoryMappedFile::builder(&path).mode(MmapMode::ReadWrite).open()?;
    /// file.update_region(0, b"C")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn mode(mut self, mode: MmapMode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// When writes are flushed by themselves.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// use mmap_io::flush::FlushPolicy;
    ///
    /// let file = MemoryMappedFile::builder(&path).size(16).flush_policy(FlushPolicy::Always).create()?;
    /// file.update_region(0, b"durable")?; // brought to the device when the call returns
    /// assert_eq!(file.pending_bytes(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn flush_policy(mut self, policy: FlushPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// When the pages are loaded.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// let eager = mmap_io::TouchHint::Eager;
    /// let file = MemoryMappedFile::builder(&path).size(4096).touch_hint(eager).create()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn touch_hint(mut self, hint: TouchHint) -> Self {
        self.touch = hint;
        self
    }

    /// Whether pages that are lost while they are mapped are repaired, instead of the process dying at the next access.
    /// Views see zeros there, and [`MemoryMappedFile::check`] tells; what copies bytes fails. See
    /// [`OpenOptions::guard`](crate::OpenOptions::guard).
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # if cfg!(unix) {
    /// std::fs::write(&path, vec![7; 100_000])?;
    /// let file = MemoryMappedFile::builder(&path).guard(true).open()?;
    /// std::fs::write(&path, "short")?;
    /// assert_eq!(file.as_slice(99_999, 1)?, b"\0");
    /// assert!(file.read_into(99_999, &mut [0]).is_err() && file.check().is_err());
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn guard(mut self, guard: bool) -> Self {
        self.guard = guard;
        self
    }

    /// Whether creating and growing take blocks of the device, so that a full disk is an error then and not a fault later.
    /// A file system that cannot allocate gets a hole instead.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// let file = MemoryMappedFile::builder(&path).size(1 << 20).allocate(true).create()?;
    /// # #[cfg(target_os = "linux")]
    /// assert!(std::os::unix::fs::MetadataExt::blocks(&std::fs::metadata(&path)?) * 512 >= 1 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn allocate(mut self, allocate: bool) -> Self {
        self.allocate = allocate;
        self
    }

    /// Whether a copy-on-write mapping can be written, privately. No effect on other modes.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// use mmap_io::MmapMode;
    ///
    /// std::fs::write(&path, "content")?;
    /// let file = MemoryMappedFile::builder(&path).mode(MmapMode::CopyOnWrite).cow_writable(true).open()?;
    /// file.update_region(0, b"C")?;
    /// assert_eq!(std::fs::read(&path)?, b"content");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "cow")]
    #[must_use]
    pub fn cow_writable(mut self, enabled: bool) -> Self {
        self.cow_writable = enabled;
        self
    }

    /// Asks the kernel for huge pages: a hint, on Linux, for read-write mappings, bytes of a later growth included.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// let file = MemoryMappedFile::builder(&path).size(4 << 20).huge_pages(true).create()?;
    /// file.update_region(3 << 20, b"as good without them")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "hugepages")]
    #[must_use]
    pub fn huge_pages(mut self, enable: bool) -> Self {
        self.huge_pages = enable;
        self
    }

    /// Creates the file, or empties it, and maps it. In another mode than read-write: opens it.
    ///
    /// # Errors
    /// `ResizeFailed` without a size that can be had; `Io`. A file that this call created is removed again.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let file = MemoryMappedFile::builder(&path).size(10).create()?;
    /// assert_eq!(file.as_slice(0, 10)?, [0; 10]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(self) -> Result<MemoryMappedFile> {
        match self.mode_or(MmapMode::ReadWrite) {
            MmapMode::ReadWrite => self.finish(MmapMode::ReadWrite, Create::Truncate),
            other => self.finish(other, Create::Never),
        }
    }

    /// Creates the file, which must not exist. Of several that try at once exactly one succeeds.
    ///
    /// # Errors
    /// `InvalidMode` in another mode than read-write; `ResizeFailed` without a size that can be had; `Io` with
    /// `AlreadyExists`. Nothing is left behind.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// let file = MemoryMappedFile::builder(&path).size(10).create_new()?;
    /// assert!(MemoryMappedFile::builder(&path).size(10).create_new().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create_new(self) -> Result<MemoryMappedFile> {
        match self.mode_or(MmapMode::ReadWrite) {
            MmapMode::ReadWrite => self.finish(MmapMode::ReadWrite, Create::Exclusive),
            _ => Err(MmapIoError::InvalidMode("only a read-write mapping can create its file")),
        }
    }

    /// Opens an existing file; read-only unless the mode says otherwise.
    ///
    /// # Errors
    /// `Io`; `ResizeFailed` for an empty file in another mode than read-only.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let file = MemoryMappedFile::builder(&path).open()?;
    /// assert_eq!(file.mode(), mmap_io::MmapMode::ReadOnly);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(self) -> Result<MemoryMappedFile> {
        let mode = self.mode_or(MmapMode::ReadOnly);
        self.finish(mode, Create::Never)
    }

    /// Opens the file, or creates it when it is missing; an empty one gets the size. Read-write unless the mode says
    /// otherwise.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// for text in [b"one", b"two"] {
    ///     let file = MemoryMappedFile::builder(&path).size(3).open_or_create()?;
    ///     file.update_region(0, text)?;
    /// }
    /// assert_eq!(std::fs::read(&path)?, b"two");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open_or_create(self) -> Result<MemoryMappedFile> {
        match self.mode_or(MmapMode::ReadWrite) {
            MmapMode::ReadWrite => self.finish(MmapMode::ReadWrite, Create::IfMissing),
            other => self.finish(other, Create::Never),
        }
    }

    fn mode_or(&self, default: MmapMode) -> MmapMode {
        self.mode.unwrap_or(default)
    }

    #[cfg(feature = "cow")]
    fn is_cow_writable(&self, mode: MmapMode) -> bool {
        mode == MmapMode::CopyOnWrite && self.cow_writable
    }

    #[cfg(not(feature = "cow"))]
    #[expect(clippy::unused_self, reason = "the same signature with and without the feature")]
    fn is_cow_writable(&self, _mode: MmapMode) -> bool {
        false
    }

    fn finish(self, mode: MmapMode, create: Create) -> Result<MemoryMappedFile> {
        refuse_cow_without_feature(mode)?;
        let mut options = OpenOptions::new(mode)
            .create(create)
            .allocate(self.allocate)
            .guard(self.guard)
            .touch(self.touch == TouchHint::Eager)
            .huge_pages(self.wants_huge_pages());
        match (create, self.size.map_or_else(|| check_size(0, "Size"), |size| check_size(size, "Size"))) {
            (Create::Never, _) => {}
            (_, Ok(size)) => options = options.size(size),
            // An existing file needs no size.
            (Create::IfMissing, Err(refusal)) => return self.finish_existing(&options.create(Create::Never), refusal),
            (_, Err(refusal)) => return Err(refusal),
        }
        let file = options.open(&self.path)?;
        self.map(file)
    }

    fn finish_existing(self, options: &OpenOptions, refusal: MmapIoError) -> Result<MemoryMappedFile> {
        match options.open(&self.path).map_err(MmapIoError::from) {
            Err(MmapIoError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => Err(refusal),
            opened => self.map(opened?),
        }
    }

    fn map(self, file: MappedFile) -> Result<MemoryMappedFile> {
        let cow_writable = self.is_cow_writable(file.mode());
        MemoryMappedFile::assemble(file, self.path, self.policy, cow_writable)
    }

    #[cfg(feature = "hugepages")]
    fn wants_huge_pages(&self) -> bool {
        self.huge_pages
    }

    #[cfg(not(feature = "hugepages"))]
    #[expect(clippy::unused_self, reason = "the same signature with and without the feature")]
    fn wants_huge_pages(&self) -> bool {
        false
    }
}

/// The mode exists without the feature; mapping in it does not.
pub(crate) fn refuse_cow_without_feature(mode: MmapMode) -> Result<()> {
    if cfg!(not(feature = "cow")) && mode == MmapMode::CopyOnWrite {
        return Err(MmapIoError::InvalidMode("copy-on-write mappings need the cargo feature \"cow\""));
    }
    Ok(())
}
