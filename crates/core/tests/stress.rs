//! Real threads at once, and two processes at once. What is checked are values, never times.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

#[cfg(feature = "atomic")]
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::process::{assert_passed, child_argument, command};
use common::{all, at, page, wait_until, within_limit, Scratch};
use mmap_io::flush::FlushPolicy;
use mmap_io::{MemoryMappedFile, MmapIoError};

/// How long each of the tests goes on.
const SPAN: Duration = Duration::from_millis(700);
/// What a writer fills with one value at a time.
const BLOCK: usize = 256;
const BLOCKS: u64 = 16;

/// Unless the mapping was too short for the range.
fn or_cut<T>(result: Result<T, MmapIoError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(MmapIoError::OutOfBounds { .. }) => None,
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn assert_whole(bytes: &[u8]) {
    for block in bytes.chunks(BLOCK) {
        assert!(block.iter().all(|byte| *byte == block[0]), "a block is torn: {block:?}");
    }
}

/// Rows 11, 12, 14: every reader sees whole blocks, whatever is resized, written, flushed and walked meanwhile.
#[test]
fn nobody_sees_half_a_write_while_everything_happens_at_once() {
    let scratch = Scratch::new();
    let policy = FlushPolicy::EveryMillis(3);
    let file = MemoryMappedFile::builder(scratch.file()).size(page()).flush_policy(policy).create().unwrap();
    let block = u64::try_from(BLOCK).unwrap();
    let mapping = file.clone();
    within_limit(move || {
        let file = &mapping;
        let end = Instant::now() + SPAN;
        let each = |body: &mut dyn FnMut(u64)| {
            let mut round = 0;
            while Instant::now() < end {
                body(round);
                round += 1;
                thread::yield_now();
            }
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                let sizes = [page(), 9 * page(), 3 * page() + block, 700 * page(), 2 * page()];
                each(&mut |round| file.resize(sizes[at(round) % sizes.len()]).unwrap());
            });
            scope.spawn(|| {
                each(&mut |round| {
                    let value = u8::try_from(round % 256).unwrap();
                    file.update_region(round % BLOCKS * block, &[value; BLOCK]).unwrap();
                    // Somewhere in what comes and goes.
                    or_cut(file.update_region(page() + round % 64 * block, &[value; BLOCK]));
                    if round % 7 == 0 {
                        file.as_slice_mut(0, block).unwrap().fill(value);
                    }
                    if round % 11 == 0 {
                        or_cut(file.try_update_region(8 * page(), &[value; BLOCK]));
                    }
                });
            });
            scope.spawn(|| {
                each(&mut |round| {
                    let mut copy = [0; 2 * BLOCK];
                    file.read_into(round % (BLOCKS - 1) * block, &mut copy).unwrap();
                    assert_whole(&copy);
                    let view = file.as_slice(0, BLOCKS * block).unwrap();
                    assert_whole(&view);
                    let again = view.to_vec();
                    assert_eq!(view, again[..], "a view does not change");
                    drop(view);
                    if let Some(view) = or_cut(file.as_slice(page(), 64 * block)) {
                        assert_whole(&view[..view.len() / BLOCK * BLOCK]);
                    }
                });
            });
            scope.spawn(|| {
                each(&mut |round| {
                    file.flush().unwrap();
                    or_cut(file.flush_range(page(), page()));
                    file.schedule_flush().unwrap();
                    or_cut(file.touch_pages_range(0, (1 + round % 4) * page()));
                    assert!(file.len() >= page());
                });
            });
            #[cfg(feature = "iterator")]
            scope.spawn(|| {
                each(&mut |round| {
                    let chunks = file.chunks(BLOCK);
                    let count = chunks.len();
                    assert_eq!(chunks.take(64).map(|chunk| assert_whole(&chunk)).count(), count.min(64));
                    for chunk in file.chunks_owned(BLOCK).take(20) {
                        if let Some(chunk) = or_cut(chunk) {
                            assert_whole(&chunk);
                        }
                    }
                    if round % 5 == 0 {
                        let value = u8::try_from(round % 256).unwrap();
                        file.chunks_mut(BLOCK)
                            .for_each_mut(|_, chunk| {
                                chunk.fill(value);
                                Ok(())
                            })
                            .unwrap();
                    }
                });
            });
        });
    });
    file.flush().unwrap();
    assert_eq!((file.pending_bytes(), scratch.content()), (0, all(&file)));
}

/// Row 14: atomics lose nothing while the mapping moves, and copies beside them are whole.
#[cfg(feature = "atomic")]
#[test]
fn atomics_lose_nothing_while_the_mapping_moves() {
    let scratch = Scratch::new();
    let file = scratch.zeros(page());
    let mapping = file.clone();
    let total = within_limit(move || {
        let file = &mapping;
        let done = AtomicBool::new(false);

        thread::scope(|scope| {
            let moving = scope.spawn(|| {
                for round in 0_u64.. {
                    if done.load(Ordering::Acquire) {
                        break;
                    }
                    file.resize((1 + round % 3 * 40) * page()).unwrap();
                    file.update_region(page() - 8, &round.to_ne_bytes()).unwrap();
                    thread::yield_now();
                }
            });
            let adding: Vec<_> = (0..3)
                .map(|_| {
                    scope.spawn(|| {
                        let end = Instant::now() + SPAN;
                        let mut added = 0;
                        while Instant::now() < end {
                            let (wide, narrow) = (file.atomic_u64(8).unwrap(), file.atomic_u32(16).unwrap());
                            for _ in 0..10 {
                                wide.fetch_add(1, Ordering::Relaxed);
                                narrow.fetch_add(1, Ordering::Relaxed);
                            }
                            added += 10;
                            let mut copy = [0; 8];
                            file.read_into(8, &mut copy).unwrap();
                            assert!(u64::from_ne_bytes(copy) >= added);
                            drop((wide, narrow));
                            thread::yield_now();
                        }
                        added
                    })
                })
                .collect();
            let total = adding.into_iter().map(|thread| thread.join().unwrap()).sum::<u64>();
            done.store(true, Ordering::Release);
            moving.join().unwrap();
            total
        })
    });
    assert_eq!(file.atomic_u64(8).unwrap().load(Ordering::SeqCst), total);
    assert_eq!(u64::from(file.atomic_u32(16).unwrap().load(Ordering::SeqCst)), total % (1 << 32));
}

/// Row 14: of a plain view and an atomic view of the same bytes there is one at a time, however close together they come.
#[cfg(feature = "atomic")]
#[test]
fn plain_and_atomic_views_that_race_never_coexist() {
    let scratch = Scratch::new();
    let file = scratch.zeros(page());
    let (plain_had, atomic_had) = (AtomicBool::new(false), AtomicBool::new(false));
    let end = Instant::now() + SPAN;
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while Instant::now() < end {
                    let Ok(view) = file.as_slice(0, 64) else { continue };
                    let before = view.to_vec();
                    thread::yield_now();
                    assert_eq!(view, before[..], "a plain view does not change");
                    plain_had.store(true, Ordering::Relaxed);
                }
            });
            scope.spawn(|| {
                for round in 1_u64.. {
                    if Instant::now() >= end {
                        break;
                    }
                    let Ok(view) = file.atomic_u64_slice(0, 8) else { continue };
                    view.iter().for_each(|element| element.store(round * 0x0101_0101, Ordering::Relaxed));
                    atomic_had.store(true, Ordering::Relaxed);
                    let mut copy = [0; 64];
                    file.read_into(0, &mut copy).unwrap();
                    drop(view);
                    thread::yield_now();
                }
            });
        }
    });
    assert!(plain_had.into_inner() && atomic_had.into_inner(), "both kinds were had at times");
}

/// Row 5: what is counted as pending at the end is what was written after the last flush, whoever flushed meanwhile.
#[test]
fn counting_loses_nothing_when_many_write_and_flush() {
    let scratch = Scratch::new();
    let file = scratch.zeros(page());
    thread::scope(|scope| {
        for number in 0..4 {
            let file = &file;
            scope.spawn(move || {
                for _ in 0..2000 {
                    file.update_region(number * 8, &[1; 8]).unwrap();
                }
            });
        }
    });
    assert_eq!(file.pending_bytes(), 4 * 2000 * 8);
    thread::scope(|scope| {
        scope.spawn(|| (0..2000).for_each(|_| file.update_region(0, &[1; 8]).unwrap()));
        scope.spawn(|| (0..200).for_each(|_| file.flush().unwrap()));
    });
    assert!(file.pending_bytes() <= 2000 * 8);
    file.flush().unwrap();
    assert_eq!(file.pending_bytes(), 0);
    file.update_region(0, b"abc").unwrap();
    assert_eq!(file.pending_bytes(), 3);
}

/// Two handles of one file, resized and used at once by one process.
#[test]
fn readers_of_the_path_see_growth_at_once() {
    let scratch = Scratch::new();
    let file = scratch.zeros(page());
    for pages in 2..50 {
        file.resize(pages * page()).unwrap();
        file.update_region(pages * page() - 1, b"E").unwrap();
        let reader = MemoryMappedFile::open_ro(scratch.file()).unwrap();
        assert_eq!((reader.len(), reader.as_slice(pages * page() - 1, 1).unwrap()[0]), (pages * page(), b'E'));
    }
}

/// What the two processes say to each other, by its place in the file.
const READY: u64 = 0;
const ANSWER: u64 = 1;
const TEXT: u64 = 64;

#[test]
fn two_processes_share_one_file() {
    if let Some(path) = child_argument() {
        let file = MemoryMappedFile::open_rw(path).unwrap();
        let byte = |at| file.as_slice(at, 1).unwrap()[0];
        wait_until("the parent is ready", || byte(READY) == 1);
        assert_eq!(file.as_slice(TEXT, 11).unwrap(), b"from parent");
        #[cfg(feature = "atomic")]
        for _ in 0..50_000 {
            file.atomic_u64(16).unwrap().fetch_add(1, Ordering::Relaxed);
        }
        file.resize(4 * page()).unwrap();
        file.update_region(3 * page(), b"from child").unwrap();
        file.update_region(ANSWER, &[1]).unwrap();
        return;
    }
    let scratch = Scratch::new();
    let file = scratch.zeros(page());
    let mut child = command("two_processes_share_one_file", scratch.file().to_str().unwrap());
    let child = child.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    file.update_region(TEXT, b"from parent").unwrap();
    file.update_region(READY, &[1]).unwrap();
    #[cfg(feature = "atomic")]
    for _ in 0..50_000 {
        file.atomic_u64(16).unwrap().fetch_add(1, Ordering::Relaxed);
    }
    assert_passed(&child.wait_with_output().unwrap());
    assert_eq!(file.as_slice(ANSWER, 1).unwrap()[0], 1);
    #[cfg(feature = "atomic")]
    assert_eq!(file.atomic_u64(16).unwrap().load(Ordering::SeqCst), 100_000);
    // The file grew over there. It is followed when asked for, and nothing of it is cut.
    assert_eq!(file.len(), page());
    file.resize(4 * page()).unwrap();
    assert_eq!(file.as_slice(3 * page(), 10).unwrap(), b"from child");
}

/// What was flushed is in the file when the process dies; so is what was not, as long as the machine lives.
#[cfg(unix)]
#[test]
fn what_a_killed_process_wrote_is_in_the_file() {
    if let Some(path) = child_argument() {
        let file = MemoryMappedFile::builder(path).size(2 * page()).create_new().unwrap();
        file.update_region(0, b"flushed").unwrap();
        file.flush().unwrap();
        file.update_region(page(), b"not flushed").unwrap();
        std::process::abort();
    }
    let scratch = Scratch::new();
    let path = scratch.file();
    let status = command("what_a_killed_process_wrote_is_in_the_file", path.to_str().unwrap()).output().unwrap().status;
    assert!(!status.success());
    let bytes = scratch.content();
    assert_eq!((&bytes[..7], &bytes[at(page())..][..11]), (b"flushed".as_slice(), b"not flushed".as_slice()));
}
