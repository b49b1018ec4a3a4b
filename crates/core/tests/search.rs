//! Searching, with the plain search through a slice as the oracle.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

use std::fs;

use mmap_io::file::MmapMode;
use mmap_io::{Error, MappedFile, Matches, Needle, OpenOptions};
use proptest::prelude::*;

const MIB: u64 = 1 << 20;

fn mapped(bytes: &[u8]) -> MappedFile {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    fs::write(&path, bytes).unwrap();
    OpenOptions::new(MmapMode::ReadOnly).open(path).unwrap()
}

/// A file of `len` zeros with `needle` at these places.
fn sparse(len: u64, places: &[u64], needle: &[u8]) -> MappedFile {
    let file = tempfile::tempfile().unwrap();
    file.set_len(len).unwrap();
    let file = OpenOptions::new(MmapMode::ReadWrite).map(file).unwrap();
    for place in places {
        file.write(*place, needle).unwrap();
    }
    file
}

fn naive(bytes: &[u8], needle: &[u8]) -> Vec<u64> {
    let (mut hits, mut at) = (Vec::new(), 0);
    while at + needle.len() <= bytes.len() {
        if bytes[at..].starts_with(needle) {
            hits.push(u64::try_from(at).unwrap());
            at += needle.len();
        } else {
            at += 1;
        }
    }
    hits
}

fn all(file: &MappedFile, needle: &[u8]) -> Vec<u64> {
    file.find_all(&Needle::new(needle).unwrap(), 0..file.len(), usize::MAX, || false).unwrap().offsets
}

proptest! {
    #[test]
    fn finds_what_a_plain_search_finds(
        unit in prop::collection::vec(0..3_u8, 1..20),
        times in 1..600_usize,
        needle in prop::collection::vec(0..3_u8, 1..30),
    ) {
        let bytes = unit.repeat(times);
        let file = mapped(&bytes);
        let expected = naive(&bytes, &needle);
        let prepared = Needle::new(&needle).unwrap();
        prop_assert_eq!(file.find(&prepared, 0..file.len()).unwrap(), expected.first().copied());
        let last = (0..bytes.len()).rev().find(|at| bytes[*at..].starts_with(&needle));
        prop_assert_eq!(file.find_last(&prepared, 0..file.len()).unwrap(), last.map(|at| at as u64));
        prop_assert_eq!(file.count_matches(&prepared, 0..file.len()).unwrap(), expected.len() as u64);
        prop_assert_eq!(all(&file, &needle), expected);
    }
}

#[test]
fn matches_are_found_across_the_borders_of_pieces() {
    let needle = b"across";
    for border in [MIB, 2 * MIB, 3 * MIB - 4096, 3 * MIB - 4096 - 8192] {
        for before in 0..=6 {
            let file = sparse(3 * MIB, &[border - before], needle);
            let prepared = Needle::new(needle).unwrap();
            assert_eq!(file.find(&prepared, 0..file.len()).unwrap(), Some(border - before));
            assert_eq!(file.find_last(&prepared, 0..file.len()).unwrap(), Some(border - before));
            assert_eq!(file.count_matches(&prepared, 0..file.len()).unwrap(), 1);
        }
    }
}

#[test]
fn a_needle_may_be_longer_than_a_piece() {
    let needle = vec![7; 3 << 19];
    let file = sparse(8 * MIB, &[100, 3 * MIB + 1, 6 * MIB + MIB / 2], &needle);
    assert_eq!(all(&file, &needle), [100, 3 * MIB + 1, 6 * MIB + MIB / 2]);
    let prepared = Needle::new(&needle).unwrap();
    assert_eq!(file.find_last(&prepared, 0..file.len()).unwrap(), Some(6 * MIB + MIB / 2));
    assert_eq!(file.find_last(&prepared, 0..file.len() - 1).unwrap(), Some(3 * MIB + 1));
    assert_eq!(file.find(&prepared, 101..4 * MIB).unwrap(), None);
}

#[test]
fn matches_lie_wholly_in_the_range() {
    let file = mapped(b"abcabcabc");
    let needle = Needle::owned(b"abc".to_vec()).unwrap();
    assert_eq!(file.find(&needle, 1..9).unwrap(), Some(3));
    assert_eq!(file.find(&needle, 1..5).unwrap(), None);
    assert_eq!(file.find(&needle, 1..6).unwrap(), Some(3));
    assert_eq!(file.find_last(&needle, 1..8).unwrap(), Some(3));
    assert_eq!(file.find_last(&needle, 1..5).unwrap(), None);
    assert_eq!(file.count_matches(&needle, 0..8).unwrap(), 2);
    assert_eq!(file.count_matches(&needle, 9..9).unwrap(), 0);
    assert!(matches!(file.find(&needle, 1..10), Err(Error::OutOfBounds { offset: 1, len: 9, total: 9 })));
    assert!(matches!(file.count_matches(&needle, 10..11), Err(Error::OutOfBounds { .. })));
    assert!(matches!(file.find_all(&needle, 0..u64::MAX, 1, || false), Err(Error::OutOfBounds { .. })));
}

#[test]
fn what_a_shrink_has_cut_off_is_out_of_bounds() {
    let file = sparse(3 * MIB, &[MIB], b"needle");
    let needle = Needle::new(b"needle").unwrap();
    file.resize(MIB).unwrap();
    assert!(matches!(file.find(&needle, 0..MIB + 6), Err(Error::OutOfBounds { total: MIB, .. })));
    assert_eq!(file.find(&needle, 0..MIB).unwrap(), None);
}

#[test]
fn positions_are_right_beyond_two_and_four_gibibytes() {
    let needle = b"needle";
    let places = [(1 << 31) - 1, 1 << 31 | 9, (1 << 32) - 3, (1 << 32) + 9];
    let file = sparse(6 << 30, &places, needle);
    let prepared = Needle::new(needle).unwrap();
    for place in places {
        let around = place - 10..place + 16;
        assert_eq!(
            file.find(&prepared, around.start..file.len()).unwrap(),
            places.into_iter().find(|at| *at >= around.start)
        );
        assert_eq!(file.find_last(&prepared, 0..place + 6).unwrap(), Some(place));
        assert_eq!(file.find_all(&prepared, place..place + 6, 9, || false).unwrap().offsets, [place]);
        assert_eq!(file.count_matches(&prepared, place..place + 6).unwrap(), 1);
        assert_eq!(file.count_matches(&Needle::new(b"n").unwrap(), place..place + 6).unwrap(), 1);
    }
}

#[test]
fn a_search_for_all_ends_at_its_limit_and_when_told_to_stop() {
    let file = mapped(&b"ab".repeat(1000));
    let needle = Needle::new(b"ab").unwrap();
    let found = |from, limit| {
        let Matches { offsets, searched } = file.find_all(&needle, from..1999, limit, || false).unwrap();
        (offsets, searched)
    };
    assert_eq!(found(0, 3), (vec![0, 2, 4], 6));
    assert_eq!(found(7, 0), (vec![], 7));
    assert_eq!(found(1993, 3), (vec![1994, 1996], 1999), "all was searched");
    assert_eq!(found(1994, 2), (vec![1994, 1996], 1998), "the last byte was not");
    let mut asked = 0;
    let stop = || {
        asked += 1;
        asked == 6
    };
    let Matches { offsets, searched } = file.find_all(&needle, 0..2000, usize::MAX, stop).unwrap();
    assert_eq!((offsets.len(), searched), (5, 10));
}

#[test]
fn a_search_without_a_match_asks_between_pieces_whether_to_stop() {
    let file = sparse(64 * MIB, &[], b"");
    let needle = Needle::new(b"no").unwrap();
    let mut asked = 0;
    let stop = |at| {
        move || {
            asked += 1;
            asked == at
        }
    };
    let whole = Matches { offsets: vec![], searched: file.len() };
    assert_eq!(file.find_all(&needle, 0..file.len(), 1, stop(66)).unwrap(), whole);
    let part = file.find_all(&needle, 0..file.len(), 1, stop(64)).unwrap();
    assert!(part.offsets.is_empty() && part.searched == 63 * MIB, "{}", part.searched);
}

#[test]
fn there_is_no_needle_without_bytes() {
    assert!(Needle::new(b"").is_none());
    assert!(Needle::owned(Vec::new()).is_none());
    assert_eq!(mapped(b"").find(&Needle::new(b"a").unwrap(), 0..0).unwrap(), None);
}
