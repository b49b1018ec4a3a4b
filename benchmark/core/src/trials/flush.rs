//! Small durable flushes, and flushes that are only started.

use super::super::subject::MemoryMappedFile;
use super::{sizes, KIB, MIB};
use crate::trial::{content, time, verify, Buffer, Outcome, Trial};

type Flush = fn(&MemoryMappedFile, u64) -> Outcome;

pub(super) fn trials() -> Vec<Trial> {
    let durable: Flush = |file, len| Ok(file.flush_range(0, len)?);
    let started: Flush = |file, len| Ok(file.schedule_flush_range(0, len)?);
    let micro = sizes(&[64, 256, 512, KIB, 2 * KIB, 4 * KIB, 8 * KIB])
        .map(|(size, _)| write_and("microflush_overhead", size.to_string(), 64 * KIB, size, durable));
    let compared = sizes(&[4 * KIB, MIB]).flat_map(|(size, _)| {
        let row = |name, flush| write_and("schedule_vs_flush", format!("{name}/{size}"), size, size, flush);
        [row("flush_range", durable), row("schedule_flush_range", started)]
    });
    micro.chain(compared).collect()
}

/// Writes `size` bytes at the start and flushes them.
fn write_and(group: &'static str, name: String, file_len: u64, size: u64, flush: Flush) -> Trial {
    Trial::new(group, name, move |path| {
        let file = MemoryMappedFile::create_rw(path, file_len)?;
        let data = Buffer::new(&content(size));
        let path = path.to_path_buf();
        Ok(Box::new(move |n| {
            let elapsed = time(n, || -> Outcome {
                file.update_region(0, &data)?;
                flush(&file, size)
            })?;
            verify(std::fs::read(&path)?.starts_with(&data), "content of the file")?;
            Ok(elapsed)
        }))
    })
}
