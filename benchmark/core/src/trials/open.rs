//! Creating, opening and resizing.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use super::super::subject::MemoryMappedFile;
use super::{sizes, KIB, MIB};
use crate::trial::{byte_at, content, time, verify, Outcome, Trial};

pub(super) fn trials() -> Vec<Trial> {
    let creates = sizes(&[4 * KIB, 64 * KIB, MIB]).map(|(size, _)| create(size));
    let cow = [
        open("cow_open", "open_cow_4MB", |path| Ok(MemoryMappedFile::open_cow(path)?)),
        open("cow_open", "open_cow_writable_4MB", |path| Ok(MemoryMappedFile::open_cow_writable(path)?)),
        open("open", "open_ro_4MB", |path| Ok(MemoryMappedFile::open_ro(path)?)),
        open("open", "open_rw_4MB", |path| Ok(MemoryMappedFile::open_rw(path)?)),
    ];
    creates.chain(cow).chain([resize("grow_1MB_to_8MB", false), resize("growth_alone", true)]).collect()
}

/// Create, remove, drop.
fn create(size: u64) -> Trial {
    Trial::new("create_rw", size, move |path| {
        let path = path.to_path_buf();
        Ok(Box::new(move |n| {
            let mut created = 0;
            let elapsed = time(n, || -> Outcome {
                let file = MemoryMappedFile::create_rw(&path, size)?;
                created += file.len();
                std::fs::remove_file(&path)?;
                Ok(())
            })?;
            verify(created == n * size, "lengths of created files")?;
            Ok(elapsed)
        }))
    })
}

/// Open and drop.
fn open(group: &'static str, name: &str, open: fn(&Path) -> Outcome<MemoryMappedFile>) -> Trial {
    Trial::new(group, name, move |path| {
        std::fs::write(path, content(4 * MIB))?;
        let path = path.to_path_buf();
        Ok(Box::new(move |n| {
            let elapsed = time(n, || -> Outcome {
                black_box(open(&path)?);
                Ok(())
            })?;
            let mut byte = [0];
            open(&path)?.read_into(3 * MIB + 5, &mut byte)?;
            verify(byte == [byte_at(3 * MIB + 5)], "a byte of an opened file")?;
            Ok(elapsed)
        }))
    })
}

/// Grow and shrink; no page is touched. `only_growth`: the shrink is not timed.
fn resize(name: &str, only_growth: bool) -> Trial {
    Trial::new("resize", name, move |path| {
        let file = MemoryMappedFile::create_rw(path, MIB)?;
        let path = path.to_path_buf();
        Ok(Box::new(move |n| {
            let mut elapsed = Duration::ZERO;
            for _ in 0..n {
                let start = Instant::now();
                file.resize(8 * MIB)?;
                let grown = start.elapsed();
                file.resize(MIB)?;
                elapsed += if only_growth { grown } else { start.elapsed() };
            }
            verify(std::fs::metadata(&path)?.len() == MIB && file.len() == MIB, "length after a resize")?;
            Ok(elapsed)
        }))
    })
}
