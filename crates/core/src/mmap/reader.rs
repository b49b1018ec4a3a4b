//! A mapping as a reader.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use super::MemoryMappedFile;
use crate::region::to_u64;

/// Bytes that are copied at once from a mapping that can change.
const BUFFER: usize = 4096;

/// A cursor over a mapping: [`Read`], [`Seek`] and [`BufRead`]. Any number of them can be in use at once.
///
/// It looks at the length anew each time and so follows a resize. From a mapping that never changes `fill_buf` lends the
/// mapped bytes; from one that can it lends a copy, so that no lock is held between calls.
///
/// ```
/// use std::io::BufRead;
/// use mmap_io::MemoryMappedFile;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("f");
/// std::fs::write(&path, "one\ntwo\n")?;
/// let file = MemoryMappedFile::open_ro(&path)?;
/// let lines: Result<Vec<_>, _> = file.reader().lines().collect();
/// assert_eq!(lines?, ["one", "two"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct MmapReader<'a> {
    file: &'a MemoryMappedFile,
    position: u64,
    /// In the reader itself, so that it needs no drop.
    buffer: [u8; BUFFER],
    /// The file position that `buffer` was filled from, and how much of it.
    filled: (u64, usize),
}

impl std::fmt::Debug for MmapReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MmapReader").field("file", self.file).field("position", &self.position).finish_non_exhaustive()
    }
}

impl<'a> MmapReader<'a> {
    pub(crate) fn new(file: &'a MemoryMappedFile) -> Self {
        Self { file, position: 0, buffer: [0; BUFFER], filled: (0, 0) }
    }

    /// Position in bytes.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// use std::io::Read;
    ///
    /// let mut reader = file.reader();
    /// reader.read_exact(&mut [0; 30])?;
    /// assert_eq!(reader.position(), 30);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Moves to a position, which may lie behind the end, and forgets what was buffered.
    ///
    /// ```
    /// # use mmap_io::MemoryMappedFile;
    /// # let folder = tempfile::tempdir()?;
    /// let file = MemoryMappedFile::create_rw(folder.path().join("f"), 100)?;
    /// use std::io::Read;
    ///
    /// let mut reader = file.reader();
    /// reader.set_position(90);
    /// assert_eq!(reader.read_to_end(&mut Vec::new())?, 10);
    /// reader.set_position(1000);
    /// assert_eq!(reader.read_to_end(&mut Vec::new())?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn set_position(&mut self, pos: u64) {
        self.position = pos;
        self.filled.1 = 0;
    }

    /// What is left, at most `most` bytes.
    fn available(&self, most: usize) -> usize {
        let rest = self.file.len().saturating_sub(self.position);
        usize::try_from(rest).unwrap_or(usize::MAX).min(most)
    }
}

impl Read for MmapReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.available(buf.len());
            let target = buf.get_mut(..count).unwrap_or_default();
            match self.file.read_into(self.position, target) {
                Ok(()) => {
                    self.position += to_u64(count);
                    return Ok(count);
                }
                // The mapping shrank in between: look again.
                Err(crate::MmapIoError::OutOfBounds { .. }) => {}
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }
}

impl Seek for MmapReader<'_> {
    fn seek(&mut self, pos: SeekFrom) -> io::Result<u64> {
        let target = match pos {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.file.len().checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        let outside = || io::Error::new(io::ErrorKind::InvalidInput, "seek to a negative or overflowing position");
        self.set_position(target.ok_or_else(outside)?);
        Ok(self.position)
    }
}

impl BufRead for MmapReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if let Some(bytes) = self.file.unchanging_bytes() {
            let start = usize::try_from(self.position).unwrap_or(usize::MAX).min(bytes.len());
            return Ok(bytes.get(start..).unwrap_or_default());
        }
        let (start, len) = self.filled;
        let used = self.position.checked_sub(start).and_then(|used| usize::try_from(used).ok());
        let rest = used.filter(|used| *used < len);
        let from = match rest {
            Some(used) => used,
            None => {
                let mut buffer = [0; BUFFER];
                let position = self.position;
                let len = self.read(&mut buffer)?;
                self.position = position;
                self.buffer = buffer;
                self.filled = (position, len);
                0
            }
        };
        Ok(self.buffer.get(from..self.filled.1).unwrap_or_default())
    }

    fn consume(&mut self, amt: usize) {
        self.position = self.position.saturating_add(to_u64(amt));
    }
}
