//! Pages brought into memory, and let go.

use crate::error::Result;
use crate::file::MappedFile;
use crate::os::Advice;
use crate::range;

/// Bytes loaded between two looks at whether to go on.
const PIECE: u64 = 1 << 20;

/// Ranges that read-ahead is asked for before the first of them is touched: more than a device works on at once, and few
/// enough for asking not to take long.
const AHEAD: usize = 1024;

impl MappedFile {
    /// Loads the pages of ranges, given as offset and length: a byte of every page is read, and read-ahead is asked for the
    /// next 1024 ranges, so that the device works on many at once. Nothing is copied or made dirty.
    ///
    /// `go_on` is told how many bytes are done, each MiB and after each range; false ends the work. Returns the bytes done.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`](crate::Error::OutOfBounds) for any of the ranges; nothing is loaded then.
    /// [`Error::Truncated`](crate::Error::Truncated), [`Error::IoFault`](crate::Error::IoFault) at lost pages.
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100_000).open(&path)?;
    /// let mut told = Vec::new();
    /// let go_on = |done| {
    ///     told.push(done);
    ///     true
    /// };
    /// assert_eq!(file.load(&[(50_000, 10), (0, 4096)], go_on)?, 4106);
    /// assert_eq!(told, [10, 4106]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn load(&self, ranges: &[(u64, u64)], mut go_on: impl FnMut(u64) -> bool) -> Result<u64> {
        for &(offset, len) in ranges {
            range::check(offset, len, self.len())?;
        }
        let region = self.region();
        let mut ahead = ranges.iter();
        let mut read_ahead = |count| {
            for &(offset, len) in ahead.by_ref().take(count) {
                // A hint: what is not read ahead is read when it is touched.
                let _ = region.advise(offset, len, Advice::WillNeed);
            }
        };
        read_ahead(AHEAD);
        let mut done = 0;
        for &(offset, len) in ranges {
            let mut left = len;
            while left > 0 {
                let piece = left.min(PIECE);
                let at = offset + (len - left);
                self.on_sound(at, piece, || region.touch(at, piece))?;
                left -= piece;
                done += piece;
                if !go_on(done) {
                    return Ok(done);
                }
            }
            read_ahead(1);
        }
        Ok(done)
    }

    /// Drops the pages of a range from memory and from the page cache, as far as the operating system can without losing a
    /// byte: pages that are dirty, locked, private or in use by another mapping stay. Nothing to do for memory without a
    /// file.
    ///
    /// On macOS pages are only marked as the first to go, on Windows they leave the working set of this process.
    ///
    /// # Errors
    /// [`Error::OutOfBounds`](crate::Error::OutOfBounds), [`Error::AdviceFailed`](crate::Error::AdviceFailed).
    ///
    /// ```
    /// # use mmap_io::{Create, MmapMode, OpenOptions};
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("f");
    /// # let file = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(100_000).open(&path)?;
    /// file.write(90_000, b"dirty, so it stays")?;
    /// file.evict(0, 100_000)?;
    /// let mut bytes = [0; 5];
    /// file.read(90_000, &mut bytes)?;
    /// assert_eq!(&bytes, b"dirty");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn evict(&self, offset: u64, len: u64) -> Result<()> {
        range::check(offset, len, self.len())?;
        let Some(file) = self.file() else { return Ok(()) };
        let region = self.region();
        // The kernel refuses a range in which a page is locked.
        for pages in self.unlocked_pages(&region, offset, len)? {
            region.evict(&pages, file)?;
        }
        Ok(())
    }
}
