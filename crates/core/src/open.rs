//! Opening, creating and placing a window.
//!
//! ```
//! # use mmap_io::{Create, MmapMode, OpenOptions};
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("f");
//! std::fs::write(&path, "some content")?;
//! let window = OpenOptions::new(MmapMode::ReadOnly).offset(5).len(7).open(&path)?;
//! let mut bytes = [0; 7];
//! window.read(0, &mut bytes)?;
//! assert_eq!(&bytes, b"content");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, OsError, Result};
use crate::faults::Faults;
use crate::file::{explain_map_failure, MappedFile, MmapMode, Placement};
use crate::os::{self, Access, Advice, Growth, Others};
use crate::range;
use crate::region::Region;

/// What to do about a file that is missing, or in the way.
///
/// ```
/// # use mmap_io::{Create, MmapMode, OpenOptions};
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// let options = |create| OpenOptions::new(MmapMode::ReadWrite).create(create).size(10);
/// assert!(options(Create::Never).open(&path).is_err());
/// options(Create::IfMissing).open(&path)?.write(0, b"hello")?;
/// options(Create::IfMissing).open(&path)?;
/// assert!(options(Create::Exclusive).open(&path).is_err());
/// assert!(std::fs::read(&path)?.starts_with(b"hello"));
/// options(Create::Truncate).open(&path)?;
/// assert_eq!(std::fs::read(&path)?, [0; 10]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Create {
    /// The file must exist.
    Never,
    /// Created when missing; a file that exists keeps its bytes, an empty one gets the size.
    IfMissing,
    /// Created when missing, emptied when it exists.
    Truncate,
    /// Must not exist.
    Exclusive,
}

/// How a file is opened and which part of it is mapped.
///
/// ```
/// use mmap_io::{Create, MmapMode, OpenOptions};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("counters");
/// let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(4096).allocate(true).open(&path)?;
/// file.write(8, b"hello")?;
/// file.flush()?;
/// assert_eq!(&std::fs::read(&path)?[8..13], b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct OpenOptions {
    mode: MmapMode,
    create: Create,
    size: Option<u64>,
    offset: u64,
    len: Option<u64>,
    past_end: bool,
    growth: Growth,
    advice: Option<Advice>,
    touch: bool,
    huge_pages: bool,
    guard: bool,
}

impl OpenOptions {
    /// The whole of an existing file, growing with holes.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// assert_eq!(OpenOptions::new(MmapMode::ReadOnly).open(&path)?.len(), 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn new(mode: MmapMode) -> Self {
        Self {
            mode,
            create: Create::Never,
            size: None,
            offset: 0,
            len: None,
            past_end: false,
            growth: Growth::Sparse,
            advice: None,
            touch: false,
            huge_pages: false,
            guard: false,
        }
    }

    /// What to do about a file that is missing. Anything but [`Create::Never`] needs [`MmapMode::ReadWrite`].
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// let options = OpenOptions::new(MmapMode::ReadWrite).create(Create::IfMissing).size(10);
    /// assert_eq!(options.open(&path)?.len(), 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn create(mut self, create: Create) -> Self {
        self.create = create;
        self
    }

    /// Size in bytes of a file that gets created or emptied, or that exists and is empty.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "")?;
    /// let options = OpenOptions::new(MmapMode::ReadWrite).create(Create::IfMissing);
    /// assert_eq!(options.size(10).open(&path)?.len(), 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn size(mut self, size: u64) -> Self {
        self.size = Some(size);
        self
    }

    /// First mapped byte of the file; any byte.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// assert_eq!(OpenOptions::new(MmapMode::ReadOnly).offset(3).open(&path)?.len(), 4);
    /// assert!(OpenOptions::new(MmapMode::ReadOnly).offset(8).open(&path).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// Bytes mapped; to the end of the file unless given.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let window = OpenOptions::new(MmapMode::ReadWrite).offset(3).len(1).open(&path)?;
    /// window.write(0, b"!")?;
    /// assert_eq!(std::fs::read(&path)?, b"con!ent");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn len(mut self, len: u64) -> Self {
        self.len = Some(len);
        self
    }

    /// Whether the window may reach past the end of the file, or lie behind it. Bytes behind the end read as zeros; stores
    /// there stay in this mapping, and bytes that the file gets later are not seen. Not on Windows. Default false.
    ///
    /// ```
    /// # use mmap_io::{MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// # if cfg!(unix) {
    /// let file = OpenOptions::new(MmapMode::ReadOnly).len(1 << 30).past_end(true).open(&path)?;
    /// let mut bytes = [9; 2];
    /// file.read(1 << 29, &mut bytes)?;
    /// assert_eq!(bytes, [0, 0]);
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn past_end(mut self, past_end: bool) -> Self {
        self.past_end = past_end;
        self
    }

    /// Whether creating and growing take blocks of the device, so that a full disk is an error then and not a fault later.
    /// A file system that cannot allocate gets a hole instead. Default false.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// let options = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(1 << 20);
    /// options.allocate(true).open(&path)?;
    /// # #[cfg(target_os = "linux")]
    /// assert!(std::os::unix::fs::MetadataExt::blocks(&std::fs::metadata(&path)?) * 512 >= 1 << 20);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn allocate(mut self, allocate: bool) -> Self {
        self.growth = if allocate { Growth::Allocated } else { Growth::Sparse };
        self
    }

    /// How the whole mapping is going to be used, bytes of a later growth included.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let file = OpenOptions::new(MmapMode::ReadOnly).advice(mmap_io::Advice::Sequential).open(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn advice(mut self, advice: Advice) -> Self {
        self.advice = Some(advice);
        self
    }

    /// Whether every page is loaded at opening. Default false.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let file = OpenOptions::new(MmapMode::ReadOnly).touch(true).open(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn touch(mut self, touch: bool) -> Self {
        self.touch = touch;
        self
    }

    /// Whether the kernel is asked for huge pages: a hint, for read-write mappings, that holds for bytes of a later growth, too.
    /// Default false.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// let options = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(4 << 20);
    /// options.huge_pages(true).open(&path)?.write(3 << 20, b"as good without them")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn huge_pages(mut self, huge_pages: bool) -> Self {
        self.huge_pages = huge_pages;
        self
    }

    /// Whether pages that are lost while they are mapped are repaired, instead of the process dying at the next access: pages
    /// of a file that somebody cuts, pages that the device cannot read, stores into holes on a full disk. Lost bytes read as
    /// zeros, and methods that need them fail until [`MappedFile::heal`]. Installs a handler for `SIGBUS`, which passes on
    /// what is not its own; that is why the default is false. Nothing to do on Windows.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # if cfg!(unix) {
    /// std::fs::write(&path, vec![7; 100_000])?;
    /// let file = OpenOptions::new(MmapMode::ReadOnly).guard(true).open(&path)?;
    /// std::fs::File::options().write(true).open(&path)?.set_len(10)?;
    /// assert!(matches!(file.read(99_990, &mut [0; 10]), Err(mmap_io::Error::Truncated { .. })));
    /// file.read(0, &mut [0; 10])?;
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn guard(mut self, guard: bool) -> Self {
        self.guard = guard;
        self
    }

    /// Opens and maps the file at `path`.
    ///
    /// # Errors
    /// [`Error::ResizeFailed`] for a size of 0 and for an empty file that is to be written;
    /// [`Error::OutOfBounds`] for a window past the end; [`Error::Unsupported`] for what is no regular file and for a file
    /// that has bytes but no length (`/proc`); [`Error::InvalidMode`] when a mode that does not write is to create;
    /// [`Error::Io`] for the rest. A file that this call created is removed again, one that it emptied stays empty.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let options = OpenOptions::new(MmapMode::ReadOnly);
    /// assert_eq!(options.open(&path)?.len(), 7);
    /// assert!(options.open(folder.path()).is_err(), "a folder");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn open(&self, path: impl AsRef<Path>) -> Result<MappedFile> {
        let path = path.as_ref();
        self.check_size()?;
        let (file, created) = self.open_file(path).map_err(|error| explain_open_failure(error, path))?;
        let (file, mut emptied) = (Arc::new(file), false);
        match self.prepare(&file, Some(path), created.as_deref(), &mut emptied) {
            Ok((placement, region)) => {
                #[cfg_attr(not(feature = "watch"), expect(unused_mut, reason = "it is told its path to be watched"))]
                let mut mapped = MappedFile::new(Arc::clone(&file), placement, region);
                #[cfg(feature = "watch")]
                mapped.opened_at(path);
                self.give_hints(&mapped).inspect_err(|_| undo(&file, created.as_deref(), emptied))?;
                Ok(mapped)
            }
            Err(error) => {
                undo(&file, created.as_deref(), emptied);
                Err(error)
            }
        }
    }

    /// Maps a file that is open already; [`create`](Self::create) and [`size`](Self::size) have no effect.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// std::fs::write(&path, "content")?;
    /// let open = std::fs::File::open(&path)?;
    /// assert_eq!(OpenOptions::new(MmapMode::ReadOnly).map(open)?.len(), 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn map(&self, file: File) -> Result<MappedFile> {
        let opened = Self { create: Create::Never, size: None, ..self.clone() };
        let (placement, region) = opened.prepare(&file, None, None, &mut false)?;
        let mapped = MappedFile::new(Arc::new(file), placement, region);
        self.give_hints(&mapped)?;
        Ok(mapped)
    }

    /// What is done to a mapping after it was made.
    fn give_hints(&self, file: &MappedFile) -> Result<()> {
        if self.huge_pages && self.mode == MmapMode::ReadWrite {
            // A hint: a kernel without huge pages refuses it, and the mapping is as good.
            let _ = file.advise_for_good(Advice::HugePages);
        }
        if let Some(advice) = self.advice {
            file.advise_for_good(advice)?;
        }
        if self.touch {
            file.touch(0, file.len())?;
        }
        Ok(())
    }

    fn check_size(&self) -> Result<()> {
        if self.create == Create::Never {
            return Ok(());
        }
        if self.mode != MmapMode::ReadWrite {
            return Err(Error::InvalidMode("only a read-write mapping can create its file"));
        }
        if let (Some(size @ 1..), Create::Truncate | Create::Exclusive) = (self.size, self.create) {
            self.window(size)?;
        }
        match self.size {
            Some(0) => Err(Error::ResizeFailed("the size must be greater than zero".into())),
            None if self.create != Create::IfMissing => {
                Err(Error::ResizeFailed("a file that is created or emptied needs a size".into()))
            }
            _ => Ok(()),
        }
    }

    /// The open file, and where this call created it.
    fn open_file(&self, path: &Path) -> Result<(File, Option<PathBuf>), OsError> {
        let existing = if self.mode == MmapMode::ReadWrite { Access::ReadWrite } else { Access::Read };
        let is = |error: &OsError, kind| error.source.kind() == kind;
        let create = |path: &Path| {
            if self.create == Create::IfMissing {
                // Others may use the file as soon as it is there: it must not have to be removed for want of addresses.
                self.check_room()?;
            }
            os::open(path, Access::CreateNew).map(|file| (file, Some(path.to_path_buf())))
        };
        match self.create {
            Create::Never => os::open(path, existing).map(|file| (file, None)),
            Create::Exclusive => create(path),
            Create::IfMissing | Create::Truncate => {
                let mut place = path.to_path_buf();
                // A file that may stay is likely to be there, one that would be emptied is likely to be new.
                let mut likely_new = self.create == Create::Truncate;
                loop {
                    if !std::mem::take(&mut likely_new) {
                        match os::open(&place, existing) {
                            Err(error) if is(&error, std::io::ErrorKind::NotFound) => {}
                            opened => return opened.map(|file| (file, None)),
                        }
                    }
                    match create(&place) {
                        Err(error) if is(&error, std::io::ErrorKind::AlreadyExists) => {}
                        created => return created,
                    }
                    // It is there, or somebody was faster, or the path is a link, behind which the file can be created. A
                    // circle of links ends at the first open.
                    if let Ok(target) = std::fs::read_link(&place) {
                        place = place.parent().map(|folder| folder.join(&target)).unwrap_or(target);
                    }
                }
            }
        }
    }

    /// Whether there are addresses for what a file is going to hold: its bytes would be gone when mapping it failed.
    fn check_room(&self) -> Result<(), OsError> {
        let len = self.size.map_or(0, |size| self.len.unwrap_or(size).min(size));
        match usize::try_from(len) {
            Ok(0) => Ok(()),
            Ok(len) => os::check_room(len),
            Err(_) => Err(OsError::new("mmap", std::io::ErrorKind::OutOfMemory.into())),
        }
    }

    /// Places the window, gives a new file its size and maps it. Checks come first: a file is touched when all hold, and
    /// `emptied` tells when its bytes are gone.
    fn prepare(
        &self,
        file: &File,
        path: Option<&Path>,
        created: Option<&Path>,
        emptied: &mut bool,
    ) -> Result<(Placement, Region)> {
        let mut metadata = regular(file)?;
        let mut looks = 0;
        while metadata.len() == 0 && self.size.is_none() && os::has_content(file)? {
            // Others may cut the file and fill it again, between one look and the next.
            if looks == 10 {
                return Err(Error::unsupported(
                    "the file tells a size of 0 but has content, as files in /proc do; it cannot be mapped, read it instead",
                ));
            }
            looks += 1;
            metadata = regular(file)?;
        }
        let mut found = metadata.len();
        let truncates = self.create == Create::Truncate;
        let size = self.size.filter(|_| truncates || found == 0);
        let (len, _) = self.window(size.unwrap_or(found))?;
        if len == 0 && self.mode != MmapMode::ReadOnly {
            return Err(Error::ResizeFailed(
                "an empty file, or an empty part of one, cannot be mapped for writing".into(),
            ));
        }
        if let Some(size) = size {
            // A file that this call created is empty, and is removed when the rest fails.
            if created.is_none() {
                self.check_room().map_err(explain_map_failure)?;
                if truncates {
                    *emptied = true;
                    file.set_len(0).map_err(|error| OsError::new("ftruncate", error))?;
                }
            }
            // Others may be creating the same file right now, with another size.
            let others = if self.create == Create::IfMissing { Others::Possible } else { Others::None };
            os::extend(file, 0, size, self.growth, others)?;
            found = if others == Others::Possible { regular(file)?.len() } else { size };
        }
        let (len, reaches_end) = self.window(found)?;
        let Self { mode, offset, growth, .. } = *self;
        // A relative path is meant as of now.
        let path = path.filter(|_| mode == MmapMode::ReadOnly).and_then(|path| std::path::absolute(path).ok());
        let read_only = Some(&metadata).filter(|_| mode == MmapMode::ReadOnly);
        let past_end = (offset.saturating_add(len) > found).then(|| found.saturating_sub(offset));
        let faults = Faults::new(self.guard, past_end, path, read_only);
        let created_in = created.and_then(parent_of);
        let placement = Placement { mode, offset, reaches_end, growth, created_in, faults };
        let region = if offset.saturating_add(len) <= found || len == 0 {
            Region::map(file, offset, len, mode.sharing())
        } else if os::CAN_COVER {
            Region::map_past_end(file, offset, len, found, mode.sharing())
        } else {
            return Err(Error::unsupported(format!(
                "a file of {found} bytes cannot be mapped up to byte {} on this system; map what there is, or make the \
                 file longer first",
                offset.saturating_add(len)
            )));
        };
        let region = region.map_err(explain_map_failure)?;
        Ok((placement, region))
    }

    /// Length of the window in a file of `file_len` bytes, and whether it ends where the file ends.
    fn window(&self, file_len: u64) -> Result<(u64, bool)> {
        let offset = self.offset;
        if self.past_end {
            let rest = file_len.saturating_sub(offset);
            let len = self.len.unwrap_or(rest);
            return Ok((len, offset.saturating_add(len) == file_len));
        }
        let past_end = Error::OutOfBounds { offset, len: self.len.unwrap_or(0), total: file_len };
        let rest = file_len.checked_sub(offset).ok_or(past_end)?;
        let len = self.len.unwrap_or(rest);
        range::check(offset, len, file_len)?;
        Ok((len, len == rest))
    }
}

/// Leaves nothing behind after a failure: removes a file that this call created, empties one that it emptied.
fn undo(file: &File, created: Option<&Path>, emptied: bool) {
    // The error that led here is the one to tell; what cannot be undone stays as it is.
    match created {
        Some(path) if os::is_same_file(file, path) => {
            let _ = std::fs::remove_file(path);
        }
        _ if emptied => {
            let _ = file.set_len(0);
        }
        _ => {}
    }
}

/// Metadata of a regular file; an error for anything else.
fn regular(file: &File) -> Result<Metadata> {
    let metadata = file.metadata().map_err(|error| OsError::new("fstat", error))?;
    if metadata.is_dir() {
        return Err(OsError::new("open", std::io::Error::from_raw_os_error(os::IS_A_FOLDER)).into());
    }
    match os::special_kind(&metadata) {
        Some(kind) => Err(not_a_file(kind, None)),
        None => Ok(metadata),
    }
}

fn not_a_file(kind: &str, os: Option<OsError>) -> Error {
    Error::Unsupported { message: format!("{kind} cannot be mapped; read it as a stream instead"), os }
}

/// A socket or a device without a driver fails at `open` already.
fn explain_open_failure(os: OsError, path: &Path) -> Error {
    match std::fs::metadata(path).ok().and_then(|metadata| os::special_kind(&metadata)) {
        Some(kind) => not_a_file(kind, Some(os)),
        None => explain_map_failure(os),
    }
}

/// The folder that holds the entry of `path`, whatever the working directory becomes.
fn parent_of(path: &Path) -> Option<PathBuf> {
    Some(std::path::absolute(path).ok()?.parent()?.to_path_buf())
}
