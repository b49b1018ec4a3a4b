//! The trials: the groups of the published crate's own benchmark, with the same sizes.

mod atomics;
mod flush;
mod open;
mod pages;
mod read;
mod walk;
mod write;

use std::path::Path;

use super::subject::{MemoryMappedFile, MmapMode};
use crate::trial::{content, Outcome, Trial};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

pub(crate) fn all() -> Vec<Trial> {
    [open::trials, write::trials, flush::trials, read::trials, walk::trials, pages::trials, atomics::trials]
        .iter()
        .flat_map(|trials| trials())
        .collect()
}

/// A file with content, mapped.
fn filled(path: &Path, len: u64, mode: MmapMode) -> Outcome<MemoryMappedFile> {
    std::fs::write(path, content(len))?;
    let file = match mode {
        MmapMode::ReadWrite => MemoryMappedFile::open_rw(path)?,
        _ => MemoryMappedFile::open_ro(path)?,
    };
    // What the first use of a page costs is another question.
    file.touch_pages()?;
    Ok(file)
}

/// A size as the published benchmark writes it: in bytes.
fn sizes(sizes: &[u64]) -> impl Iterator<Item = (u64, usize)> + '_ {
    sizes.iter().map(|size| (*size, *size as usize))
}
