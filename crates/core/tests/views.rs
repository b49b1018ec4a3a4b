//! Live views: who waits for whom.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports, reason = "some tests are of Linux alone"))]

mod common;

use std::sync::mpsc;
use std::thread;

use common::{all, page, pattern, within_limit, Scratch};
use mmap_io::{MappedSlice, MappedSliceMut, MemoryMappedFile, MmapMode};

fn is_send_and_sync<T: Send + Sync>() {}

#[test]
fn views_can_be_sent_to_other_threads() {
    is_send_and_sync::<MemoryMappedFile>();
    is_send_and_sync::<MappedSlice<'_>>();
    is_send_and_sync::<MappedSliceMut<'_>>();
    #[cfg(feature = "atomic")]
    is_send_and_sync::<mmap_io::atomic::AtomicView<'_, std::sync::atomic::AtomicU64>>();
    let scratch = Scratch::new();
    let file = scratch.with(b"0123456789", MmapMode::ReadWrite);
    let (view, mut writer);
    view = file.as_slice(3, 2).unwrap();
    thread::scope(|scope| scope.spawn(move || assert_eq!(view, b"34")).join().unwrap());
    // Dropped over there, it is released here.
    writer = file.try_as_slice_mut(0, 1).unwrap().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || writer[0] = b'X');
    });
    assert!(file.try_update_region(1, b"Y").unwrap());
    assert_eq!(all(&file)[..3], *b"XY2");
    #[cfg(feature = "iterator")]
    {
        let chunks = file.chunks(4);
        let total: usize = thread::scope(|scope| scope.spawn(move || chunks.map(|c| c.len()).sum()).join().unwrap());
        assert_eq!((total, file.try_update_region(1, b"Z").unwrap()), (10, true));
    }
}

/// Waits until the thread with this number, which is about to take the lock, sleeps in it.
#[cfg(target_os = "linux")]
fn wait_until_asleep(thread: i32) {
    common::wait_until("the other thread waits for the lock", || common::linux::is_asleep(thread));
}

/// Row 16: a thread that holds a view takes another while a writer waits.
#[cfg(target_os = "linux")]
#[test]
fn a_second_view_is_had_while_a_writer_waits() {
    let scratch = Scratch::new();
    let file = scratch.with(&pattern(3 * page()), MmapMode::ReadWrite);
    for wait in ["write", "slice", "resize"] {
        let file = file.clone();
        within_limit(move || {
            let first = file.as_slice(0, 10).unwrap();
            let (send, receive) = mpsc::channel();
            let writer = file.clone();
            let writing = thread::spawn(move || {
                send.send(common::linux::thread_number()).unwrap();
                match wait {
                    "write" => writer.update_region(0, b"X").unwrap(),
                    "slice" => writer.as_slice_mut(0, 1).unwrap().fill(b'X'),
                    _ => writer.resize(2 * page()).unwrap(),
                }
            });
            wait_until_asleep(receive.recv().unwrap());
            let second = file.as_slice(5, 10).unwrap();
            assert!(file.try_as_slice(5, 10).unwrap().is_some());
            let mut byte = [0];
            file.read_into(3, &mut byte).unwrap();
            file.touch_pages().unwrap();
            file.flush().unwrap();
            #[cfg(feature = "iterator")]
            assert_eq!(file.chunks(100).next().unwrap().len(), 100);
            #[cfg(feature = "atomic")]
            assert!(file.atomic_u64(64).is_ok());
            assert_eq!((byte[0], first[3], second.len()), (3, 3, 10));
            assert!(!writing.is_finished());
            drop((first, second));
            writing.join().unwrap();
        });
    }
    assert_eq!((file.len(), all(&file)[0]), (2 * page(), b'X'));
}

/// Row 11: a resize waits for the views that are alive; none of them sees its bytes go.
#[cfg(target_os = "linux")]
#[test]
fn a_shrink_waits_for_a_view_of_the_tail() {
    let scratch = Scratch::new();
    let file = scratch.with(&pattern(3 * page()), MmapMode::ReadWrite);
    let view = file.as_slice(2 * page(), page()).unwrap();
    let (send, receive) = mpsc::channel();
    let other = file.clone();
    let shrinking = thread::spawn(move || {
        send.send(common::linux::thread_number()).unwrap();
        other.resize(10).unwrap();
    });
    wait_until_asleep(receive.recv().unwrap());
    assert_eq!(scratch.content().len(), common::at(3 * page()), "the file is not cut either");
    assert_eq!(view, pattern(3 * page())[common::at(2 * page())..]);
    drop(view);
    shrinking.join().unwrap();
    assert_eq!(scratch.content().len(), 10);
}

/// Row 27: a flush takes part in no lock: it runs beside views and beside a writer.
#[test]
fn a_flush_waits_for_nobody() {
    let scratch = Scratch::new();
    let file = scratch.zeros(page());
    let view = file.as_slice_mut(0, 10).unwrap();
    let other = file.clone();
    within_limit(move || {
        other.flush().unwrap();
        other.schedule_flush().unwrap();
        other.flush_range(0, 5).unwrap();
        assert_eq!((other.len(), other.pending_bytes()), (page(), 0));
    });
    drop(view);
    assert_eq!(file.pending_bytes(), 10, "what was written beside the flush stays counted");
}

#[test]
fn views_of_a_read_only_mapping_hold_nothing_up() {
    let scratch = Scratch::new();
    let file = scratch.with(b"0123456789", MmapMode::ReadOnly);
    let views: Vec<_> = (0..10).map(|at| file.as_slice(at, 1).unwrap()).collect();
    assert_eq!(views.iter().map(|view| view[0]).collect::<Vec<_>>(), b"0123456789");
    let clone = file.clone();
    drop(views);
    assert!(clone.unmap().is_err());
    assert!(file.unmap().is_ok());
}

#[test]
fn a_panic_while_a_view_is_alive_releases_it() {
    let scratch = Scratch::new();
    let file = scratch.zeros(100);
    let other = file.clone();
    let panicked = thread::spawn(move || {
        let mut slice = other.as_slice_mut(0, 10).unwrap();
        slice[0] = 1;
        panic!("on purpose");
    });
    assert!(panicked.join().is_err());
    assert!(file.try_update_region(1, b"x").unwrap());
    assert_eq!((file.pending_bytes(), all(&file)[0]), (11, 1));
}
