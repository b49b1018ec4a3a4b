//! Many threads that lose pages at once.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use common::{lives, page, set_len, wait_until, Mapping, Scratch};
use mmap_io_guard::{listen, Words};

#[test]
fn threads_that_lose_the_same_pages_repair_them_once() {
    lives("threads_that_lose_the_same_pages_repair_them_once", || {
        for _ in 0..50 {
            let scratch = Scratch::new();
            let path = scratch.filled(64, 7);
            let mappings = [Mapping::shared(&path), Mapping::private(&path)];
            set_len(&path, page());
            let start = AtomicUsize::new(0);
            thread::scope(|scope| {
                for number in 0..8 {
                    let (mapping, start) = (&mappings[number % 2], &start);
                    scope.spawn(move || {
                        start.fetch_add(1, Ordering::SeqCst);
                        while start.load(Ordering::SeqCst) < 8 {
                            std::hint::spin_loop();
                        }
                        assert!((page()..mapping.len).step_by(page()).all(|at| mapping.read(at) == 0));
                    });
                }
            });
            for mapping in &mappings {
                assert_eq!((mapping.words.faults(), mapping.words.flags()), (1, Words::TRUNCATED));
            }
        }
    });
}

/// A file is cut and grows again all the time, and its owner puts pages back, while others read and store.
#[test]
fn readers_and_writers_live_through_cuts_and_repairs() {
    lives("readers_and_writers_live_through_cuts_and_repairs", || {
        const PAGES: usize = 512;
        let scratch = Scratch::new();
        let path = scratch.filled(PAGES, 7);
        let mapping = Mapping::shared(&path);
        let (done, wrong) = (AtomicBool::new(false), AtomicUsize::new(0));
        thread::scope(|scope| {
            for thread in 0..4_usize {
                let (mapping, done, wrong) = (&mapping, &done, &wrong);
                scope.spawn(move || {
                    let mut random = thread + 1;
                    while !done.load(Ordering::Relaxed) {
                        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                        let at = (random >> 20) % mapping.len;
                        if thread == 0 {
                            mapping.write(at, 9);
                        } else if ![0, 7, 9].contains(&mapping.read(at)) {
                            wrong.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
            scope.spawn(|| {
                for round in 0..500 {
                    set_len(&path, (round * 7919 * page()) % mapping.len);
                    thread::yield_now();
                    set_len(&path, mapping.len);
                }
                done.store(true, Ordering::Relaxed);
            });
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let guard = mapping.guard();
                    guard.grown_again(mapping.len, |pages| mapping.put_back(pages)).unwrap();
                    for pages in guard.replaced().inside {
                        guard.put_back(pages.clone(), || mapping.put_back(pages)).unwrap();
                    }
                    thread::yield_now();
                }
            });
        });
        assert_eq!(wrong.load(Ordering::Relaxed), 0);
        assert!(mapping.words.faults() > 0);
        let guard = mapping.guard();
        guard.grown_again(mapping.len, |pages| mapping.put_back(pages)).unwrap();
        for pages in guard.replaced().inside {
            guard.put_back(pages.clone(), || mapping.put_back(pages)).unwrap();
        }
        assert_eq!(guard.flags(), 0);
        mapping.write(mapping.len - 1, 3);
        assert_eq!(std::fs::read(&path).unwrap().last(), Some(&3));
    });
}

#[test]
fn mappings_come_and_go_while_others_lose_pages() {
    lives("mappings_come_and_go_while_others_lose_pages", || {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let scratch = Scratch::new();
                    for _ in 0..30 {
                        let path = scratch.filled(8, 7);
                        // More than one chunk of slots, and each freed slot is used again.
                        let mappings: Vec<Mapping> = (0..100).map(|_| Mapping::private(&path)).collect();
                        set_len(&path, page());
                        for mapping in mappings.iter().step_by(10) {
                            assert_eq!((mapping.read(0), mapping.read(7 * page())), (7, 0));
                            assert_eq!(mapping.words.faults(), 1);
                        }
                    }
                });
            }
        });
    });
}

#[test]
fn a_listener_hears_of_faults() {
    lives("a_listener_hears_of_faults", || {
        static HEARD: AtomicUsize = AtomicUsize::new(0);
        listen(|| {
            HEARD.fetch_add(1, Ordering::SeqCst);
        })
        .unwrap();
        listen(|| unreachable!("the first listener counts")).unwrap();
        for round in 1..4 {
            let scratch = Scratch::new();
            let path = scratch.filled(4, 7);
            let mapping = Mapping::shared(&path);
            set_len(&path, page());
            mapping.read(2 * page());
            wait_until("the listener was called", || HEARD.load(Ordering::SeqCst) >= round);
        }
    });
}
