//! A mapping as a reader.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::io::{BufRead, Cursor, ErrorKind, Read, Seek, SeekFrom};

use common::{page, pattern, Scratch};
use mmap_io::MmapMode;

const MODES: [MmapMode; 2] = [MmapMode::ReadOnly, MmapMode::ReadWrite];

#[test]
fn it_reads_and_seeks_like_a_cursor_over_the_same_bytes() {
    let scratch = Scratch::new();
    let bytes = pattern(3 * page() + 11);
    for mode in MODES {
        let file = scratch.with(&bytes, mode);
        let (mut reader, mut cursor) = (file.reader(), Cursor::new(bytes.clone()));
        let mut seed = 1_u64;
        for _ in 0..3000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let distance = i64::try_from(seed >> 50).unwrap() - 8000;
            let target = match seed >> 33 & 7 {
                0 => SeekFrom::Start(distance.unsigned_abs()),
                1 => SeekFrom::End(distance),
                2 => SeekFrom::Current(distance),
                3 => {
                    let (mut here, mut there) = (reader.fill_buf().unwrap(), cursor.fill_buf().unwrap());
                    assert_eq!(here.is_empty(), there.is_empty());
                    let used = common::at(seed >> 40 & 4095).min(here.len());
                    (here, there) = (&here[..used], &there[..used]);
                    assert_eq!(here, there);
                    reader.consume(used);
                    cursor.consume(used);
                    SeekFrom::Current(0)
                }
                _ => {
                    let len = common::at(seed >> 40 & 8191);
                    let (mut here, mut there) = (vec![0; len], vec![0; len]);
                    assert_eq!(reader.read(&mut here).unwrap(), cursor.read(&mut there).unwrap());
                    assert_eq!(here, there);
                    SeekFrom::Current(0)
                }
            };
            let (here, there) = (reader.seek(target), cursor.seek(target));
            assert_eq!(here.map_err(|e| e.kind()), there.map_err(|e| e.kind()), "{target:?}");
            assert_eq!(reader.position(), cursor.position());
        }
    }
}

/// Row 33: a seek to before the start or past what a position can be is an error and moves nothing.
#[test]
fn a_seek_that_cannot_be_is_refused_and_keeps_the_position() {
    let scratch = Scratch::new();
    let file = scratch.with(b"0123456789", MmapMode::ReadWrite);
    let mut reader = file.reader();
    reader.set_position(4);
    let refused = [SeekFrom::End(-11), SeekFrom::Current(-5), SeekFrom::End(i64::MIN), SeekFrom::Current(i64::MIN)];
    for target in refused {
        assert_eq!(reader.seek(target).unwrap_err().kind(), ErrorKind::InvalidInput, "{target:?}");
        assert_eq!(reader.position(), 4);
    }
    assert_eq!(reader.seek(SeekFrom::Start(u64::MAX)).unwrap(), u64::MAX);
    assert_eq!(reader.seek(SeekFrom::Current(1)).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!((reader.position(), reader.read(&mut [0; 4]).unwrap()), (u64::MAX, 0));
    assert!(reader.fill_buf().unwrap().is_empty());
    reader.consume(5);
    assert_eq!(reader.position(), u64::MAX);
    assert_eq!(reader.seek(SeekFrom::End(-1)).unwrap(), 9);
    assert_eq!((reader.read(&mut [0; 4]).unwrap(), reader.position()), (1, 10));
}

#[test]
fn lines_come_out_whatever_the_mode() {
    let scratch = Scratch::new();
    let lines: Vec<String> = (0..2000).map(|number| format!("line {number} {}", "x".repeat(number % 50))).collect();
    for mode in MODES {
        let file = scratch.with(lines.join("\n").as_bytes(), mode);
        assert!(file.reader().lines().map(Result::unwrap).eq(lines.iter().cloned()));
        let mut text = String::new();
        file.reader().read_to_string(&mut text).unwrap();
        assert_eq!(text, lines.join("\n"));
    }
}

#[test]
fn it_follows_a_resize_and_holds_no_lock_between_calls() {
    let scratch = Scratch::new();
    let file = scratch.with(b"0123456789", MmapMode::ReadWrite);
    let mut reader = file.reader();
    reader.set_position(8);
    assert_eq!(reader.fill_buf().unwrap(), b"89");
    reader.consume(2);
    assert!(reader.fill_buf().unwrap().is_empty());
    file.resize(12).unwrap();
    file.update_region(10, b"ab").unwrap();
    assert_eq!(reader.fill_buf().unwrap(), b"ab");
    let mut buffer = [0; 10];
    assert_eq!(reader.read(&mut buffer).unwrap(), 2);
    reader.set_position(3);
    file.resize(5).unwrap();
    assert_eq!((reader.read(&mut buffer).unwrap(), &buffer[..2]), (2, b"34".as_slice()));
    reader.set_position(9);
    assert_eq!(reader.read(&mut buffer).unwrap(), 0);
}

#[test]
fn many_readers_have_a_position_each() {
    let scratch = Scratch::new();
    let file = scratch.with(b"0123456789", MmapMode::ReadOnly);
    let (mut first, mut second) = (file.reader(), file.reader());
    let mut byte = [0];
    first.set_position(7);
    first.read_exact(&mut byte).unwrap();
    assert_eq!(byte, *b"7");
    second.read_exact(&mut byte).unwrap();
    assert_eq!((byte, first.position(), second.position()), (*b"0", 8, 1));
    assert!(format!("{first:?}").contains('8'));
    assert_eq!(first.read_exact(&mut [0; 3]).unwrap_err().kind(), ErrorKind::UnexpectedEof);
}
