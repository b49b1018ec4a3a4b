//! Hints.
#![cfg(feature = "advise")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{all, assert_out_of_bounds, page, pattern, Scratch};
use mmap_io::{MmapAdvice, MmapMode};

const EVERY: [MmapAdvice; 5] =
    [MmapAdvice::Normal, MmapAdvice::Random, MmapAdvice::Sequential, MmapAdvice::WillNeed, MmapAdvice::DontNeed];

/// Row 31: ranges that begin and end inside of pages are widened.
#[test]
fn advice_on_any_range_changes_no_bytes() {
    let scratch = Scratch::new();
    let bytes = pattern(5 * page() + 7);
    for mode in [MmapMode::ReadOnly, MmapMode::ReadWrite] {
        let file = scratch.with(&bytes, mode);
        for advice in EVERY {
            for (offset, len) in [(0, 1), (1, 1), (page() - 1, 2), (page() + 1, 3 * page()), (0, 5 * page() + 7)] {
                file.advise(offset, len, advice).unwrap();
                assert_eq!(all(&file), bytes, "{advice:?} {offset} {len}");
            }
            assert_out_of_bounds(file.advise(1, 5 * page() + 7, advice), 1, 5 * page() + 7, 5 * page() + 7);
            assert_out_of_bounds(file.advise(u64::MAX, 1, advice), u64::MAX, 1, 5 * page() + 7);
        }
    }
}

/// Row 31: pages of a shared mapping that were written and not flushed survive "don't need".
#[test]
fn pages_that_are_not_needed_keep_what_was_written() {
    let scratch = Scratch::new();
    let file = scratch.zeros(4 * page());
    file.update_region(page() - 3, b"written").unwrap();
    file.advise(0, 4 * page(), MmapAdvice::DontNeed).unwrap();
    assert_eq!((file.as_slice(page() - 3, 7).unwrap().to_vec(), file.pending_bytes()), (b"written".to_vec(), 7));
}

/// Row 8: on a writable private mapping the written pages go, which no live view may see.
#[cfg(all(feature = "cow", target_os = "linux"))]
#[test]
fn private_pages_that_are_not_needed_go_when_no_view_is_alive() {
    let scratch = Scratch::new();
    drop(scratch.zeros(4 * page()));
    let file = mmap_io::MemoryMappedFile::open_cow_writable(scratch.file()).unwrap();
    file.update_region(page(), b"private").unwrap();
    let view = file.as_slice(page(), 7).unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    let other = file.clone();
    let advising = std::thread::spawn(move || {
        send.send(common::linux::thread_number()).unwrap();
        other.advise(0, 4 * page(), MmapAdvice::DontNeed).unwrap();
    });
    let thread = receive.recv().unwrap();
    common::wait_until("the advice waits for the view", || common::linux::is_asleep(thread));
    assert_eq!(view, b"private");
    drop(view);
    advising.join().unwrap();
    assert_eq!(file.as_slice(page(), 7).unwrap(), [0; 7]);
}

/// Row 13: advice beside a resize reaches this mapping alone.
#[test]
fn advice_beside_a_resize_changes_no_bytes() {
    let scratch = Scratch::new();
    let bytes = pattern(4 * page());
    let file = scratch.with(&bytes, MmapMode::ReadWrite);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..300 {
                file.resize((4 + round % 5 * 7) * page()).unwrap();
            }
        });
        scope.spawn(|| {
            for round in 0..2000 {
                file.advise(0, 4 * page(), EVERY[round % EVERY.len()]).unwrap();
            }
        });
    });
    assert_eq!(all(&file)[..bytes.len()], bytes);
}

/// Row 30: advice on a way of use holds when the file is mapped anew.
#[cfg(target_os = "linux")]
#[test]
fn advice_on_a_way_of_use_holds_over_a_resize() {
    let scratch = Scratch::new();
    let file = scratch.zeros(8 * page());
    let pages = |flag| common::linux::pages_with_flag(&scratch.file(), flag);
    file.advise(0, 4 * page(), MmapAdvice::Random).unwrap();
    file.advise(4 * page(), 3 * page(), MmapAdvice::Sequential).unwrap();
    assert_eq!((pages("rr"), pages("sr")), (4, 3));
    for len in [64, 512] {
        file.resize(len * page()).unwrap();
        assert_eq!((pages("rr"), pages("sr")), (4, 3), "{len}");
    }
    // A part that is taken back stays taken back.
    file.advise(page(), page(), MmapAdvice::Normal).unwrap();
    assert_eq!(pages("rr"), 3);
    file.resize(1024 * page()).unwrap();
    assert_eq!((pages("rr"), pages("sr")), (3, 3));
    file.advise(0, 512 * page(), MmapAdvice::Normal).unwrap();
    file.resize(2048 * page()).unwrap();
    assert_eq!((pages("rr"), pages("sr")), (0, 0));
}

/// Row 30: also when the mapping was shorter in between.
#[cfg(target_os = "linux")]
#[test]
fn advice_comes_back_with_the_pages_that_a_shrink_took() {
    let scratch = Scratch::new();
    let file = scratch.zeros(8 * page());
    let pages = |flag| common::linux::pages_with_flag(&scratch.file(), flag);
    file.advise(0, 8 * page(), MmapAdvice::Random).unwrap();
    file.resize(2 * page()).unwrap();
    assert_eq!(pages("rr"), 2);
    file.resize(6 * page()).unwrap();
    assert_eq!(pages("rr"), 6);
    file.resize(64 * page()).unwrap();
    assert_eq!(pages("rr"), 8);
}
