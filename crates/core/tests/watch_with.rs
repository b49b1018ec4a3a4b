//! Watching with everything that can be told: replacement, errors, the end, compared contents.
#![cfg(feature = "watch")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]
#![cfg_attr(not(target_os = "linux"), allow(dead_code, unused_imports, reason = "some tests are of Linux alone"))]

mod common;

use std::fs;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use common::process::in_child;
use common::{append, page, pattern, wait_until, Scratch, LIMIT};
use mmap_io::watch::{Change, Notice, WatchOptions};
use mmap_io::{ChangeKind, MemoryMappedFile, MmapIoError, MmapMode, WatchHandle};

use ChangeKind::{Metadata, Modified, Removed};

fn watched_with(file: &MemoryMappedFile, options: &WatchOptions) -> (WatchHandle, Receiver<Notice>) {
    let (send, receive) = mpsc::channel();
    // A test that has seen enough does not listen any more.
    let handle = file.watch_with(options, move |notice| _ = send.send(notice)).unwrap();
    (handle, receive)
}

fn watched(file: &MemoryMappedFile) -> (WatchHandle, Receiver<Notice>) {
    watched_with(file, &WatchOptions::new())
}

#[track_caller]
fn next(told: &Receiver<Notice>) -> Notice {
    told.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("nothing was told"))
}

#[track_caller]
fn next_change(told: &Receiver<Notice>) -> (ChangeKind, bool) {
    match next(told) {
        Notice::Changed(Change { kind, replaced, .. }) => (kind, replaced),
        other => panic!("{other:?}"),
    }
}

/// Fails unless exactly these changes are told, in this order; a change of permissions marks the end.
#[track_caller]
fn expect(told: &Receiver<Notice>, path: &Path, changes: &[(ChangeKind, bool)]) {
    for change in changes {
        assert_eq!(next_change(told), *change);
    }
    let mut permissions = fs::metadata(path).unwrap().permissions();
    permissions.set_readonly(!permissions.readonly());
    fs::set_permissions(path, permissions).unwrap();
    let mut last = next_change(told);
    if changes.last() == Some(&(Modified, false)) {
        // One more of the same when the first was told before the last was made.
        while last == (Modified, false) {
            last = next_change(told);
        }
    }
    assert_eq!(last, (Metadata, false));
}

/// Windows allows it to no mapped file.
fn replace(path: &Path, content: &str) {
    let new = path.with_extension("new");
    fs::write(&new, content).unwrap();
    fs::rename(&new, path).unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn each_way_of_changing_a_file_is_told_as_what_it_is() {
    let scratch = Scratch::new();
    let path = scratch.file();
    let file = scratch.with(b"content", MmapMode::ReadOnly);
    let (handle, told) = watched(&file);
    fs::write(&path, "written").unwrap();
    expect(&told, &path, &[(Modified, false)]);
    let mut permissions = fs::metadata(&path).unwrap().permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "a file of this test")]
    permissions.set_readonly(false);
    fs::set_permissions(&path, permissions).unwrap();
    assert_eq!(next_change(&told), (Metadata, false));
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(2).unwrap();
    expect(&told, &path, &[(Modified, false)]);
    replace(&path, "new");
    expect(&told, &path, &[(Modified, true)]);
    fs::rename(&path, scratch.path("away")).unwrap();
    assert_eq!(next_change(&told), (Removed, false));
    fs::rename(scratch.path("away"), &path).unwrap();
    expect(&told, &path, &[(Modified, true)]);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "again").unwrap();
    expect(&told, &path, &[(Removed, false), (Modified, true), (Modified, false)]);
    for round in 0..100 {
        replace(&path, &round.to_string());
        assert_eq!(next_change(&told), (Modified, true));
    }
    // Others in the same folder.
    for other in ["other", "FILE"] {
        fs::write(scratch.path(other), "x").unwrap();
        fs::remove_file(scratch.path(other)).unwrap();
    }
    fs::read(&path).unwrap();
    expect(&told, &path, &[]);
    assert!(handle.is_active());
}

#[test]
fn a_file_that_stays_away_ends_the_watch_and_that_is_told_last() {
    let scratch = Scratch::new();
    let file = scratch.with(b"content", MmapMode::ReadOnly);
    let (handle, told) = watched(&file);
    fs::rename(scratch.file(), scratch.path("away")).unwrap();
    assert_eq!(next_change(&told), (Removed, false));
    assert!(handle.is_active(), "it may come back");
    assert!(matches!(next(&told), Notice::Ended));
    wait_until("the watch ends", || !handle.is_active());
    // The callback has gone, and the channel with it.
    assert!(told.recv_timeout(LIMIT).is_err());
    fs::rename(scratch.path("away"), scratch.file()).unwrap();
    let (_handle, told) = watched(&file);
    append(scratch.file());
    assert_eq!(next_change(&told), (Modified, false));
}

#[cfg(unix)]
#[test]
fn a_file_that_was_replaced_before_it_was_watched_is_told_at_once() {
    let scratch = Scratch::new();
    let file = scratch.with(b"content", MmapMode::ReadOnly);
    replace(&scratch.file(), "new");
    let (_handle, told) = watched(&file);
    assert_eq!(next_change(&told), (Modified, true));
}

#[cfg(unix)]
#[test]
fn a_folder_that_vanishes_and_comes_back_is_followed() {
    let scratch = Scratch::new();
    let folder = scratch.path("a");
    fs::create_dir_all(folder.join("b")).unwrap();
    let path = folder.join("b/file");
    fs::write(&path, "content").unwrap();
    let file = MemoryMappedFile::open_ro(&path).unwrap();
    let (handle, told) = watched(&file);
    for round in 0..3 {
        // The folder itself, with its file.
        fs::remove_file(&path).unwrap();
        fs::remove_dir(folder.join("b")).unwrap();
        fs::create_dir(folder.join("b")).unwrap();
        fs::write(&path, "again").unwrap();
        wait_until("it is told as another", || matches!(next_change(&told), (Modified, true)));
        // Changes in the new folder are heard.
        wait_until("a write is told", || {
            fs::write(&path, "more").unwrap();
            matches!(told.recv_timeout(Duration::from_millis(10)), Ok(Notice::Changed(Change { kind: Modified, .. })))
        });
        // The folder above.
        fs::rename(&folder, scratch.path("moved")).unwrap();
        wait_until("it is told as removed", || next_change(&told).0 == Removed);
        fs::rename(scratch.path("moved"), &folder).unwrap();
        wait_until("it is told as back", || matches!(next_change(&told), (Modified, true)));
        assert!(handle.is_active(), "round {round}");
    }
}

/// inotify knows a folder by what it is: the watch of one that moved must not be mistaken for that of its successor.
#[cfg(unix)]
#[test]
fn a_folder_that_takes_the_place_of_another_is_told_apart_from_it() {
    let scratch = Scratch::new();
    let (one, two) = (scratch.path("one"), scratch.path("two"));
    for folder in [&one, &two] {
        fs::create_dir(folder).unwrap();
        fs::write(folder.join("file"), "content").unwrap();
    }
    let first = MemoryMappedFile::open_ro(one.join("file")).unwrap();
    let (_first, told_first) = watched(&first);
    fs::rename(&one, scratch.path("three")).unwrap();
    fs::rename(&two, &one).unwrap();
    wait_until("the other file is told", || matches!(next_change(&told_first), (Modified, true)));
    let third = MemoryMappedFile::open_ro(scratch.path("three/file")).unwrap();
    let (_third, told_third) = watched(&third);
    fs::write(scratch.path("three/file"), "x").unwrap();
    assert_eq!(next_change(&told_third), (Modified, false));
    while told_first.try_recv().is_ok() {}
    replace(&one.join("file"), "new");
    assert_eq!(next_change(&told_first), (Modified, true));
    replace(&scratch.path("three/file"), "new");
    wait_until("the third is told", || matches!(next_change(&told_third), (Modified, true)));
}

#[cfg(unix)]
#[test]
fn a_file_behind_links_is_followed_along_every_link() {
    use std::os::unix::fs::symlink;

    let scratch = Scratch::new();
    for release in ["one", "two"] {
        fs::create_dir(scratch.path(release)).unwrap();
        fs::write(scratch.path(release).join("file"), release).unwrap();
    }
    symlink("one", scratch.path("current")).unwrap();
    symlink("current/file", scratch.file()).unwrap();
    let file = MemoryMappedFile::open_ro(scratch.file()).unwrap();
    let (_handle, told) = watched(&file);
    fs::write(scratch.path("one/file"), "x").unwrap();
    assert_eq!(next_change(&told), (Modified, false));
    let switch = |to: &str, link: &str| {
        symlink(to, scratch.path("link")).unwrap();
        fs::rename(scratch.path("link"), scratch.path(link)).unwrap();
    };
    switch("two", "current");
    wait_until("the other release is told", || next_change(&told) == (Modified, true));
    replace(&scratch.path("two/file"), "y");
    assert_eq!(next_change(&told), (Modified, true));
    switch("one/file", "file");
    assert_eq!(next_change(&told), (Modified, true));
    // What is no link on the way any more.
    replace(&scratch.path("two/file"), "z");
    fs::remove_file(scratch.file()).unwrap();
    assert_eq!(next_change(&told), (Removed, false));
    assert!(matches!(next(&told), Notice::Ended));
}

#[test]
fn a_relative_path_is_what_it_was_when_the_file_was_opened() {
    in_child("a_relative_path_is_what_it_was_when_the_file_was_opened", || {
        let scratch = Scratch::new();
        std::env::set_current_dir(scratch.path("")).unwrap();
        fs::write("file", "content").unwrap();
        let file = MemoryMappedFile::open_ro("file").unwrap();
        std::env::set_current_dir(std::env::temp_dir()).unwrap();
        let (_handle, told) = watched(&file);
        assert_eq!(file.path(), Path::new("file"));
        append(scratch.file());
        assert_eq!(next_change(&told), (Modified, false));
    });
}

#[test]
fn a_panic_is_told_once_and_stops_nobody() {
    let scratch = Scratch::new();
    let file = scratch.with(b"content", MmapMode::ReadOnly);
    let (send, receive) = mpsc::channel();
    let _handle = file
        .watch_with(&WatchOptions::new(), move |notice| match notice {
            Notice::Changed(_) => panic!("on purpose"),
            other => send.send(format!("{other:?}")).unwrap(),
        })
        .unwrap();
    let (_other, told) = watched(&file);
    for _ in 0..3 {
        append(scratch.file());
        assert_eq!(next_change(&told), (Modified, false));
    }
    let text = receive.recv_timeout(LIMIT).unwrap();
    assert!(text.contains("panicked: on purpose"), "{text}");
    assert!(receive.try_recv().is_err());
}

/// What a callback owns is somebody else's, too.
#[test]
fn a_panic_at_the_end_of_a_callback_stops_nobody() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }

    let scratch = Scratch::new();
    let file = scratch.with(b"content", MmapMode::ReadOnly);
    let watch_with_bomb = |file: &MemoryMappedFile| {
        let bomb = Bomb;
        file.watch(move |_| _ = &bomb).unwrap()
    };
    drop(watch_with_bomb(&file));
    let handle = watch_with_bomb(&file);
    fs::rename(scratch.file(), scratch.path("away")).unwrap();
    wait_until("the watch ends", || !handle.is_active());
    let other = Scratch::new();
    let (_handle, told) = watched(&other.with(b"content", MmapMode::ReadOnly));
    append(other.file());
    assert_eq!(next_change(&told), (Modified, false));
}

#[test]
fn a_watch_that_could_not_begin_leaves_nothing() {
    let scratch = Scratch::new();
    let file = scratch.with(b"content", MmapMode::ReadOnly);
    fs::rename(scratch.file(), scratch.path("away")).unwrap();
    let (send, receive) = mpsc::channel::<()>();
    assert!(file.watch(move |_| send.send(()).unwrap()).is_err());
    assert_eq!(receive.try_recv(), Err(mpsc::TryRecvError::Disconnected), "the callback is still somewhere");
}

/// Notifications about a file go on after it has lost its name.
#[cfg(target_os = "linux")]
#[test]
fn writes_to_a_file_that_is_gone_are_not_told() {
    use std::io::Write;

    let scratch = Scratch::new();
    let file = scratch.with(b"content", MmapMode::ReadOnly);
    let (_handle, told) = watched(&file);
    let mut open = fs::OpenOptions::new().append(true).open(scratch.file()).unwrap();
    fs::remove_file(scratch.file()).unwrap();
    assert_eq!(next_change(&told), (Removed, false));
    open.write_all(b"more").unwrap();
    fs::write(scratch.path("new"), "new").unwrap();
    fs::rename(scratch.path("new"), scratch.file()).unwrap();
    assert_eq!(next_change(&told), (Modified, true));
}

/// The system keeps so many notifications for a process that takes none, and drops the rest.
#[cfg(target_os = "linux")]
#[test]
fn notifications_that_were_lost_are_one_change_of_every_file_and_the_watches_go_on() {
    in_child("notifications_that_were_lost_are_one_change_of_every_file_and_the_watches_go_on", || {
        let folders = [Scratch::new(), Scratch::new(), Scratch::new(), Scratch::new()];
        let files = folders.each_ref().map(|scratch| scratch.with(b"content", MmapMode::ReadOnly));
        let watches = files.each_ref().map(watched);
        let script = r#"
            kill -STOP $PPID
            i=0
            while [ $i -lt $1 ]; do : > "$2/other"; i=$((i + 1)); done
            echo new > "$3/new"; mv "$3/new" "$3/file"
            rm "$4/file"
            kill -CONT $PPID"#;
        let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
        let mut shell = std::process::Command::new("sh");
        shell.args(["-ec", script, "sh", most.trim()]).args(folders.each_ref().map(|scratch| scratch.path("")));
        assert!(shell.status().unwrap().success());
        let expected = [(Modified, false), (Modified, true), (Removed, false), (Modified, false)];
        for ((_, told), change) in watches.iter().zip(expected) {
            assert_eq!(next_change(told), change);
        }
        for ((_, told), scratch) in watches.iter().zip(&folders) {
            fs::write(scratch.path("new"), "newer").unwrap();
            fs::rename(scratch.path("new"), scratch.file()).unwrap();
            assert_eq!(next_change(told), (Modified, true));
        }
    });
}

#[test]
fn five_hundred_watches_share_what_they_take_from_the_system() {
    let scratch = Scratch::new();
    let name = |number: usize| scratch.path(&format!("file {number}"));
    let files: Vec<_> = (0..500)
        .map(|number| {
            fs::write(name(number), "content").unwrap();
            MemoryMappedFile::open_ro(name(number)).unwrap()
        })
        .collect();
    let watches: Vec<_> = files.iter().map(watched).collect();
    append(name(7));
    append(name(499));
    assert_eq!(next_change(&watches[7].1), (Modified, false));
    assert_eq!(next_change(&watches[499].1), (Modified, false));
    assert!(watches[8].1.try_recv().is_err());
}

#[test]
fn watches_come_and_go_in_a_folder_where_much_happens() {
    let scratch = Scratch::new();
    let file = scratch.with(b"content", MmapMode::ReadOnly);
    let path = scratch.file();
    let (next, wanted) = mpsc::channel::<()>();
    // Some changes for each watch: notify's thread takes no watch on before it has read all there are, and under a
    // sanitizer this one would be faster than it for ever.
    let busy = std::thread::spawn(move || {
        while wanted.recv().is_ok() {
            for _ in 0..20 {
                append(&path);
                fs::write(path.with_extension("other"), "x").unwrap();
                fs::remove_file(path.with_extension("other")).unwrap();
            }
        }
    });
    // There, each takes 100 ms to begin and end.
    let rounds = if cfg!(windows) { 50 } else { 200 };
    common::within_limit(move || {
        for _ in 0..rounds {
            next.send(()).unwrap();
            drop(watched(&file));
        }
    });
    busy.join().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn one_inotify_instance_and_one_thread_serve_all_and_are_given_back() {
    in_child("one_inotify_instance_and_one_thread_serve_all_and_are_given_back", || {
        let of_inotify = || {
            let numbers = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap().file_name());
            let is_inotify = |link: std::path::PathBuf| link.to_string_lossy().contains("inotify");
            numbers.filter(move |fd| fs::read_link(Path::new("/proc/self/fd").join(fd)).is_ok_and(is_inotify))
        };
        let instances = || of_inotify().count();
        let folders = || {
            let infos = of_inotify().map(|fd| fs::read_to_string(Path::new("/proc/self/fdinfo").join(fd)).unwrap());
            infos.map(|info| info.matches("inotify wd:").count()).sum::<usize>()
        };
        let threads = |name: &str| {
            let names = fs::read_dir("/proc/self/task").unwrap();
            let names = names.map(|task| fs::read_to_string(task.unwrap().path().join("comm")).unwrap_or_default());
            names.filter(|found| found.trim() == name).count()
        };
        let (one, two) = (Scratch::new(), Scratch::new());
        let files = [one.with(b"1", MmapMode::ReadOnly), two.with(b"2", MmapMode::ReadOnly)];
        let mut watches: Vec<_> = files.iter().chain(&files).map(watched).collect();
        fs::write(one.file(), "x").unwrap();
        assert_eq!(next_change(&watches[0].1), (Modified, false));
        assert_eq!((instances(), folders(), threads("mmap-io watcher")), (1, 2, 1));
        // Those of the first folder.
        drop((watches.remove(2), watches.remove(0)));
        wait_until("the folder is given back", || folders() == 1);
        drop(watches);
        wait_until("it is given back", || instances() == 0);
        wait_until("its thread ends", || threads("mmap-io watcher") == 0);
        let polled = watched_with(&files[0], &polling());
        wait_until("contents are compared", || threads("mmap-io poller") == 1);
        drop(polled);
        wait_until("no contents are compared any more", || threads("mmap-io poller") == 0);
        let (_watch, told) = watched(&files[0]);
        fs::write(one.file(), "x").unwrap();
        assert_eq!(next_change(&told), (Modified, false));
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_limit_of_the_system_names_what_to_raise() {
    in_child("a_limit_of_the_system_names_what_to_raise", || {
        let scratch = Scratch::new();
        let file = scratch.with(b"content", MmapMode::ReadOnly);
        let mut open = Vec::new();
        common::linux::limit(libc::RLIMIT_NOFILE, 64);
        while let Ok(more) = fs::File::open(scratch.file()) {
            open.push(more);
        }
        match file.watch(|_| {}) {
            Err(MmapIoError::WatchFailed(text)) => {
                assert!(text.contains("fs.inotify.max_user_instances") && text.contains("inotify_init"), "{text}");
            }
            other => panic!("{other:?}"),
        }
        drop(open);
        let (_watch, told) = watched(&file);
        fs::write(scratch.file(), "x").unwrap();
        assert_eq!(next_change(&told), (Modified, false));
    });
}

fn polling() -> WatchOptions {
    WatchOptions::new().poll(Duration::from_millis(1))
}

#[track_caller]
fn next_range(told: &Receiver<Notice>) -> (u64, u64) {
    loop {
        if let Notice::Changed(Change { range: Some(range), kind: Modified, .. }) = next(told) {
            return range;
        }
    }
}

#[test]
fn stores_through_another_mapping_are_found_by_comparing_contents() {
    let scratch = Scratch::new();
    let len = 10 * page() + 100;
    let writer = scratch.with(&pattern(len), MmapMode::ReadWrite);
    for mode in [MmapMode::ReadOnly, MmapMode::ReadWrite] {
        let file = MemoryMappedFile::builder(scratch.file()).mode(mode).open().unwrap();
        for all in [false, true] {
            let (_handle, told) = watched_with(&file, &polling().poll_all(all));
            writer.update_region(3 * page() + 5, b"stored").unwrap();
            assert_eq!(next_range(&told), (3 * page(), page()));
            writer.update_region(len - 1, b"s").unwrap();
            assert_eq!(next_range(&told), (10 * page(), 100));
            writer.update_region(5 * page() - 1, b"two pages").unwrap();
            assert_eq!(next_range(&told), (4 * page(), 2 * page()));
            // As it was.
            writer.update_region(0, &pattern(len)).unwrap();
            next_range(&told);
        }
    }
}

#[test]
fn comparing_follows_a_mapping_that_is_resized_and_ends_with_it() {
    let scratch = Scratch::new();
    let file = scratch.with(&pattern(page() + 10), MmapMode::ReadWrite);
    let (handle, told) = watched_with(&file, &polling());
    file.resize(5 * page()).unwrap();
    file.update_region(4 * page(), b"x").unwrap();
    wait_until("the new page is told", || {
        let (offset, len) = next_range(&told);
        offset + len == 5 * page()
    });
    file.resize(10).unwrap();
    file.update_region(0, b"changed").unwrap();
    wait_until("the rest is told", || next_range(&told) == (0, 10));
    drop(file);
    #[cfg(target_os = "linux")]
    wait_until("the file is let go", || common::linux::maps_of(&scratch.file()).is_empty());
    assert!(handle.is_active());
    fs::write(scratch.file(), "x").unwrap();
    wait_until("notifications go on", || matches!(next_change(&told), (Modified, _)));
}
