//! Walking over a mapping.
#![cfg(feature = "iterator")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::panic::{catch_unwind, AssertUnwindSafe};

use common::{all, assert_invalid_mode, assert_out_of_bounds, at, page, pattern, within_limit, Scratch};
use mmap_io::{MmapIoError, MmapMode};

fn sizes(len: usize) -> [usize; 8] {
    [1, 7, len - 1, len, len + 1, at(page()), 3 * at(page()) + 1, usize::MAX]
}

#[test]
fn pieces_are_the_mapping_in_order_and_their_number_is_known() {
    let scratch = Scratch::new();
    let bytes = pattern(2 * page() + 100);
    for mode in [MmapMode::ReadOnly, MmapMode::ReadWrite] {
        let file = scratch.with(&bytes, mode);
        for size in sizes(bytes.len()) {
            let expected: Vec<&[u8]> = bytes.chunks(size).collect();
            let mut chunks = file.chunks(size);
            for (done, expected) in expected.iter().enumerate() {
                assert_eq!(
                    (chunks.len(), chunks.size_hint().1),
                    (bytes.len().div_ceil(size) - done, Some(chunks.len()))
                );
                assert_eq!(chunks.next().unwrap(), *expected);
            }
            assert_eq!((chunks.len(), chunks.next().is_none(), chunks.next().is_none()), (0, true, true));
            let mut owned = file.chunks_owned(size);
            assert_eq!(owned.len(), expected.len());
            assert!(owned.by_ref().map(Result::unwrap).eq(expected.iter().map(|chunk| chunk.to_vec())));
            assert_eq!((owned.len(), owned.next().is_none()), (0, true));
        }
        let pages: Vec<&[u8]> = bytes.chunks(at(page())).collect();
        assert_eq!((file.pages().len(), file.pages_owned().len()), (3, 3));
        assert!(file.pages().map(|page| page.to_vec()).eq(pages.iter().map(|page| page.to_vec())));
        assert!(file.pages_owned().map(Result::unwrap).eq(pages.iter().map(|page| page.to_vec())));
    }
}

#[test]
fn a_size_of_zero_gives_no_pieces() {
    let scratch = Scratch::new();
    let file = scratch.with(b"0123456789", MmapMode::ReadWrite);
    assert_eq!((file.chunks(0).len(), file.chunks(0).count(), file.chunks_owned(0).count()), (0, 0, 0));
    file.chunks_mut(0).for_each_mut(|_, _| panic!("there is no piece")).unwrap();
    assert_eq!(file.pending_bytes(), 0);
    // The mode comes first.
    let reading = scratch.with(b"0123456789", MmapMode::ReadOnly);
    assert_invalid_mode(reading.chunks_mut(0).for_each_mut(|_, _| Ok(())));
    assert_invalid_mode(reading.chunks_mut(4).for_each_mut_legacy(|_, _| Ok::<(), ()>(())));
}

/// Row 9: a piece outlives its iterator, and the mapping stays where it is meanwhile.
#[test]
fn a_piece_kept_after_its_iterator_holds_the_mapping() {
    let scratch = Scratch::new();
    let bytes = pattern(2 * page());
    let file = scratch.with(&bytes, MmapMode::ReadWrite);
    let piece = file.chunks(at(page())).nth(1).unwrap();
    assert!(!file.try_update_region(0, b"x").unwrap());
    let other = file.clone();
    let resizing = std::thread::spawn(move || other.resize(500 * page()).unwrap());
    assert_eq!(piece, bytes[at(page())..]);
    drop(piece);
    resizing.join().unwrap();
    let mut chunks = file.pages();
    drop(chunks.next());
    assert!(!file.try_update_region(0, b"x").unwrap(), "the iterator itself holds it as well");
    drop(chunks);
    assert!(file.try_update_region(0, b"x").unwrap());
}

#[test]
fn owned_pieces_hold_nothing_up_and_tell_when_the_mapping_became_shorter() {
    let scratch = Scratch::new();
    let file = scratch.with(b"0123456789", MmapMode::ReadWrite);
    let mut owned = file.chunks_owned(4);
    assert_eq!(owned.next().unwrap().unwrap(), b"0123");
    file.update_region(4, b"abcd").unwrap();
    assert_eq!(owned.next().unwrap().unwrap(), b"abcd");
    file.resize(5).unwrap();
    assert_out_of_bounds(owned.next().unwrap(), 8, 2, 5);
    assert!(owned.next().is_none());
}

#[test]
fn every_piece_can_be_written_once() {
    let scratch = Scratch::new();
    let bytes = pattern(2 * page() + 100);
    let mut expected = bytes.clone();
    for (round, size) in sizes(bytes.len()).into_iter().enumerate() {
        let file = scratch.with(&expected, MmapMode::ReadWrite);
        let mut offsets = Vec::new();
        let turn = |byte: &mut u8| *byte = byte.wrapping_add(u8::try_from(round).unwrap());
        file.chunks_mut(size)
            .for_each_mut(|offset, chunk| {
                offsets.push((at(offset), chunk.len()));
                chunk.iter_mut().for_each(turn);
                Ok(())
            })
            .unwrap();
        expected.iter_mut().for_each(turn);
        let mut position = 0;
        let pieces = expected.chunks(size).map(|chunk| {
            position += chunk.len();
            (position - chunk.len(), chunk.len())
        });
        assert_eq!(offsets, pieces.collect::<Vec<_>>());
        assert_eq!((all(&file), scratch.content()), (expected.clone(), expected.clone()));
    }
}

#[test]
fn the_first_error_ends_the_walk_and_what_was_written_stays() {
    let scratch = Scratch::new();
    let walk = |offset: u64, chunk: &mut [u8]| {
        chunk.fill(b'X');
        if offset == 4 {
            Err("enough")
        } else {
            Ok(())
        }
    };
    let file = scratch.with(b"0123456789", MmapMode::ReadWrite);
    assert_eq!(file.chunks_mut(4).for_each_mut_legacy(walk).unwrap(), Err("enough"));
    assert_eq!((scratch.content().as_slice(), file.pending_bytes()), (b"XXXXXXXX89".as_slice(), 8));
    assert_eq!(file.chunks_mut(4).for_each_mut_legacy(|_, _| Ok::<(), ()>(())).unwrap(), Ok(()));
    let file = scratch.with(b"0123456789", MmapMode::ReadWrite);
    let named = |offset, chunk: &mut [u8]| walk(offset, chunk).map_err(MmapIoError::InvalidMode);
    assert!(matches!(file.chunks_mut(4).for_each_mut(named), Err(MmapIoError::InvalidMode("enough"))));
    assert_eq!(scratch.content(), b"XXXXXXXX89");
}

/// Row 12: the length that counts is that at the walk, not that when it was asked for.
#[test]
fn a_walk_after_a_resize_sees_the_new_length() {
    let scratch = Scratch::new();
    let file = scratch.zeros(3 * page());
    for len in [page() / 2, 5 * page()] {
        let walk = file.chunks_mut(at(page()));
        file.resize(len).unwrap();
        let mut seen = 0;
        walk.for_each_mut(|_, chunk| {
            seen += chunk.len();
            Ok(())
        })
        .unwrap();
        assert_eq!(seen, at(len));
    }
}

#[test]
fn a_panic_inside_a_walk_leaves_the_mapping_usable_and_its_bytes_counted() {
    let scratch = Scratch::new();
    let file = scratch.with(b"0123456789", MmapMode::ReadWrite);
    let walk = || {
        file.chunks_mut(4).for_each_mut(|offset, chunk| {
            chunk[0] = b'P';
            assert!(offset == 0, "on purpose");
            Ok(())
        })
    };
    assert!(catch_unwind(AssertUnwindSafe(walk)).is_err());
    assert_eq!((scratch.content().as_slice(), file.pending_bytes()), (b"P123P56789".as_slice(), 8));
    let other = file.clone();
    within_limit(move || {
        other.update_region(0, b"x").unwrap();
        other.resize(20).unwrap();
        assert_eq!(other.chunks(5).len(), 4);
    });
}

/// Row 5: a flush in the middle of a walk does not make what is written after it count as flushed.
#[test]
fn what_a_walk_writes_after_a_flush_stays_pending() {
    let scratch = Scratch::new();
    let file = scratch.zeros(100);
    let flusher = file.clone();
    file.chunks_mut(100)
        .for_each_mut(|_, chunk| {
            // Takes no lock that the walk holds.
            flusher.flush()?;
            chunk.fill(1);
            Ok(())
        })
        .unwrap();
    assert_eq!(file.pending_bytes(), 100);
}
