//! Watching the file.
#![cfg(feature = "watch")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports, reason = "some tests are of Linux alone"))]

mod common;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};

use common::{all, append, wait_until, within_limit, Scratch, LIMIT};
use mmap_io::{ChangeEvent, ChangeKind, MemoryMappedFile, MmapIoError, MmapMode, WatchHandle};

/// A watch and what it tells.
fn watched(file: &MemoryMappedFile) -> (WatchHandle, Receiver<ChangeEvent>) {
    let (send, receive) = mpsc::channel();
    // A test that has seen enough does not listen any more.
    let handle = file.watch(move |event| _ = send.send(event)).unwrap();
    (handle, receive)
}

/// The next change of this kind.
#[track_caller]
fn expect(kind: ChangeKind, told: &Receiver<ChangeEvent>) -> ChangeEvent {
    loop {
        let event = told.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("{kind:?} was never told"));
        if event.kind == kind {
            return event;
        }
    }
}

#[cfg(unix)]
fn change_permissions(scratch: &Scratch, mode: u32) {
    use std::os::unix::fs::PermissionsExt;

    fs::set_permissions(scratch.file(), fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_write_to_the_file_is_told() {
    let scratch = Scratch::new();
    for mode in [MmapMode::ReadOnly, MmapMode::ReadWrite] {
        let file = scratch.with(b"content", mode);
        let (handle, told) = watched(&file);
        assert!(handle.is_active());
        fs::OpenOptions::new().append(true).open(scratch.file()).unwrap().set_len(20).unwrap();
        // A field more would break programs.
        let ChangeEvent { offset, len, kind: _ } = expect(ChangeKind::Modified, &told);
        assert_eq!((offset, len), (None, None));
        assert!(handle.is_active() && format!("{handle:?}").contains("true"));
    }
}

#[test]
fn every_watcher_is_told_and_a_watch_outlives_its_mapping() {
    let scratch = Scratch::new();
    let file = scratch.with(b"content", MmapMode::ReadOnly);
    let watches: Vec<_> = (0..3).map(|_| watched(&file)).collect();
    drop(file);
    fs::write(scratch.file(), b"other").unwrap();
    for (handle, told) in &watches {
        expect(ChangeKind::Modified, told);
        assert!(handle.is_active());
    }
}

/// Row 25: stores through a mapping are told by no system, not even when they are flushed; the documentation says so.
#[cfg(target_os = "linux")]
#[test]
fn permissions_are_told_as_metadata_and_stores_are_not_told() {
    let scratch = Scratch::new();
    let file = scratch.with(b"content", MmapMode::ReadWrite);
    let (_handle, told) = watched(&file);
    file.update_region(0, b"x").unwrap();
    file.flush().unwrap();
    // Changes are told in their order, so this would come second.
    change_permissions(&scratch, 0o640);
    assert_eq!(told.recv_timeout(LIMIT).unwrap().kind, ChangeKind::Metadata);
}

#[test]
fn a_file_that_is_removed_ends_the_watch() {
    let scratch = Scratch::new();
    let file = scratch.with(b"content", MmapMode::ReadOnly);
    let (handle, told) = watched(&file);
    drop(file);
    fs::remove_file(scratch.file()).unwrap();
    expect(ChangeKind::Removed, &told);
    wait_until("the watch ends", || !handle.is_active());
}

#[test]
fn a_file_that_is_renamed_ends_the_watch() {
    let scratch = Scratch::new();
    let file = scratch.with(b"content", MmapMode::ReadOnly);
    let (handle, told) = watched(&file);
    fs::rename(scratch.file(), scratch.path("elsewhere")).unwrap();
    expect(ChangeKind::Removed, &told);
    wait_until("the watch ends", || !handle.is_active());
}

#[test]
fn a_file_that_is_not_there_cannot_be_watched() {
    let scratch = Scratch::new();
    let file = scratch.with(b"content", MmapMode::ReadOnly);
    let open = fs::File::open(scratch.file()).unwrap();
    let elsewhere = MemoryMappedFile::from_file(open, MmapMode::ReadOnly, scratch.path("no/such/file")).unwrap();
    assert!(matches!(elsewhere.watch(|_| {}), Err(MmapIoError::WatchFailed(text)) if !text.is_empty()));
    assert!(file.watch(|_| {}).is_ok());
}

/// Row 26: no callback runs after the drop of the handle has returned; one that runs is waited for.
#[test]
fn dropping_the_handle_waits_for_the_callback_that_runs_and_none_runs_after() {
    let scratch = Scratch::new();
    let file = scratch.with(b"content", MmapMode::ReadOnly);
    let (entered, enter) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let calls = Arc::new(AtomicUsize::new(0));
    let running = Arc::new(AtomicBool::new(false));
    let (counted, flag) = (Arc::clone(&calls), Arc::clone(&running));
    let handle = file
        .watch(move |_| {
            flag.store(true, Ordering::SeqCst);
            counted.fetch_add(1, Ordering::SeqCst);
            entered.send(()).unwrap();
            let _ = released.recv();
            flag.store(false, Ordering::SeqCst);
        })
        .unwrap();
    append(scratch.file());
    enter.recv_timeout(LIMIT).unwrap();
    let seen = Arc::clone(&running);
    let (dropped, told) = mpsc::channel();
    let (started, start) = mpsc::channel();
    let dropping = std::thread::spawn(move || {
        started.send(fs::read_link("/proc/thread-self").unwrap_or_default()).unwrap();
        drop(handle);
        dropped.send(seen.load(Ordering::SeqCst)).unwrap();
    });
    // More that would be told.
    append(scratch.file());
    let thread = start.recv_timeout(LIMIT).unwrap();
    // Linux tells whether it has come to its wait.
    wait_until("the drop waits, or is over", || {
        let stat = fs::read_to_string(Path::new("/proc").join(&thread).join("stat"));
        stat.map_or(true, |stat| stat.contains(") S "))
    });
    assert!(told.try_recv().is_err(), "the callback is still in there");
    drop(release);
    assert!(!told.recv_timeout(LIMIT).unwrap(), "the drop returned while the callback ran");
    dropping.join().unwrap();
    let before = calls.load(Ordering::SeqCst);
    // Another watch sees what the first would have seen.
    let (_handle, told) = watched(&file);
    append(scratch.file());
    expect(ChangeKind::Modified, &told);
    assert_eq!(calls.load(Ordering::SeqCst), before);
}

#[test]
fn a_callback_may_drop_its_own_handle() {
    let scratch = Scratch::new();
    let file = scratch.with(b"content", MmapMode::ReadOnly);
    let place: Arc<Mutex<Option<WatchHandle>>> = Arc::default();
    let (send, receive) = mpsc::channel();
    let own = Arc::clone(&place);
    let handle = file
        .watch(move |_| {
            drop(own.lock().unwrap().take());
            send.send(()).unwrap();
        })
        .unwrap();
    *place.lock().unwrap() = Some(handle);
    append(scratch.file());
    receive.recv_timeout(LIMIT).unwrap();
    assert!(place.lock().unwrap().is_none());
    append(scratch.file());
    // The callback goes with its watch, and the channel with it; nothing was sent a second time.
    assert!(matches!(receive.recv_timeout(LIMIT), Err(mpsc::RecvTimeoutError::Disconnected)));
}

/// Row 26: a panic in a callback kills neither the watch nor the mapping.
#[test]
fn a_panic_in_a_callback_leaves_watch_and_mapping_usable() {
    let scratch = Scratch::new();
    let file = scratch.with(b"content", MmapMode::ReadWrite);
    let (send, receive) = mpsc::channel();
    let mut calls = 0;
    let mapping = file.clone();
    let handle = file
        .watch(move |_| {
            calls += 1;
            if calls == 1 {
                let _view = mapping.as_slice_mut(0, 1).unwrap();
                panic!("on purpose");
            }
            let _ = send.send(calls);
        })
        .unwrap();
    let mut length = 10;
    wait_until("a change is told after the panic", || {
        length += 1;
        fs::OpenOptions::new().write(true).open(scratch.file()).unwrap().set_len(length).unwrap();
        receive.try_recv().is_ok()
    });
    assert!(handle.is_active());
    within_limit(move || {
        file.update_region(0, b"usable").unwrap();
        assert_eq!(all(&file)[..6], *b"usable");
    });
}

/// Row 26: a watch that is dropped has given back what it took from the system.
#[test]
fn watches_come_and_go_without_leaving_anything() {
    let scratch = Scratch::new();
    let file = scratch.with(b"content", MmapMode::ReadOnly);
    // More than a user may have inotify instances, by default.
    for _ in 0..300 {
        drop(file.watch(|_| {}).unwrap());
    }
}

/// Rows 22 and 24: an editor's save, which writes a new file and renames it over the old one, is a change of the file, and
/// the watch goes on.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_is_replaced_is_modified_and_the_watch_goes_on() {
    let scratch = Scratch::new();
    let file = scratch.with(b"content", MmapMode::ReadOnly);
    let (handle, told) = watched(&file);
    for text in [b"first", b"again"] {
        fs::write(scratch.path("new"), text).unwrap();
        fs::rename(scratch.path("new"), scratch.file()).unwrap();
        expect(ChangeKind::Modified, &told);
        assert!(handle.is_active());
    }
}

/// Row 23: a file that is removed while it is mapped is removed.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_is_removed_while_it_is_mapped_is_told_as_removed() {
    let scratch = Scratch::new();
    let file = scratch.with(b"content", MmapMode::ReadOnly);
    let (_handle, told) = watched(&file);
    fs::remove_file(scratch.file()).unwrap();
    expect(ChangeKind::Removed, &told);
    assert_eq!(all(&file), b"content");
}
