//! Walking through a mapping piece by piece; one byte of each piece is read.

use super::super::subject::MemoryMappedFile;
use super::super::subject::MmapMode::{self, ReadOnly, ReadWrite};
use super::{filled, sizes, KIB, MIB};
use crate::trial::{byte_at, time, verify, Outcome, Trial};

const FILE: u64 = 16 * MIB;
const PAGE: usize = 4096;

/// Sum of the first bytes of the pieces.
type Walk = fn(&MemoryMappedFile, usize) -> Outcome<u64>;

pub(super) fn trials() -> Vec<Trial> {
    let chunks: Walk = |file, size| Ok(file.chunks(size).map(|chunk| u64::from(chunk[0])).sum());
    let pages: Walk = |file, _| Ok(file.pages().map(|page| u64::from(page[0])).sum());
    let owned: Walk = |file, size| file.chunks_owned(size).try_fold(0, |sum, chunk| Ok(sum + u64::from(chunk?[0])));
    let read_only = sizes(&[4 * KIB, 64 * KIB]).flat_map(|(_, size)| {
        let row = |name, way| walk("iterator_throughput", format!("{name}/{size}"), size, ReadOnly, way);
        [row("zero_copy_chunks", chunks), row("owned_chunks", owned)]
    });
    let rest = [
        walk("iterator_throughput", "zero_copy_pages", PAGE, ReadOnly, pages),
        walk("rw_views", "chunks_4096", PAGE, ReadWrite, chunks),
        walk("rw_views", "pages", PAGE, ReadWrite, pages),
    ];
    read_only.chain(rest).collect()
}

fn walk(group: &'static str, name: impl ToString, size: usize, mode: MmapMode, way: Walk) -> Trial {
    Trial::new(group, name, move |path| {
        let file = filled(path, FILE, mode)?;
        let expected = (0..FILE).step_by(size).map(|at| u64::from(byte_at(at))).sum::<u64>();
        Ok(Box::new(move |n| {
            let mut sum = 0;
            let elapsed = time(n, || -> Outcome {
                sum += way(&file, size)?;
                Ok(())
            })?;
            verify(sum == n * expected, "sum of the first bytes")?;
            Ok(elapsed)
        }))
    })
}
