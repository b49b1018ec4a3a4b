//! Atomic views.
#![cfg(feature = "atomic")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::{assert_invalid_mode, assert_out_of_bounds, page, pattern, Scratch};
use mmap_io::errors::Result;
use mmap_io::{AnonymousMmap, MemoryMappedFile, MmapIoError, MmapMode};

/// The four calls by width: how many bytes an element has, and one that asks for `count` of them and gives their number.
type Call = fn(&MemoryMappedFile, u64, usize) -> Result<usize>;
const CALLS: [(u64, Call); 2] =
    [(4, |file, offset, count| slice32(file, offset, count)), (8, |file, offset, count| slice64(file, offset, count))];

fn slice32(file: &MemoryMappedFile, offset: u64, count: usize) -> Result<usize> {
    Ok(file.atomic_u32_slice(offset, count)?.len())
}

fn slice64(file: &MemoryMappedFile, offset: u64, count: usize) -> Result<usize> {
    Ok(file.atomic_u64_slice(offset, count)?.len())
}

fn assert_misaligned<T>(result: Result<T>, required: u64, offset: u64) {
    match result.map(|_| "ok") {
        Err(MmapIoError::Misaligned { required: r, offset: o }) => assert_eq!((r, o), (required, offset)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn atomics_are_the_files_bytes_in_the_machines_order() {
    let scratch = Scratch::new();
    let file = scratch.zeros(4096);
    let narrow = 0x0102_0304_u32;
    let wide = 0x0102_0304_0506_0708_u64;
    file.atomic_u32(4).unwrap().store(narrow, Ordering::SeqCst);
    file.atomic_u64(8).unwrap().store(wide, Ordering::SeqCst);
    let slice = file.atomic_u64_slice(16, 2).unwrap();
    assert_eq!(slice.len(), 2);
    assert_eq!(slice[1].fetch_add(5, Ordering::Relaxed), 0);
    drop(slice);
    let mut expected = vec![0; 32];
    expected[4..8].copy_from_slice(&narrow.to_ne_bytes());
    expected[8..16].copy_from_slice(&wide.to_ne_bytes());
    expected[24..32].copy_from_slice(&5_u64.to_ne_bytes());
    assert_eq!(scratch.content()[..32], expected);
    assert_eq!(file.atomic_u32_slice(8, 2).unwrap().len(), 2);
    let other = MemoryMappedFile::open_rw(scratch.file()).unwrap();
    assert_eq!(other.atomic_u64(8).unwrap().load(Ordering::SeqCst), wide);
}

/// Row 10: no atomics where a store would fault. The mode is checked first, then alignment, then bounds.
#[test]
fn the_mode_is_checked_before_alignment_and_alignment_before_bounds() {
    let scratch = Scratch::new();
    let file = scratch.with(&[0; 64], MmapMode::ReadWrite);
    for (size, call) in CALLS {
        let past = size * 1000;
        assert_misaligned(call(&file, past + 1, 1), size, past + 1);
        assert_misaligned(call(&file, 1, 1), size, 1);
        assert_misaligned(call(&file, u64::MAX, 0), size, u64::MAX);
        assert_out_of_bounds(call(&file, past, 1), past, size, 64);
        assert_out_of_bounds(call(&file, 64, 1), 64, size, 64);
        assert_out_of_bounds(call(&file, 0, 65), 0, 65 * size, 64);
        assert_out_of_bounds(call(&file, 0, usize::MAX), 0, u64::MAX, 64);
        assert_eq!(call(&file, 64 - size, 1).unwrap(), 1);
    }
    assert_misaligned(file.atomic_u32(2).map(|_| ()), 4, 2);
    assert_misaligned(file.atomic_u64(4).map(|_| ()), 8, 4);
    assert_out_of_bounds(file.atomic_u32(64).map(|_| ()), 64, 4, 64);
    assert_out_of_bounds(file.atomic_u64(64).map(|_| ()), 64, 8, 64);
    let reading = scratch.with(&[0; 64], MmapMode::ReadOnly);
    for (_, call) in CALLS {
        for offset in [0, 1, 64, u64::MAX] {
            assert_invalid_mode(call(&reading, offset, 1));
        }
    }
    #[cfg(feature = "cow")]
    assert_invalid_mode(MemoryMappedFile::open_cow(scratch.file()).unwrap().atomic_u64(0).map(|_| ()));
}

#[test]
fn no_elements_are_had_up_to_the_end_and_not_behind_it() {
    let scratch = Scratch::new();
    let file = scratch.zeros(64);
    for (size, call) in CALLS {
        assert_eq!(call(&file, 0, 0).unwrap(), 0);
        assert_eq!(call(&file, 64, 0).unwrap(), 0);
        assert_out_of_bounds(call(&file, 64 + size, 0), 64 + size, 0, 64);
    }
}

/// Row 14: plain and atomic views of the same bytes never coexist, nor do atomic views of two widths.
#[test]
fn views_of_different_kinds_never_overlap() {
    let scratch = Scratch::new();
    let file = scratch.zeros(256);
    let atomic = file.atomic_u64_slice(64, 4).unwrap();
    for (offset, len) in [(0, 256), (64, 1), (95, 1), (63, 2), (95, 10), (70, 3)] {
        assert_invalid_mode(file.as_slice(offset, len));
        assert_invalid_mode(file.try_as_slice(offset, len));
    }
    assert_invalid_mode(file.atomic_u32(64).map(|_| ()));
    assert_invalid_mode(file.atomic_u32(92).map(|_| ()));
    assert_invalid_mode(file.atomic_u32_slice(0, 64).map(|_| ()));
    for (offset, len) in [(0, 64), (96, 160), (80, 0)] {
        assert!(file.as_slice(offset, len).is_ok(), "{offset} {len}");
    }
    assert!(file.atomic_u32(60).is_ok() && file.atomic_u32(96).is_ok());
    let same = file.atomic_u64_slice(72, 10).unwrap();
    drop(atomic);
    assert_invalid_mode(file.as_slice(72, 1));
    assert!(file.as_slice(64, 8).is_ok());
    drop(same);
    assert!(file.as_slice(0, 256).is_ok());

    let plain = file.as_slice(100, 10).unwrap();
    let again = file.as_slice(105, 10).unwrap();
    assert_invalid_mode(file.atomic_u64(96).map(|_| ()));
    assert_invalid_mode(file.atomic_u32(108).map(|_| ()));
    assert!(file.atomic_u64(88).is_ok());
    drop(plain);
    assert_invalid_mode(file.atomic_u32(112).map(|_| ()));
    assert!(file.atomic_u32(100).is_ok(), "only what is still alive counts");
    drop(again);
    assert!(file.atomic_u64_slice(0, 32).is_ok());
}

/// Row 14: copying reads are always allowed, and see whole elements.
#[test]
fn copying_beside_atomics_gives_the_bytes_at_any_offset() {
    let scratch = Scratch::new();
    let bytes = pattern(256);
    let file = scratch.with(&bytes, MmapMode::ReadWrite);
    let _wide = file.atomic_u64_slice(64, 4).unwrap();
    let _narrow = file.atomic_u32_slice(100, 3).unwrap();
    for offset in 50..130 {
        for len in [0, 1, 3, 4, 7, 8, 9, 31, 60, 120] {
            let mut copy = vec![0; len];
            file.read_into(u64::try_from(offset).unwrap(), &mut copy).unwrap();
            assert_eq!(copy, bytes[offset..offset + len], "{offset} {len}");
        }
    }
    #[cfg(feature = "bytes")]
    assert_eq!(file.read_bytes(61, 50).unwrap(), bytes[61..111]);
    #[cfg(feature = "iterator")]
    assert_eq!(file.chunks_owned(60).map(Result::unwrap).collect::<Vec<_>>().concat(), bytes);
}

#[test]
fn a_copied_element_is_never_torn() {
    let scratch = Scratch::new();
    let file = scratch.zeros(4096);
    let view = file.atomic_u64_slice(0, 512).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..20_000_u64 {
                let byte = round & 255;
                view[7].store(byte * 0x0101_0101_0101_0101, Ordering::Relaxed);
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            let mut copy = [0; 24];
            file.read_into(48, &mut copy).unwrap();
            assert!(copy[8..16].iter().all(|byte| *byte == copy[8]), "{copy:?}");
        }
    });
}

#[cfg(feature = "iterator")]
#[test]
fn pieces_that_overlap_an_atomic_view_are_copies() {
    let scratch = Scratch::new();
    let bytes = pattern(64);
    let file = scratch.with(&bytes, MmapMode::ReadWrite);
    let view = file.atomic_u32(20).unwrap();
    let pieces: Vec<_> = file.chunks(16).collect();
    view.store(u32::MAX, Ordering::SeqCst);
    assert_eq!(pieces.iter().map(|piece| piece.to_vec()).collect::<Vec<_>>().concat(), bytes, "of the time before");
    assert_eq!(file.chunks(16).nth(1).unwrap()[4..8], [255; 4]);
    // A copy keeps nobody away.
    drop(view);
    let copied = &pieces[1];
    assert!(file.atomic_u32(20).is_ok());
    assert_invalid_mode(file.atomic_u32(0).map(|_| ()));
    assert_eq!(copied.len(), 16);
}

/// Row 12, row 3: a view keeps the mapping where it is, and counts its size when it goes.
#[test]
fn writers_and_resizing_wait_for_an_atomic_view() {
    let scratch = Scratch::new();
    let file = scratch.zeros(page());
    let view = file.atomic_u64(8).unwrap();
    assert!(!file.try_update_region(2000, b"x").unwrap());
    assert!(file.try_as_slice_mut(2000, 1).unwrap().is_none());
    let other = file.clone();
    let growing = thread::spawn(move || other.resize(64 * page()).unwrap());
    for round in 0..1000 {
        view.store(round, Ordering::SeqCst);
    }
    assert_eq!(file.len(), page());
    drop(view);
    growing.join().unwrap();
    assert_eq!((file.len(), file.atomic_u64(8).unwrap().load(Ordering::SeqCst)), (64 * page(), 999));
}

#[test]
fn adding_from_many_threads_and_mappings_loses_nothing() {
    let scratch = Scratch::new();
    let file = scratch.zeros(64);
    let other = MemoryMappedFile::open_rw(scratch.file()).unwrap();
    thread::scope(|scope| {
        for mapping in [&file, &other, &file, &other] {
            scope.spawn(move || {
                let wide = mapping.atomic_u64(8).unwrap();
                let narrow = mapping.atomic_u32(16).unwrap();
                for _ in 0..10_000 {
                    wide.fetch_add(1, Ordering::Relaxed);
                    narrow.fetch_sub(1, Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(file.atomic_u64(8).unwrap().load(Ordering::SeqCst), 40_000);
    assert_eq!(file.atomic_u32(16).unwrap().load(Ordering::SeqCst), 40_000_u32.wrapping_neg());
}

#[test]
fn memory_without_a_file_has_the_same_atomics() {
    let memory = AnonymousMmap::new(256).unwrap();
    memory.atomic_u32(4).unwrap().store(7, Ordering::SeqCst);
    let wide = memory.atomic_u64_slice(64, 4).unwrap();
    wide[3].store(9, Ordering::SeqCst);
    assert_invalid_mode(memory.as_slice(95, 1));
    assert_invalid_mode(memory.atomic_u32_slice(64, 1).map(|_| ()));
    assert!(!memory.try_update_region(0, b"x").unwrap());
    let mut copy = [0; 8];
    memory.read_into(88, &mut copy).unwrap();
    assert_eq!(u64::from_ne_bytes(copy), 9);
    drop(wide);
    assert_eq!(memory.as_slice(4, 4).unwrap(), 7_u32.to_ne_bytes());
    assert_misaligned(memory.atomic_u64(10_001).map(|_| ()), 8, 10_001);
    assert_out_of_bounds(memory.atomic_u64(256).map(|_| ()), 256, 8, 256);
}

#[cfg(feature = "cow")]
#[test]
fn a_private_mapping_has_private_atomics() {
    let scratch = Scratch::new();
    drop(scratch.zeros(64));
    let file = MemoryMappedFile::open_cow_writable(scratch.file()).unwrap();
    file.atomic_u64(0).unwrap().store(5, Ordering::SeqCst);
    assert_eq!((common::all(&file)[..8].to_vec(), file.pending_bytes()), (5_u64.to_ne_bytes().to_vec(), 0));
    assert_eq!(scratch.content(), [0; 64]);
}

#[test]
fn views_print_what_they_are() {
    let scratch = Scratch::new();
    let file = scratch.zeros(64);
    assert!(format!("{:?}", file.atomic_u64(0).unwrap()).starts_with("AtomicView"));
    assert!(format!("{:?}", file.atomic_u64_slice(0, 3).unwrap()).contains('3'));
}

/// Row 14: it does not matter how many views are alive, nor in which order they came and go.
#[test]
fn of_many_views_each_keeps_the_other_kind_away_from_its_own_bytes() {
    let scratch = Scratch::new();
    let file = scratch.zeros(64 * 16);
    let mut plain: Vec<_> = (0..64).map(|number| Some(file.as_slice(number * 16, 8).unwrap())).collect();
    let overlaps = |number: usize| {
        let offset = u64::try_from(number * 16).unwrap();
        assert!(file.atomic_u64(offset + 8).is_ok(), "beside view {number}");
        file.atomic_u64(offset).is_err()
    };
    // An order that visits every one.
    for step in 0..64 {
        assert!((0..64).all(|number| overlaps(number) == plain[number].is_some()));
        plain[step * 37 % 64] = None;
    }
    let mut atomic: Vec<_> = (0..64).map(|number| Some(file.atomic_u64(number * 16).unwrap())).collect();
    for step in 0..64 {
        for (number, view) in atomic.iter().enumerate() {
            let offset = u64::try_from(number * 16).unwrap();
            assert_eq!(file.as_slice(offset + 7, 1).is_err(), view.is_some());
            assert_eq!(file.atomic_u32(offset + 4).is_err(), view.is_some());
        }
        let beside: Vec<_> = (0..64).map(|number| file.as_slice(number * 16 + 8, 8).unwrap()).collect();
        assert!(file.atomic_u64(8).is_err());
        drop(beside);
        atomic[step * 37 % 64] = None;
    }
    assert!(file.as_slice(0, 64 * 16).is_ok());
}
