//! Every range call at every edge of its numbers, against checked arithmetic.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::{at, page, Scratch};
use mmap_io::errors::Result;
use mmap_io::segment::{Segment, SegmentMut};
use mmap_io::{AnonymousMmap, MemoryMappedFile, MmapIoError, MmapMode};

/// What a call says about a range: the length that it took, or an error.
type Call<T> = fn(&T, u64, u64) -> Result<u64>;

/// A buffer for calls that take one. Lengths that cannot be had are not asked for.
const LARGEST_BUFFER: u64 = 1 << 20;

fn buffer(len: u64) -> Option<Vec<u8>> {
    (len <= LARGEST_BUFFER).then(|| vec![1; at(len)])
}

fn len_of(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap()
}

/// Calls by name. A buffer that is too long is no call: its name begins with "buffer".
#[cfg_attr(
    not(any(feature = "advise", feature = "bytes", feature = "locking")),
    allow(unused_mut, reason = "features add calls")
)]
fn reading() -> Vec<(&'static str, Call<MemoryMappedFile>)> {
    let mut calls: Vec<(&'static str, Call<MemoryMappedFile>)> = vec![
        ("as_slice", |file, offset, len| Ok(len_of(file.as_slice(offset, len)?.len()))),
        ("try_as_slice", |file, offset, len| Ok(len_of(file.try_as_slice(offset, len)?.unwrap().len()))),
        ("buffer read_into", |file, offset, len| file.read_into(offset, &mut buffer(len).unwrap()).map(|()| len)),
        ("touch_pages_range", |file, offset, len| file.touch_pages_range(offset, len).map(|()| len)),
        ("prefetch_range", |file, offset, len| file.prefetch_range(offset, len).map(|()| len)),
        ("flush_range", |file, offset, len| file.flush_range(offset, len).map(|()| len)),
        ("schedule_flush_range", |file, offset, len| file.schedule_flush_range(offset, len).map(|()| len)),
        ("Segment::new", |file, offset, len| Ok(Segment::new(Arc::new(file.clone()), offset, len)?.len())),
        ("Segment::as_slice", |file, offset, len| {
            Ok(len_of(Segment::new(Arc::new(file.clone()), offset, len)?.as_slice()?.len()))
        }),
        ("SegmentMut::new", |file, offset, len| Ok(SegmentMut::new(Arc::new(file.clone()), offset, len)?.len())),
    ];
    #[cfg(feature = "bytes")]
    calls.push(("read_bytes", |file, offset, len| Ok(len_of(file.read_bytes(offset, len)?.len()))));
    #[cfg(feature = "locking")]
    calls.push(("lock", |file, offset, len| {
        file.lock(offset, len)?;
        file.unlock(offset, len)?;
        Ok(len)
    }));
    #[cfg(feature = "locking")]
    calls.push(("unlock", |file, offset, len| file.unlock(offset, len).map(|()| len)));
    #[cfg(feature = "advise")]
    for call in [
        (|file, offset, len| file.advise(offset, len, mmap_io::MmapAdvice::Normal).map(|()| len))
            as Call<MemoryMappedFile>,
        |file, offset, len| file.advise(offset, len, mmap_io::MmapAdvice::WillNeed).map(|()| len),
        |file, offset, len| file.advise(offset, len, mmap_io::MmapAdvice::DontNeed).map(|()| len),
    ] {
        calls.push(("advise", call));
    }
    calls
}

fn writing() -> Vec<(&'static str, Call<MemoryMappedFile>)> {
    vec![
        ("as_slice_mut", |file, offset, len| Ok(len_of(file.as_slice_mut(offset, len)?.len()))),
        ("try_as_slice_mut", |file, offset, len| Ok(len_of(file.try_as_slice_mut(offset, len)?.unwrap().len()))),
        ("buffer update_region", |file, offset, len| file.update_region(offset, &buffer(len).unwrap()).map(|()| len)),
        ("buffer try_update_region", |file, offset, len| {
            file.try_update_region(offset, &buffer(len).unwrap()).map(|_| len)
        }),
        ("buffer SegmentMut::write", |file, offset, len| {
            let segment = SegmentMut::new(Arc::new(file.clone()), offset, len)?;
            segment.write(&buffer(len).unwrap()).map(|()| len)
        }),
        ("SegmentMut::as_slice_mut", |file, offset, len| {
            Ok(len_of(SegmentMut::new(Arc::new(file.clone()), offset, len)?.as_slice_mut()?.len()))
        }),
    ]
}

fn anonymous() -> Vec<(&'static str, Call<AnonymousMmap>)> {
    vec![
        ("as_slice", |memory, offset, len| Ok(len_of(memory.as_slice(offset, len)?.len()))),
        ("try_as_slice", |memory, offset, len| Ok(len_of(memory.try_as_slice(offset, len)?.unwrap().len()))),
        ("as_mut_slice", |memory, offset, len| Ok(len_of(memory.as_mut_slice(offset, len)?.len()))),
        ("try_as_mut_slice", |memory, offset, len| Ok(len_of(memory.try_as_mut_slice(offset, len)?.unwrap().len()))),
        ("buffer read_into", |memory, offset, len| memory.read_into(offset, &mut buffer(len).unwrap()).map(|()| len)),
        ("buffer update_region", |memory, offset, len| {
            memory.update_region(offset, &buffer(len).unwrap()).map(|()| len)
        }),
        ("buffer try_update_region", |memory, offset, len| {
            memory.try_update_region(offset, &buffer(len).unwrap()).map(|_| len)
        }),
    ]
}

fn edges(total: u64) -> Vec<u64> {
    let around = [total.saturating_sub(1), total, total + 1, page() - 1, page(), page() + 1];
    let far = [0, 1, 2, u64::from(u32::MAX), u64::from(u32::MAX) + 1, i64::MAX.unsigned_abs(), 1 << 63];
    around.into_iter().chain(far).chain([u64::MAX - total, u64::MAX - 1, u64::MAX]).collect()
}

/// What checked arithmetic says.
fn lies_inside(offset: u64, len: u64, total: u64) -> bool {
    len == 0 || offset.checked_add(len).is_some_and(|end| end <= total)
}

#[track_caller]
fn check<T>(what: &str, calls: &[(&'static str, Call<T>)], target: &T, total: u64) {
    for (name, call) in calls {
        for offset in edges(total) {
            for len in edges(total) {
                if name.starts_with("buffer") && len > LARGEST_BUFFER {
                    continue;
                }
                match (call(target, offset, len), lies_inside(offset, len, total)) {
                    (Ok(taken), true) => assert_eq!(taken, len),
                    (Err(MmapIoError::OutOfBounds { offset: o, len: l, total: t }), false) => {
                        assert_eq!((o, l, t), (offset, len, total), "{what}: {name}");
                    }
                    (other, _) => panic!("{what}: {name}({offset}, {len}) of {total} bytes gave {other:?}"),
                }
            }
        }
    }
}

/// Rows 12, 28, 31, 32: no sum overflows, no stale length is used.
#[test]
fn every_range_call_agrees_with_checked_arithmetic_before_and_after_a_resize() {
    let scratch = Scratch::new();
    let file = scratch.zeros(2 * page() + 100);
    let sizes = [2 * page() + 100, 4096 * page(), 5, page(), 3 * page() - 1, 1];
    for (round, total) in sizes.into_iter().enumerate() {
        file.resize(total).unwrap();
        check(&format!("read-write, size {round}"), &reading(), &file, total);
        check(&format!("read-write, size {round}"), &writing(), &file, total);
        let reader = MemoryMappedFile::open_ro(scratch.file()).unwrap();
        check("read-only", &reading(), &reader, total);
    }
}

#[cfg(feature = "cow")]
#[test]
fn copy_on_write_mappings_agree_as_well() {
    let scratch = Scratch::new();
    drop(scratch.zeros(2 * page() + 100));
    let file = MemoryMappedFile::open_cow_writable(scratch.file()).unwrap();
    check("private", &reading(), &file, 2 * page() + 100);
    check("private", &writing(), &file, 2 * page() + 100);
    check("private", &reading(), &MemoryMappedFile::open_cow(scratch.file()).unwrap(), 2 * page() + 100);
}

#[test]
fn an_empty_mapping_and_memory_without_a_file_agree_as_well() {
    let scratch = Scratch::new();
    check("empty", &reading(), &scratch.with(b"", MmapMode::ReadOnly), 0);
    for total in [1, page(), 2 * page() + 100] {
        check("anonymous", &anonymous(), &AnonymousMmap::new(total).unwrap(), total);
    }
}

/// Atomic views are no requests for bytes: no elements have to lie inside as well.
#[cfg(feature = "atomic")]
#[test]
fn atomic_views_agree_with_checked_arithmetic() {
    let scratch = Scratch::new();
    let file = scratch.zeros(2 * page() + 100);
    for total in [2 * page() + 100, 4096 * page(), 5, page() + 4, 1] {
        file.resize(total).unwrap();
        for offset in edges(total) {
            let counts = edges(total).into_iter().map(|count| usize::try_from(count).unwrap_or(usize::MAX));
            for count in counts {
                for size in [4, 8] {
                    let got = match size {
                        4 => file.atomic_u32_slice(offset, count).map(|view| view.len()),
                        _ => file.atomic_u64_slice(offset, count).map(|view| view.len()),
                    };
                    let len = u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(size);
                    let inside = offset.checked_add(len).is_some_and(|end| end <= total);
                    match got {
                        Ok(elements) if offset % size == 0 && inside => assert_eq!(elements, count),
                        Err(MmapIoError::Misaligned { required, offset: o }) if offset % size != 0 => {
                            assert_eq!((required, o), (size, offset));
                        }
                        Err(MmapIoError::OutOfBounds { offset: o, len: l, total: t })
                            if offset % size == 0 && !inside =>
                        {
                            assert_eq!((o, l, t), (offset, len, total));
                        }
                        other => panic!("{size} bytes, ({offset}, {count}) of {total} bytes gave {other:?}"),
                    }
                }
            }
        }
    }
}
