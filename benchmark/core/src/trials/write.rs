//! Writing, with each flush policy.

use std::path::Path;

use super::super::subject::flush::FlushPolicy;
use super::super::subject::{MemoryMappedFile, MmapMode};
use super::{sizes, KIB, MIB};
use crate::trial::{content, time, verify, Buffer, Outcome, Trial};

pub(super) fn trials() -> Vec<Trial> {
    let updates = sizes(&[64, 4 * KIB, 64 * KIB, MIB]).map(|(size, _)| {
        update("update_only", size, FlushPolicy::Never, |file, data| Ok(file.update_region(0, data)?))
    });
    let flushed = sizes(&[4 * KIB, 64 * KIB, MIB]).flat_map(|(size, bytes)| {
        let plus_flush = update("update_plus_flush", size, FlushPolicy::Never, |file, data| {
            file.update_region(0, data)?;
            Ok(file.flush()?)
        });
        let threshold = update("update_threshold", size, FlushPolicy::EveryBytes(bytes), |file, data| {
            Ok(file.update_region(0, data)?)
        });
        [plus_flush, threshold]
    });
    let policies = [
        sequential("manual", FlushPolicy::Manual),
        sequential("every_millis_10", FlushPolicy::EveryMillis(10)),
        sequential("every_bytes_64k", FlushPolicy::EveryBytes(64 * KIB as usize)).heavy(),
    ];
    updates.chain(flushed).chain(policies).collect()
}

fn create(path: &Path, size: u64, policy: FlushPolicy) -> Outcome<MemoryMappedFile> {
    let builder = MemoryMappedFile::builder(path).mode(MmapMode::ReadWrite).size(size).flush_policy(policy);
    Ok(builder.create()?)
}

/// The whole file, again and again.
fn update(name: &str, size: u64, policy: FlushPolicy, once: fn(&MemoryMappedFile, &[u8]) -> Outcome) -> Trial {
    Trial::new("update_region_flush", format!("{name}/{size}"), move |path| {
        let file = create(path, size, policy)?;
        let data = Buffer::new(&content(size));
        let path = path.to_path_buf();
        Ok(Box::new(move |n| {
            let elapsed = time(n, || once(&file, &data))?;
            verify(std::fs::read(&path)? == *data, "content of the file")?;
            Ok(elapsed)
        }))
    })
}

/// 4 MiB in pieces of 64 KiB.
fn sequential(name: &str, policy: FlushPolicy) -> Trial {
    const PIECE: u64 = 64 * KIB;
    Trial::new("sequential_write", name, move |path| {
        let file = create(path, 4 * MIB, policy)?;
        let data = Buffer::new(&content(PIECE));
        let path = path.to_path_buf();
        Ok(Box::new(move |n| {
            let elapsed =
                time(n, || (0..4 * MIB / PIECE).try_for_each(|piece| file.update_region(piece * PIECE, &data)))?;
            let pieces = std::fs::read(&path)?;
            verify(pieces.chunks(data.len()).all(|piece| piece == &*data), "content of the file")?;
            Ok(elapsed)
        }))
    })
}
