//! The same operations as plain functions.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("f");
//! let file = mmap_io::create_mmap(&path, 16)?;
//! mmap_io::update_region(&file, 0, b"hello")?;
//! mmap_io::flush(&file)?;
//! assert!(std::fs::read(&path)?.starts_with(b"hello"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fs::File;
use std::path::Path;

use crate::errors::{MmapIoError, Result};
use crate::mmap::{MemoryMappedFile, MmapMode};
use crate::os::{self, Access};

/// Creates a file, or empties it, and maps it read-write.
///
/// # Errors
/// As [`MemoryMappedFile::create_rw`].
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let file = mmap_io::create_mmap(folder.path().join("f"), 16)?;
/// assert_eq!(file.len(), 16);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn create_mmap<P: AsRef<Path>>(path: P, size: u64) -> Result<MemoryMappedFile> {
    MemoryMappedFile::create_rw(path, size)
}

/// Maps an existing file.
///
/// # Errors
/// As [`MemoryMappedFile::builder`]'s `open`.
///
/// ```
/// # use mmap_io::MemoryMappedFile;
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// std::fs::write(&path, "content")?;
/// let file = mmap_io::load_mmap(&path, mmap_io::MmapMode::ReadOnly)?;
/// assert_eq!(file.as_slice(0, 7)?, b"content");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load_mmap<P: AsRef<Path>>(path: P, mode: MmapMode) -> Result<MemoryMappedFile> {
    MemoryMappedFile::builder(path).mode(mode).open()
}

/// Opens a file read-write and stores bytes; nothing is flushed.
///
/// # Errors
/// As [`MemoryMappedFile::open_rw`] and [`MemoryMappedFile::update_region`].
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("f");
/// std::fs::write(&path, "content")?;
/// mmap_io::write_mmap(&path, 3, b"!")?;
/// assert_eq!(std::fs::read(&path)?, b"con!ent");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_mmap<P: AsRef<Path>>(path: P, offset: u64, data: &[u8]) -> Result<()> {
    MemoryMappedFile::open_rw(path)?.update_region(offset, data)
}

/// Stores bytes.
///
/// # Errors
/// As [`MemoryMappedFile::update_region`].
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let file = mmap_io::MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
/// mmap_io::update_region(&file, 95, b"hello")?;
/// assert_eq!(file.as_slice(95, 5)?, b"hello");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn update_region(mmap: &MemoryMappedFile, offset: u64, data: &[u8]) -> Result<()> {
    mmap.update_region(offset, data)
}

/// Brings everything written to the device.
///
/// # Errors
/// As [`MemoryMappedFile::flush`].
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let file = mmap_io::MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
/// mmap_io::update_region(&file, 95, b"hello")?;
/// mmap_io::flush(&file)?;
/// assert_eq!(file.pending_bytes(), 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn flush(mmap: &MemoryMappedFile) -> Result<()> {
    mmap.flush()
}

/// Copies a file's content and permissions with the file system's own copy, sharing blocks where it can. A file that is there
/// already is written over and then cut, so that mappings of it stay whole; a copy that fails may have replaced a part of it.
///
/// # Errors
/// `Io`; with `InvalidInput` when both paths name one file, which stays as it is, and when the source is no regular file.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let (from, to) = (folder.path().join("from"), folder.path().join("to"));
/// std::fs::write(&from, "content")?;
/// mmap_io::copy_mmap(&from, &to)?;
/// assert_eq!(std::fs::read(&to)?, b"content");
/// assert!(mmap_io::copy_mmap(&from, &from).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn copy_mmap<P: AsRef<Path>>(src: P, dst: P) -> Result<()> {
    // Neither a FIFO nor a device makes the thread wait.
    let source = os::open(src.as_ref(), Access::Read)?;
    // Links are followed: what counts is the file that would be emptied.
    let target = std::fs::canonicalize(dst.as_ref());
    if target.is_ok_and(|target| os::is_same_file(&source, &target)) {
        return Err(invalid_input("source and destination are the same file"));
    }
    if !source.metadata()?.is_file() {
        return Err(invalid_input("the source is not a regular file"));
    }
    // A system that cannot cut a mapped file refuses to write over one, before anything is changed.
    if !os::CAN_COVER {
        return Ok(std::fs::copy(src, dst).map(drop)?);
    }
    match os::open(dst.as_ref(), Access::Write) {
        Ok(target) => overwrite(&source, &target),
        Err(error) if error.source.kind() == std::io::ErrorKind::NotFound => Ok(std::fs::copy(src, dst).map(drop)?),
        Err(error) => Err(error.into()),
    }
}

fn invalid_input(message: &str) -> MmapIoError {
    MmapIoError::Io(std::io::Error::new(std::io::ErrorKind::InvalidInput, message))
}

/// Gives `target` the content and the permissions of `source`. It is never shorter than one of the two is.
fn overwrite(mut source: &File, mut target: &File) -> Result<()> {
    let len = std::io::copy(&mut source, &mut target)?;
    if target.metadata()?.is_file() {
        target.set_len(len)?;
        target.set_permissions(source.metadata()?.permissions())?;
    }
    Ok(())
}

/// Removes a file's name.
///
/// # Errors
/// `Io`.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// let path = folder.path().join("f");
/// let file = mmap_io::create_mmap(&path, 16)?;
/// # if cfg!(unix) {
/// mmap_io::delete_mmap(&path)?;
/// assert!(!path.exists());
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn delete_mmap<P: AsRef<Path>>(path: P) -> Result<()> {
    Ok(std::fs::remove_file(path)?)
}

/// The functions that wait, as futures. They run on a pool of threads and on any executor.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("f");
/// # futures_lite::future::block_on(async {
/// use mmap_io::manager::r#async::{create_mmap_async, delete_mmap_async};
///
/// let file = create_mmap_async(&path, 16).await?;
/// file.update_region_async(0, b"hello").await?;
/// drop(file);
/// delete_mmap_async(&path).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "async")]
pub mod r#async {
    use super::{MemoryMappedFile, Path, Result};

    /// [`create_mmap`](super::create_mmap) off the calling thread.
    ///
    /// # Errors
    /// The same.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # futures_lite::future::block_on(async {
    /// let file = mmap_io::manager::r#async::create_mmap_async(&path, 16).await?;
    /// assert_eq!(file.len(), 16);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn create_mmap_async<P: AsRef<Path>>(path: P, size: u64) -> Result<MemoryMappedFile> {
        let path = path.as_ref().to_path_buf();
        blocking::unblock(move || super::create_mmap(path, size)).await
    }

    /// [`copy_mmap`](super::copy_mmap) off the calling thread.
    ///
    /// # Errors
    /// The same.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # futures_lite::future::block_on(async {
    /// std::fs::write(&path, "content")?;
    /// let to = path.with_extension("copy");
    /// mmap_io::manager::r#async::copy_mmap_async(&path, &to).await?;
    /// assert_eq!(std::fs::read(&to)?, b"content");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn copy_mmap_async<P: AsRef<Path>>(src: P, dst: P) -> Result<()> {
        let (src, dst) = (src.as_ref().to_path_buf(), dst.as_ref().to_path_buf());
        blocking::unblock(move || super::copy_mmap(src, dst)).await
    }

    /// [`delete_mmap`](super::delete_mmap) off the calling thread.
    ///
    /// # Errors
    /// The same.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # futures_lite::future::block_on(async {
    /// std::fs::write(&path, "content")?;
    /// mmap_io::manager::r#async::delete_mmap_async(&path).await?;
    /// assert!(!path.exists());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn delete_mmap_async<P: AsRef<Path>>(path: P) -> Result<()> {
        let path = path.as_ref().to_path_buf();
        blocking::unblock(move || super::delete_mmap(path)).await
    }
}

#[cfg(feature = "async")]
impl MemoryMappedFile {
    /// Stores bytes and flushes, off the calling thread. Not cancelled by dropping the future once it has started.
    ///
    /// # Errors
    /// As [`update_region`](Self::update_region) and [`flush`](Self::flush).
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # futures_lite::future::block_on(async {
    /// let file = mmap_io::MemoryMappedFile::create_rw(&path, 16)?;
    /// file.update_region_async(0, b"hello").await?;
    /// assert_eq!((file.as_slice(0, 5)?.to_vec(), file.pending_bytes()), (b"hello".to_vec(), 0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn update_region_async(&self, offset: u64, data: &[u8]) -> Result<()> {
        let (mapping, data) = (self.clone(), data.to_vec());
        blocking::unblock(move || {
            mapping.update_region(offset, &data)?;
            mapping.flush()
        })
        .await
    }

    /// [`flush`](Self::flush) off the calling thread.
    ///
    /// # Errors
    /// The same.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # futures_lite::future::block_on(async {
    /// let file = mmap_io::MemoryMappedFile::create_rw(&path, 16)?;
    /// file.update_region(0, b"hello")?;
    /// file.flush_async().await?;
    /// assert_eq!(file.pending_bytes(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn flush_async(&self) -> Result<()> {
        let mapping = self.clone();
        blocking::unblock(move || mapping.flush()).await
    }

    /// [`flush_range`](Self::flush_range) off the calling thread.
    ///
    /// # Errors
    /// The same.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # futures_lite::future::block_on(async {
    /// let file = mmap_io::MemoryMappedFile::create_rw(&path, 16)?;
    /// file.update_region(0, b"hello")?;
    /// file.flush_range_async(0, 5).await?;
    /// assert_eq!(file.pending_bytes(), 5, "only a flush of the whole is counted");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn flush_range_async(&self, offset: u64, len: u64) -> Result<()> {
        let mapping = self.clone();
        blocking::unblock(move || mapping.flush_range(offset, len)).await
    }
}
