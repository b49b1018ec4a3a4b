//! The same operations as plain functions.

use std::path::Path;

use crate::errors::{MmapIoError, Result};
use crate::mmap::{MemoryMappedFile, MmapMode};
use crate::os;

/// Creates a file, or empties it, and maps it read-write.
///
/// # Errors
/// As [`MemoryMappedFile::create_rw`].
pub fn create_mmap<P: AsRef<Path>>(path: P, size: u64) -> Result<MemoryMappedFile> {
    MemoryMappedFile::create_rw(path, size)
}

/// Maps an existing file.
///
/// # Errors
/// As [`MemoryMappedFile::builder`]'s `open`.
pub fn load_mmap<P: AsRef<Path>>(path: P, mode: MmapMode) -> Result<MemoryMappedFile> {
    MemoryMappedFile::builder(path).mode(mode).open()
}

/// Opens a file read-write and stores bytes; nothing is flushed.
///
/// # Errors
/// As [`MemoryMappedFile::open_rw`] and [`MemoryMappedFile::update_region`].
pub fn write_mmap<P: AsRef<Path>>(path: P, offset: u64, data: &[u8]) -> Result<()> {
    MemoryMappedFile::open_rw(path)?.update_region(offset, data)
}

/// Stores bytes.
///
/// # Errors
/// As [`MemoryMappedFile::update_region`].
pub fn update_region(mmap: &MemoryMappedFile, offset: u64, data: &[u8]) -> Result<()> {
    mmap.update_region(offset, data)
}

/// Brings everything written to the device.
///
/// # Errors
/// As [`MemoryMappedFile::flush`].
pub fn flush(mmap: &MemoryMappedFile) -> Result<()> {
    mmap.flush()
}

/// Copies a file's content with the file system's own copy, sharing blocks where it can.
///
/// # Errors
/// `Io`; with `InvalidInput` when both paths name one file, which stays as it is.
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
    let source = std::fs::File::open(src.as_ref())?;
    // Links are followed: what counts is the file that would be emptied.
    let target = std::fs::canonicalize(dst.as_ref());
    if target.is_ok_and(|target| os::is_same_file(&source, &target)) {
        let message = "source and destination are the same file";
        return Err(MmapIoError::Io(std::io::Error::new(std::io::ErrorKind::InvalidInput, message)));
    }
    std::fs::copy(src, dst)?;
    Ok(())
}

/// Removes a file's name.
///
/// # Errors
/// `Io`.
pub fn delete_mmap<P: AsRef<Path>>(path: P) -> Result<()> {
    Ok(std::fs::remove_file(path)?)
}

/// The functions that wait, as futures. They run on a pool of threads and on any executor.
#[cfg(feature = "async")]
pub mod r#async {
    use super::{MemoryMappedFile, Path, Result};

    /// [`create_mmap`](super::create_mmap) off the calling thread.
    ///
    /// # Errors
    /// The same.
    pub async fn create_mmap_async<P: AsRef<Path>>(path: P, size: u64) -> Result<MemoryMappedFile> {
        let path = path.as_ref().to_path_buf();
        blocking::unblock(move || super::create_mmap(path, size)).await
    }

    /// [`copy_mmap`](super::copy_mmap) off the calling thread.
    ///
    /// # Errors
    /// The same.
    pub async fn copy_mmap_async<P: AsRef<Path>>(src: P, dst: P) -> Result<()> {
        let (src, dst) = (src.as_ref().to_path_buf(), dst.as_ref().to_path_buf());
        blocking::unblock(move || super::copy_mmap(src, dst)).await
    }

    /// [`delete_mmap`](super::delete_mmap) off the calling thread.
    ///
    /// # Errors
    /// The same.
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
    pub async fn flush_async(&self) -> Result<()> {
        let mapping = self.clone();
        blocking::unblock(move || mapping.flush()).await
    }

    /// [`flush_range`](Self::flush_range) off the calling thread.
    ///
    /// # Errors
    /// The same.
    pub async fn flush_range_async(&self, offset: u64, len: u64) -> Result<()> {
        let mapping = self.clone();
        blocking::unblock(move || mapping.flush_range(offset, len)).await
    }
}
