//! Segments.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::sync::Arc;

use common::{assert_invalid_mode, assert_out_of_bounds, page, Scratch};
use mmap_io::segment::{Segment, SegmentMut};
use mmap_io::{MemoryMappedFile, MmapMode};

const BYTES: &[u8] = b"0123456789";

fn mapped(scratch: &Scratch, mode: MmapMode) -> Arc<MemoryMappedFile> {
    Arc::new(scratch.with(BYTES, mode))
}

#[test]
fn a_segment_is_its_part_of_the_mapping() {
    let scratch = Scratch::new();
    for mode in [MmapMode::ReadOnly, MmapMode::ReadWrite] {
        let segment = Segment::new(mapped(&scratch, mode), 3, 4).unwrap();
        assert_eq!((segment.offset(), segment.len(), segment.is_empty(), segment.is_valid()), (3, 4, false, true));
        assert_eq!(segment.as_slice().unwrap(), b"3456");
        assert_eq!((segment.parent().len(), segment.clone().len()), (10, 4));
    }
    let segment = SegmentMut::new(mapped(&scratch, MmapMode::ReadWrite), 3, 4).unwrap();
    segment.as_slice_mut().unwrap()[0] = b'X';
    segment.write(b"ab").unwrap();
    segment.write(b"").unwrap();
    assert_eq!((segment.offset(), segment.len(), segment.is_empty(), segment.is_valid()), (3, 4, false, true));
    assert_eq!(scratch.content(), b"012ab56789");
}

#[test]
fn bounds_are_checked_when_it_is_made_and_no_bytes_are_accepted_anywhere() {
    let scratch = Scratch::new();
    let file = mapped(&scratch, MmapMode::ReadWrite);
    for (offset, len) in [(0, 11), (10, 1), (11, 1), (u64::MAX, 1), (5, u64::MAX)] {
        assert_out_of_bounds(Segment::new(Arc::clone(&file), offset, len), offset, len, 10);
        assert_out_of_bounds(SegmentMut::new(Arc::clone(&file), offset, len), offset, len, 10);
    }
    for offset in [0, 10, 11, u64::MAX] {
        let empty = Segment::new(Arc::clone(&file), offset, 0).unwrap();
        assert!(empty.is_empty() && empty.is_valid() && empty.as_slice().unwrap().is_empty());
        let empty = SegmentMut::new(Arc::clone(&file), offset, 0).unwrap();
        assert!(empty.is_empty() && empty.as_slice_mut().unwrap().is_empty());
        empty.write(b"").unwrap();
        assert_out_of_bounds(empty.write(b"x"), 0, 1, 0);
    }
}

/// Row 19: a write never leaves its segment.
#[test]
fn a_write_longer_than_the_segment_is_refused_with_the_segments_numbers() {
    let scratch = Scratch::new();
    let segment = SegmentMut::new(mapped(&scratch, MmapMode::ReadWrite), 3, 4).unwrap();
    assert_out_of_bounds(segment.write(b"12345"), 0, 5, 4);
    assert_out_of_bounds(segment.write(&[0; 100]), 0, 100, 4);
    assert_eq!((scratch.content().as_slice(), segment.parent().pending_bytes()), (BYTES, 0));
    segment.write(b"abcd").unwrap();
    assert_eq!(scratch.content(), b"012abcd789");
}

#[test]
fn a_segment_to_write_can_be_made_on_any_mapping_and_fails_when_used() {
    let scratch = Scratch::new();
    let segment = SegmentMut::new(mapped(&scratch, MmapMode::ReadOnly), 3, 4).unwrap();
    assert_invalid_mode(segment.write(b"ab"));
    assert_invalid_mode(segment.write(b"longer than the segment"));
    assert_invalid_mode(segment.as_slice_mut());
    segment.write(b"").unwrap();
    assert_eq!(scratch.content(), BYTES);
}

/// Row 12: what a shrink cut off is out of bounds, in part as well as in whole, until the mapping has grown again.
#[test]
fn a_segment_follows_a_resize() {
    let scratch = Scratch::new();
    let file = Arc::new(scratch.zeros(2 * page()));
    let offset = page() + 10;
    let reading = Segment::new(Arc::clone(&file), offset, 100).unwrap();
    let writing = SegmentMut::new(Arc::clone(&file), offset, 100).unwrap();
    for len in [offset + 50, offset, 1] {
        file.resize(len).unwrap();
        assert!(!reading.is_valid() && !writing.is_valid());
        assert_out_of_bounds(reading.as_slice(), offset, 100, len);
        assert_out_of_bounds(writing.as_slice_mut(), offset, 100, len);
        // The data alone would fit.
        assert_out_of_bounds(writing.write(b"x"), offset, 100, len);
    }
    assert_eq!(file.pending_bytes(), 0);
    file.resize(offset + 100).unwrap();
    assert!(reading.is_valid() && writing.is_valid());
    writing.write(b"back").unwrap();
    assert_eq!(reading.as_slice().unwrap()[..4], *b"back");
}
