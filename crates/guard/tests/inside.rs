//! Pages inside the file that cannot be read or stored.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "mounts have no name in the standard library")]

mod common;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{lives, page, skipped, Mapping, Scratch};
use mmap_io_guard::Words;

/// A disk of this size, seen by this process and its children alone, and gone with it. `None` where that cannot be had.
fn small_disk(scratch: &Scratch, options: &str) -> Option<PathBuf> {
    let disk = scratch.folder().join("disk");
    fs::create_dir(&disk).unwrap();
    // SAFETY: takes a number; the user is changed by nobody.
    let mounted = unsafe { libc::unshare(libc::CLONE_NEWNS) } == 0
        && run("mount", &["--make-rprivate", "/"])
        && run("mount", &["-t", "tmpfs", "-o", options, "tmpfs", disk.to_str().unwrap()]);
    if !mounted {
        skipped("no file systems can be mounted here");
    }
    mounted.then_some(disk)
}

fn run(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).status().is_ok_and(|status| status.success())
}

/// An ext4 file system in a file, on a loop device that goes with the last use of it.
fn ext4(scratch: &Scratch, size: &str, block: &str) -> Option<(PathBuf, PathBuf)> {
    // The image lies in memory, where a cut of it is an error of the device.
    let disk = small_disk(scratch, "size=256m")?;
    let (image, folder) = (disk.join("image"), disk.join("folder"));
    fs::create_dir(&folder).unwrap();
    let image_text = image.to_str().unwrap();
    let made = run("truncate", &["-s", size, image_text])
        && run("mkfs.ext4", &["-q", "-m", "0", "-b", block, "-O", "^has_journal", image_text])
        && run("mount", &["-o", "loop,errors=continue", image_text, folder.to_str().unwrap()]);
    if !made {
        skipped("no loop devices or no mkfs.ext4 here");
    }
    made.then_some((folder, image))
}

fn fill(path: &Path) {
    let file = File::create(path).unwrap();
    for size in [1 << 20, 1 << 12, 1 << 9] {
        let mut at = file.metadata().unwrap().len();
        while let Ok(written) = file.write_at(&vec![1; size], at) {
            at += written as u64;
        }
    }
    let _ = file.sync_all();
}

fn byte_of(page: usize) -> u8 {
    u8::try_from(1 + page % 255).unwrap()
}

fn hole(path: &Path, len: usize) {
    File::create(path).unwrap().set_len(len as u64).unwrap();
}

#[test]
fn on_a_full_disk_what_is_stored_stays_in_memory() {
    lives("on_a_full_disk_what_is_stored_stays_in_memory", || {
        let scratch = Scratch::new();
        let Some(disk) = small_disk(&scratch, "size=1m") else { return };
        let pages = 1024;
        let path = disk.join("file");
        hole(&path, pages * page());
        let mapping = Mapping::shared(&path);
        for at in 0..pages {
            mapping.write(at * page() + at, byte_of(at));
        }
        for at in 0..pages {
            assert_eq!(mapping.read(at * page() + at), byte_of(at));
        }
        assert_eq!(mapping.words.flags(), Words::IO_FAULT);
        let replaced = mapping.guard().replaced();
        assert!(replaced.cut.is_empty());
        let lost: usize = replaced.inside.iter().map(|range| range.len() / page()).sum();
        let (kept, stored) = (pages - lost, fs::read(&path).unwrap());
        assert!(kept > 0 && kept < 300, "{kept} pages had room");
        assert_eq!((0..pages).filter(|at| stored[at * page() + at] != 0).count(), kept);
        // Room is made, and the pages are put back.
        assert!(run("mount", &["-o", "remount,size=16m", disk.to_str().unwrap()]));
        for range in replaced.inside {
            mapping.guard().put_back(range.clone(), || mapping.put_back(range)).unwrap();
        }
        assert_eq!((mapping.guard().flags(), mapping.read(mapping.len - 1)), (0, 0));
        mapping.write(mapping.len - 1, 5);
        assert_eq!(fs::read(&path).unwrap()[mapping.len - 1], 5);
    });
}

#[test]
fn a_hole_on_a_full_disk_reads_as_zeros() {
    lives("a_hole_on_a_full_disk_reads_as_zeros", || {
        let scratch = Scratch::new();
        let Some(disk) = small_disk(&scratch, "size=1m") else { return };
        let path = disk.join("file");
        hole(&path, 16 * page());
        fill(&disk.join("rest"));
        let mapping = Mapping::private(&path);
        assert!((0..16).all(|at| mapping.read(at * page()) == 0));
        mapping.write(3 * page(), 8);
        assert_eq!((mapping.read(3 * page()), mapping.words.flags()), (8, Words::IO_FAULT));
    });
}

/// Blocks are smaller than pages here: a page has bytes and still no room for more.
#[test]
fn a_page_that_can_be_read_keeps_its_bytes_when_a_store_has_no_room() {
    lives("a_page_that_can_be_read_keeps_its_bytes_when_a_store_has_no_room", || {
        let scratch = Scratch::new();
        let Some((folder, _)) = ext4(&scratch, "8M", "1024") else { return };
        let path = folder.join("file");
        hole(&path, 64 * page());
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        for at in 0..64 {
            file.write_at(&[7; 1024], (at * page()) as u64).unwrap();
        }
        file.sync_all().unwrap();
        fill(&folder.join("rest"));
        let mapping = Mapping::shared(&path);
        for at in 0..64 {
            mapping.write(at * page() + 1, 9);
            mapping.write(at * page() + 2000, 9);
        }
        assert_eq!(mapping.words.flags(), Words::IO_FAULT);
        let lost: Vec<usize> = mapping.guard().replaced().inside.into_iter().flatten().step_by(page()).collect();
        assert!(lost.len() > 32, "{}", lost.len());
        for at in (0..64).map(|at| at * page()) {
            let start: Vec<u8> = (at..at + 4).map(|at| mapping.read(at)).collect();
            assert_eq!((start, mapping.read(at + 2000)), (vec![7, 9, 7, 7], 9));
        }
        for at in lost {
            let mut original = vec![1; page()];
            mapping.guard().original(at, &mut original);
            assert_eq!((&original[..1024], &original[1024..]), (&[7; 1024][..], &vec![0; page() - 1024][..]));
        }
    });
}

#[test]
fn pages_that_the_device_cannot_read_are_zeros_and_no_others() {
    lives("pages_that_the_device_cannot_read_are_zeros_and_no_others", || {
        let scratch = Scratch::new();
        let Some((folder, image)) = ext4(&scratch, "32M", "4096") else { return };
        let (path, len) = (folder.join("file"), 16 << 20);
        fs::write(&path, vec![7; len]).unwrap();
        let file = File::open(&path).unwrap();
        file.sync_all().unwrap();
        fs::write("/proc/sys/vm/drop_caches", "3").unwrap();
        common::set_len(&image, 16 << 20);
        let mapping = Mapping::private(&path);
        let found: Vec<u8> = (0..len).step_by(page()).map(|at| mapping.read(at)).collect();
        let mut buffer = vec![0; page()];
        let readable = |at: usize| file.read_at(&mut buffer, (at * page()) as u64).is_ok();
        let expected: Vec<u8> = (0..len / page()).map(readable).map(|good| if good { 7 } else { 0 }).collect();
        let bad = expected.iter().filter(|byte| **byte == 0).count();
        assert!(bad > 0 && bad < expected.len(), "{bad}");
        assert_eq!(found, expected);
        assert_eq!(mapping.words.flags(), Words::IO_FAULT);
        let replaced: usize = mapping.guard().replaced().inside.iter().map(std::ops::Range::len).sum();
        assert_eq!(replaced, bad * page());
    });
}

/// Page by page this would need more mappings than a process may have.
#[test]
fn scattered_lost_pages_do_not_use_up_the_mappings_of_the_process() {
    lives("scattered_lost_pages_do_not_use_up_the_mappings_of_the_process", || {
        let scratch = Scratch::new();
        let Some(disk) = small_disk(&scratch, "size=1m") else { return };
        let (path, pages) = (disk.join("file"), 140_000);
        hole(&path, pages * page());
        fill(&disk.join("rest"));
        let mapping = Mapping::shared(&path);
        for at in (0..pages).step_by(2) {
            mapping.write(at * page(), 9);
        }
        assert!((0..pages).step_by(2).all(|at| mapping.read(at * page()) == 9));
        let maps = fs::read_to_string("/proc/self/maps").unwrap().lines().count();
        assert!(maps < 10_000, "{maps} mappings");
        assert!(mapping.words.faults() < 5000, "{} repairs", mapping.words.faults());
    });
}

#[test]
fn pages_that_were_lost_before_a_cut_keep_what_was_stored() {
    lives("pages_that_were_lost_before_a_cut_keep_what_was_stored", || {
        let scratch = Scratch::new();
        let Some(disk) = small_disk(&scratch, "size=1m") else { return };
        let path = disk.join("file");
        hole(&path, 64 * page());
        fill(&disk.join("rest"));
        let mapping = Mapping::shared(&path);
        for at in [3, 20, 21, 40] {
            mapping.write(at * page(), 9);
        }
        common::set_len(&path, 10 * page());
        assert_eq!(mapping.read(30 * page()), 0);
        for at in 0..64 {
            assert_eq!(mapping.read(at * page()), if [3, 20, 21, 40].contains(&at) { 9 } else { 0 });
        }
        assert_eq!(mapping.words.flags(), Words::IO_FAULT | Words::TRUNCATED);
        let replaced = mapping.guard().replaced();
        assert!(replaced.inside.iter().any(|range| range.contains(&(3 * page()))), "{replaced:?}");
        assert_eq!(replaced.cut, 10 * page()..64 * page());
    });
}
