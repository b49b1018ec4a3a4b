//! Finding changed bytes by comparing contents.
//!
//! A print of every page is kept, eight bytes for four thousand. Bytes are read from the file and not through the mapping:
//! a file that was cut raises no fault then, and the mapping does not grow into memory. Shared mappings and reads see the
//! same bytes.

use std::hash::BuildHasher;
use std::ops::Range;
use std::time::SystemTime;

use foldhash::fast::RandomState;

use crate::file::MappedFile;
use crate::os;
use crate::region::to_u64;

/// Pages that are read at once.
const AT_ONCE: usize = 64;
/// Ranges that are told one by one. More are told as one.
const MOST: usize = 16;

pub(super) struct Contents {
    /// Whether pages that are not in memory are read.
    all: bool,
    /// `None` for a page that was never read.
    prints: Vec<Option<u64>>,
    len: u64,
    modified: Option<SystemTime>,
    hasher: RandomState,
}

impl Contents {
    /// What the file is now; its bytes are read by the first [`compare`](Self::compare).
    pub(super) fn new(file: &MappedFile, all: bool) -> Self {
        Self { all, prints: Vec::new(), len: file.len(), modified: modified(file), hasher: RandomState::default() }
    }

    /// The ranges of the mapping that differ from what they were at the last call, page by page.
    ///
    /// A page that is in memory for the first time counts as changed when the file's time has moved since: it may have been
    /// loaded by a store.
    pub(super) fn compare(&mut self, file: &MappedFile) -> Vec<(u64, u64)> {
        let (len, page) = (file.len(), os::page_size());
        let lead = file.offset() % to_u64(page);
        let has_moved = std::mem::replace(&mut self.modified, modified(file)) != self.modified;
        let pages = usize::try_from((lead + len).div_ceil(to_u64(page))).unwrap_or(usize::MAX);
        if len != self.len {
            // The window ends elsewhere in its last page.
            if let Some(last) = self.prints.len().min(pages).checked_sub(1) {
                self.prints.truncate(last);
            }
            self.len = len;
        }
        self.prints.resize(pages, None);
        let in_memory = if self.all { None } else { file.residency(0, len).ok().map(|residency| residency.map) };
        let is_wanted = |index: usize| in_memory.as_ref().is_none_or(|map| map.get(index) == Some(&1));

        let mut changed = Vec::new();
        let mut bytes = vec![0; AT_ONCE * page];
        let mut next = 0;
        while next < pages {
            let run = (next..pages.min(next + AT_ONCE)).take_while(|index| is_wanted(*index)).count();
            let start = file.offset() - lead + to_u64(next * page);
            // A page that cannot be read is left out this time.
            let got = if run == 0 { None } else { read(file, bytes.get_mut(..run * page).unwrap_or_default(), start) };
            for at in 0..got.map_or(0, |_| run) {
                let index = next + at;
                let window = window_of(index, page, lead, len);
                let (from, to) = (window.start % page, window.end - index * page);
                let end = got.unwrap_or(0).min(at * page + to);
                let print = self.hasher.hash_one(bytes.get(at * page + from..end).unwrap_or_default());
                if let Some(known) = self.prints.get_mut(index)
                    && known.replace(print).map_or(has_moved, |before| before != print)
                {
                    push(&mut changed, to_u64(window.start) - lead..to_u64(window.end) - lead);
                }
            }
            next += run.max(1);
        }
        if changed.len() > MOST {
            let end = changed.last().map_or(0, |last| last.end);
            changed.truncate(1);
            changed.iter_mut().for_each(|all| all.end = end);
        }
        changed.into_iter().map(|range| (range.start, range.end - range.start)).collect()
    }
}

/// The bytes of a page that belong to the window, counted from the first page's start.
fn window_of(index: usize, page: usize, lead: u64, len: u64) -> Range<usize> {
    let clip = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    (index * page).max(clip(lead))..((index + 1) * page).min(clip(lead + len))
}

fn push(ranges: &mut Vec<Range<u64>>, range: Range<u64>) {
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}

/// How many bytes there are, up to the buffer's length.
fn read(file: &MappedFile, bytes: &mut [u8], position: u64) -> Option<usize> {
    let mut got = 0;
    while let Some(rest) = bytes.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match os::read_at(file.file()?, rest, position + to_u64(got)) {
            Ok(0) => break,
            Ok(count) => got += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    Some(got)
}

fn modified(file: &MappedFile) -> Option<SystemTime> {
    file.file()?.metadata().and_then(|metadata| metadata.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Create, MmapMode, OpenOptions};

    /// A file of so many pages, the window of it that is compared, and what has been compared.
    fn window(pages: u64, offset: u64, len: u64) -> (tempfile::TempDir, MappedFile, MappedFile, Contents) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let whole = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(pages * page());
        let whole = whole.open(&path).unwrap();
        let window = OpenOptions::new(MmapMode::ReadOnly).offset(offset).len(len).open(&path).unwrap();
        let mut contents = Contents::new(&window, true);
        contents.compare(&window);
        (folder, whole, window, contents)
    }

    fn page() -> u64 {
        to_u64(os::page_size())
    }

    #[test]
    fn ranges_are_those_of_the_window() {
        let (_folder, whole, window, mut contents) = window(5, page() + 100, 2 * page());
        assert_eq!(contents.compare(&window), []);
        whole.write(page() + 99, b"x").unwrap();
        whole.write(3 * page() + 100, b"x").unwrap();
        assert_eq!(contents.compare(&window), []);
        whole.write(page() + 100, b"x").unwrap();
        whole.write(3 * page() + 99, b"x").unwrap();
        assert_eq!(contents.compare(&window), [(0, page() - 100), (2 * page() - 100, 100)]);
        whole.write(page(), &vec![1; 3 * os::page_size()]).unwrap();
        assert_eq!(contents.compare(&window), [(0, 2 * page())]);
        assert_eq!(contents.compare(&window), []);
    }

    #[test]
    fn a_few_ranges_are_told_one_by_one_and_more_as_one() {
        let (_folder, whole, window, mut contents) = window(200, 0, 200 * page());
        let mut store = |count: u64| {
            for number in 0..count {
                whole.write((3 + 2 * number) * page(), &count.to_ne_bytes()).unwrap();
            }
            contents.compare(&window)
        };
        let each: Vec<_> = (0..16).map(|number| ((3 + 2 * number) * page(), page())).collect();
        assert_eq!(store(16), each);
        assert_eq!(store(17), [(3 * page(), 33 * page())]);
        assert_eq!(store(98), [(3 * page(), 195 * page())]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_page_that_was_read_into_memory_has_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let size = 4 * page();
        let options = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(size);
        let file = options.open(folder.path().join("file")).unwrap();
        let mut contents = Contents::new(&file, false);
        assert_eq!(contents.compare(&file), []);
        assert_eq!(contents.prints, [None; 4], "nobody has asked for these pages yet");
        file.read(page(), &mut [0]).unwrap();
        assert_eq!(contents.compare(&file), []);
        assert!(contents.prints.iter().any(Option::is_some));
        file.write(page(), b"x").unwrap();
        assert_eq!(contents.compare(&file), [(page(), page())]);
        let mut all = Contents::new(&file, true);
        assert_eq!(all.compare(&file), []);
        assert!(all.prints.iter().all(Option::is_some));
    }
}
