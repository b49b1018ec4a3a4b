//! Writing through a mapping: what is allowed, what is counted, and where the bytes go.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::fs;

use common::{all, assert_invalid_mode, assert_out_of_bounds, page, pattern, Scratch};
use mmap_io::flush::FlushPolicy;
use mmap_io::{MemoryMappedFile, MmapMode};

#[test]
fn stores_reach_the_file_and_every_other_mapping() {
    let scratch = Scratch::new();
    let file = scratch.zeros(2 * page());
    let reader = MemoryMappedFile::open_ro(scratch.file()).unwrap();
    file.update_region(page() - 2, b"over").unwrap();
    file.as_slice_mut(0, 3).unwrap().copy_from_slice(b"abc");
    assert!(file.try_update_region(10, b"try").unwrap());
    file.try_as_slice_mut(20, 3).unwrap().unwrap().as_mut().fill(7);
    let mut expected = vec![0; common::at(2 * page())];
    expected[..3].copy_from_slice(b"abc");
    expected[10..13].copy_from_slice(b"try");
    expected[20..23].fill(7);
    let border = common::at(page() - 2);
    expected[border..border + 4].copy_from_slice(b"over");
    assert_eq!(scratch.content(), expected);
    assert_eq!((all(&file), all(&reader)), (expected.clone(), expected));
    file.flush().unwrap();
    file.flush_range(0, page()).unwrap();
}

/// Row 33: the mode is checked first, then the bounds; no data is accepted before either.
#[test]
fn the_mode_is_checked_before_the_bounds_and_no_data_before_both() {
    let scratch = Scratch::new();
    let file = scratch.with(b"0123456789", MmapMode::ReadOnly);
    for (offset, len) in [(0, 1), (11, 1), (u64::MAX, 5)] {
        let data = vec![1; common::at(len)];
        assert_invalid_mode(file.update_region(offset, &data));
        assert_invalid_mode(file.try_update_region(offset, &data));
        assert_invalid_mode(file.as_slice_mut(offset, len));
        assert_invalid_mode(file.try_as_slice_mut(offset, len));
    }
    for offset in [0, 10, 11, u64::MAX] {
        file.update_region(offset, b"").unwrap();
        assert!(file.try_update_region(offset, b"").unwrap());
    }
    assert_invalid_mode(file.resize(0));
    assert_eq!(scratch.content(), b"0123456789");
}

#[test]
fn a_write_past_the_end_stores_and_counts_nothing() {
    let scratch = Scratch::new();
    let file = scratch.with(b"0123456789", MmapMode::ReadWrite);
    for offset in [7, 10, 11, u64::MAX, u64::MAX - 3] {
        assert_out_of_bounds(file.update_region(offset, b"abcd"), offset, 4, 10);
        assert_out_of_bounds(file.try_update_region(offset, b"abcd"), offset, 4, 10);
        assert_out_of_bounds(file.as_slice_mut(offset, 4), offset, 4, 10);
        assert_out_of_bounds(file.try_as_slice_mut(offset, 4), offset, 4, 10);
    }
    assert_eq!((scratch.content().as_slice(), file.pending_bytes()), (b"0123456789".as_slice(), 0));
    // The locks that the refused calls took are free again.
    assert!(file.try_update_region(0, b"x").unwrap());
}

/// Row 3: every way of writing counts, under every policy.
#[test]
fn every_way_of_writing_counts_its_bytes_as_pending() {
    let scratch = Scratch::new();
    let far =
        [FlushPolicy::Never, FlushPolicy::Manual, FlushPolicy::EveryBytes(1 << 30), FlushPolicy::EveryWrites(999)];
    for policy in far.into_iter().chain([FlushPolicy::EveryMillis(3_600_000)]) {
        let file = MemoryMappedFile::builder(scratch.file()).size(100).flush_policy(policy).create().unwrap();
        assert_eq!(file.flush_policy(), policy);
        let mut expected = 0;
        let mut grown_by = |what: &str, bytes| {
            expected += bytes;
            assert_eq!(file.pending_bytes(), expected, "{what} under {policy:?}");
        };
        file.update_region(0, b"12345").unwrap();
        grown_by("update_region", 5);
        file.try_update_region(95, b"12345").unwrap();
        grown_by("try_update_region", 5);
        let slice = file.as_slice_mut(3, 20).unwrap();
        grown_by("a mutable slice that lives", 0);
        drop(slice);
        grown_by("a mutable slice", 20);
        drop(file.try_as_slice_mut(3, 20).unwrap());
        grown_by("try_as_slice_mut", 20);
        drop(file.as_slice_mut(3, 0).unwrap());
        file.update_region(3, b"").unwrap();
        grown_by("nothing", 0);
        // SAFETY: nothing is done with the address.
        #[allow(unsafe_code, reason = "the counting is what is tested")]
        unsafe { file.as_mut_ptr() }.unwrap();
        grown_by("as_mut_ptr", 100);
        #[cfg(feature = "iterator")]
        {
            file.chunks_mut(30).for_each_mut(|_, _| Ok(())).unwrap();
            grown_by("chunks_mut", 100);
        }
        #[cfg(feature = "atomic")]
        {
            let view = file.atomic_u64(8).unwrap();
            grown_by("an atomic view that lives", 0);
            drop(view);
            grown_by("atomic_u64", 8);
            drop(file.atomic_u32(8).unwrap());
            grown_by("atomic_u32", 4);
            drop(file.atomic_u64_slice(0, 5).unwrap());
            grown_by("atomic_u64_slice", 40);
            drop(file.atomic_u32_slice(0, 5).unwrap());
            grown_by("atomic_u32_slice", 20);
            drop(file.atomic_u32_slice(0, 0).unwrap());
            grown_by("an empty atomic view", 0);
        }
        let parent = std::sync::Arc::new(file.clone());
        let segment = mmap_io::segment::SegmentMut::new(parent, 10, 10).unwrap();
        segment.write(b"123").unwrap();
        grown_by("a segment's write", 3);
        drop(segment.as_slice_mut().unwrap());
        grown_by("a segment's slice", 10);
        let _ = file.as_slice(0, 100).unwrap();
        file.touch_pages().unwrap();
        grown_by("reading", 0);
        file.flush().unwrap();
        assert_eq!(file.pending_bytes(), 0);
    }
}

/// Row 4: a flush of a part leaves the count, one of the whole clears it.
#[test]
fn only_a_flush_of_the_whole_clears_what_is_pending() {
    let scratch = Scratch::new();
    let file = scratch.zeros(10 * page());
    file.update_region(5 * page(), &[1; 10]).unwrap();
    for (offset, len) in [(0, 1), (5 * page(), 10), (0, 10 * page() - 1), (1, 10 * page() - 1), (0, 0)] {
        file.flush_range(offset, len).unwrap();
        assert_eq!(file.pending_bytes(), 10, "{offset} {len}");
    }
    file.schedule_flush().unwrap();
    file.schedule_flush_range(0, 10 * page()).unwrap();
    assert_eq!(file.pending_bytes(), 10);
    file.flush_range(0, 10 * page()).unwrap();
    assert_eq!(file.pending_bytes(), 0);
    file.update_region(0, &[1; 3]).unwrap();
    file.flush().unwrap();
    assert_eq!(file.pending_bytes(), 0);
    for call in [MemoryMappedFile::flush_range, MemoryMappedFile::schedule_flush_range] {
        assert_out_of_bounds(call(&file, 1, 10 * page()), 1, 10 * page(), 10 * page());
        assert_out_of_bounds(call(&file, u64::MAX, 1), u64::MAX, 1, 10 * page());
    }
}

/// Row 31: ranges that begin and end inside of pages are flushed, too.
#[test]
fn unaligned_ranges_are_flushed() {
    let scratch = Scratch::new();
    let file = scratch.zeros(5 * page() + 7);
    for (offset, len) in [(1, 1), (page() - 1, 2), (page() + 3, 2 * page()), (5 * page(), 7), (7, 5 * page())] {
        file.update_region(offset, &[1]).unwrap();
        file.schedule_flush_range(offset, len).unwrap();
        file.flush_range(offset, len).unwrap();
    }
}

#[test]
fn flushing_where_nothing_is_written_checks_the_range_and_does_nothing() {
    let scratch = Scratch::new();
    let file = scratch.with(b"0123456789", MmapMode::ReadOnly);
    file.flush().unwrap();
    file.schedule_flush().unwrap();
    file.flush_range(3, 7).unwrap();
    file.schedule_flush_range(3, 7).unwrap();
    assert_out_of_bounds(file.flush_range(3, 8), 3, 8, 10);
    assert_out_of_bounds(file.schedule_flush_range(3, 8), 3, 8, 10);
    assert_eq!(file.pending_bytes(), 0);
}

/// Row 16: with the `try_` calls nobody waits for a view, not even on the same thread.
#[test]
fn the_try_calls_answer_instead_of_waiting() {
    let scratch = Scratch::new();
    let file = scratch.zeros(100);
    let view = file.as_slice(90, 1).unwrap();
    assert!(!file.try_update_region(0, b"x").unwrap());
    assert!(file.try_as_slice_mut(0, 1).unwrap().is_none());
    assert!(file.try_as_slice(0, 100).unwrap().is_some(), "readers share");
    drop(view);
    let mut writer = file.as_slice_mut(0, 1).unwrap();
    writer[0] = 5;
    assert!(!file.try_update_region(50, b"x").unwrap());
    assert!(file.try_as_slice_mut(50, 1).unwrap().is_none());
    assert!(file.try_as_slice(50, 1).unwrap().is_none());
    drop(writer);
    assert_eq!((file.pending_bytes(), all(&file)[0]), (1, 5), "a refused call counts nothing");
    assert!(file.try_update_region(0, b"x").unwrap());
    assert!(file.try_as_slice_mut(0, 1).unwrap().is_some());
    assert!(file.try_as_slice(0, 1).unwrap().is_some());
}

#[test]
fn clones_share_one_mapping_and_the_last_one_gives_the_file_back() {
    use std::io::Read;

    let scratch = Scratch::new();
    let file = scratch.zeros(10);
    let clone = file.clone();
    clone.update_region(0, b"shared").unwrap();
    clone.resize(20).unwrap();
    assert_eq!((file.len(), file.pending_bytes()), (20, 6));
    let file = file.unmap().unwrap_err();
    assert_eq!(all(&file)[..6], *b"shared");
    drop(clone);
    let mut back = file.unmap().unwrap();
    let mut bytes = Vec::new();
    back.read_to_end(&mut bytes).unwrap();
    assert_eq!((bytes.len(), &bytes[..6]), (20, b"shared".as_slice()));
}

#[cfg(target_os = "linux")]
#[test]
fn a_mapping_that_is_gone_is_unmapped() {
    let scratch = Scratch::new();
    let maps = || common::linux::maps_of(&scratch.file()).len();
    let file = scratch.zeros(page());
    assert_eq!(maps(), 1);
    file.resize(9 * page()).unwrap();
    file.resize(100 * page()).unwrap();
    assert_eq!(maps(), 1, "the shorter ones are gone");
    let clone = file.clone();
    drop(file);
    assert_eq!(maps(), 1);
    let _back = clone.unmap().unwrap();
    assert_eq!(maps(), 0);
}

#[test]
fn a_file_that_is_open_already_is_mapped_and_its_path_is_only_told() {
    let scratch = Scratch::new();
    fs::write(scratch.file(), b"0123456789").unwrap();
    let open = |write| fs::OpenOptions::new().read(true).write(write).open(scratch.file()).unwrap();
    let file = MemoryMappedFile::from_file(open(true), MmapMode::ReadWrite, "a name").unwrap();
    file.update_region(0, b"x").unwrap();
    assert_eq!((file.path().to_str(), file.flush_policy()), (Some("a name"), FlushPolicy::Never));
    let reader = MemoryMappedFile::from_file(open(false), MmapMode::ReadOnly, "another").unwrap();
    assert_eq!(reader.as_slice(0, 2).unwrap(), b"x1");
    #[cfg(unix)]
    common::assert_io(
        MemoryMappedFile::from_file(open(false), MmapMode::ReadWrite, "unwritable"),
        std::io::ErrorKind::PermissionDenied,
    );
    fs::write(scratch.path("empty"), b"").unwrap();
    let empty = || fs::OpenOptions::new().read(true).write(true).open(scratch.path("empty")).unwrap();
    common::assert_resize_failed(MemoryMappedFile::from_file(empty(), MmapMode::ReadWrite, "e"), "empty");
    assert!(MemoryMappedFile::from_file(empty(), MmapMode::ReadOnly, "e").unwrap().is_empty());
}

#[cfg(unix)]
#[test]
fn a_mapping_lends_its_descriptor() {
    use std::os::fd::{AsFd, AsRawFd};
    use std::os::unix::fs::MetadataExt;

    let scratch = Scratch::new();
    let file = scratch.zeros(10);
    assert_eq!(file.as_fd().as_raw_fd(), file.as_raw_fd());
    let duplicate = fs::File::from(file.as_fd().try_clone_to_owned().unwrap());
    assert_eq!(duplicate.metadata().unwrap().ino(), fs::metadata(scratch.file()).unwrap().ino());
}

/// Row 11: a resize waits for views, so none of them ever sees its bytes go.
#[test]
fn resizing_keeps_what_stays_and_shows_zeros_where_it_grew() {
    let scratch = Scratch::new();
    let bytes = pattern(3 * page() + 5);
    let file = scratch.with(&bytes, MmapMode::ReadWrite);
    let mut expected = bytes;
    for len in [page(), 1, 2 * page() + 1, 2 * page() + 1, 50 * page() + 3, page() - 1, 3 * page(), 4096 * page()] {
        file.resize(len).unwrap();
        expected.resize(common::at(len), 0);
        assert_eq!((file.len(), fs::metadata(scratch.file()).unwrap().len()), (len, len));
        assert_eq!(all(&file), expected, "{len}");
        assert_eq!(scratch.content(), expected, "{len}");
        file.update_region(len - 1, b"E").unwrap();
        expected[common::at(len - 1)] = b'E';
        assert_out_of_bounds(file.as_slice(len, 1), len, 1, len);
        assert_out_of_bounds(file.update_region(len, b"x"), len, 1, len);
    }
}

/// Row 11: a resize that is refused leaves file, length and bytes as they were.
#[test]
fn a_refused_resize_changes_nothing() {
    let scratch = Scratch::new();
    let file = scratch.with(b"0123456789", MmapMode::ReadWrite);
    common::assert_resize_failed(file.resize(0), "New size must be greater than zero");
    common::assert_resize_failed(file.resize(u64::MAX), "exceeds maximum safe limit");
    common::assert_resize_failed(file.resize((128 << 40) + 1), "exceeds maximum safe limit");
    #[cfg(target_os = "linux")]
    assert!(matches!(file.resize(128 << 40), Err(mmap_io::MmapIoError::Io(_))));
    assert_eq!((file.len(), scratch.content().as_slice()), (10, b"0123456789".as_slice()));
    file.update_region(9, b"x").unwrap();
    file.resize(11).unwrap();
    assert_eq!(all(&file), b"012345678x\0");
}

#[test]
fn a_file_that_others_made_longer_is_not_cut() {
    use std::io::Write;

    let scratch = Scratch::new();
    let file = scratch.with(b"0123456789", MmapMode::ReadWrite);
    fs::OpenOptions::new().append(true).open(scratch.file()).unwrap().write_all(b"appended").unwrap();
    common::assert_resize_failed(file.resize(5), "18");
    file.resize(18).unwrap();
    assert_eq!(all(&file), b"0123456789appended");
    file.resize(5).unwrap();
    assert_eq!(scratch.content(), b"01234");
}

/// Row 21: a shrink cuts the file itself, and what was cut does not come back.
#[test]
fn cut_bytes_do_not_come_back() {
    let scratch = Scratch::new();
    let file = scratch.with(&pattern(3 * page()), MmapMode::ReadWrite);
    file.resize(10).unwrap();
    assert_eq!(scratch.content().len(), 10);
    file.resize(3 * page()).unwrap();
    assert!(all(&file)[10..].iter().all(|byte| *byte == 0));
    let back = file.unmap().unwrap();
    assert_eq!(back.metadata().unwrap().len(), 3 * page());
}

/// Row 8: copy-on-write mappings are private, and writable ones take every kind of write.
#[cfg(feature = "cow")]
#[test]
fn writes_to_a_copy_on_write_mapping_stay_in_it() {
    let scratch = Scratch::new();
    let bytes = pattern(3 * page());
    fs::write(scratch.file(), &bytes).unwrap();
    let file = MemoryMappedFile::open_cow_writable(scratch.file()).unwrap();
    assert!(file.is_cow_writable());
    let clone = file.clone();
    file.update_region(0, b"private").unwrap();
    assert!(file.try_update_region(page(), b"private").unwrap());
    file.as_slice_mut(100, 4).unwrap().fill(255);
    #[cfg(feature = "iterator")]
    file.chunks_mut(common::at(page()))
        .for_each_mut(|_, chunk| {
            chunk[200] = 254;
            Ok(())
        })
        .unwrap();
    #[cfg(feature = "atomic")]
    file.atomic_u32(2000).unwrap().store(u32::MAX, std::sync::atomic::Ordering::Relaxed);
    let segment = mmap_io::segment::SegmentMut::new(std::sync::Arc::new(file.clone()), 2 * page(), 10).unwrap();
    segment.write(b"segment").unwrap();
    // SAFETY: nobody else uses the mapping meanwhile.
    #[allow(unsafe_code, reason = "the address is what is tested")]
    let address = unsafe { file.as_mut_ptr() }.unwrap().wrapping_add(300);
    // SAFETY: as above, and the mapping is longer.
    #[allow(unsafe_code, reason = "the address is what is tested")]
    unsafe {
        address.write(253);
    }
    let mut expected = bytes.clone();
    for (at, text) in [(0, "private"), (page(), "private"), (2 * page(), "segment")] {
        expected[common::at(at)..common::at(at) + 7].copy_from_slice(text.as_bytes());
    }
    expected[100..104].fill(255);
    #[cfg(feature = "iterator")]
    for number in 0..3 {
        expected[200 + common::at(number * page())] = 254;
    }
    #[cfg(feature = "atomic")]
    expected[2000..2004].fill(255);
    expected[300] = 253;
    assert_eq!((all(&file), all(&clone)), (expected.clone(), expected));
    assert_eq!(scratch.content(), bytes, "the file never sees them");
    assert_eq!(all(&MemoryMappedFile::open_cow_writable(scratch.file()).unwrap()), bytes, "nor does another mapping");
    file.flush().unwrap();
    file.flush_range(0, 10).unwrap();
    file.schedule_flush().unwrap();
    assert_out_of_bounds(file.flush_range(0, 3 * page() + 1), 0, 3 * page() + 1, 3 * page());
    assert_eq!(file.pending_bytes(), 0, "there is nothing to flush");
    assert_invalid_mode(file.resize(page()));
    assert_eq!(scratch.content(), bytes);
}

#[cfg(feature = "cow")]
#[test]
fn a_copy_on_write_mapping_is_read_only_unless_asked_otherwise() {
    let scratch = Scratch::new();
    fs::write(scratch.file(), b"0123456789").unwrap();
    let builder = || MemoryMappedFile::builder(scratch.file()).mode(MmapMode::CopyOnWrite);
    let plain = MemoryMappedFile::open_cow(scratch.file()).unwrap();
    for file in [plain, builder().open().unwrap(), builder().cow_writable(false).create().unwrap()] {
        assert!(!file.is_cow_writable());
        assert_invalid_mode(file.update_region(0, b"x"));
        assert_invalid_mode(file.as_slice_mut(0, 1));
        assert_invalid_mode(file.resize(5));
        #[cfg(feature = "iterator")]
        assert_invalid_mode(file.chunks_mut(0).for_each_mut(|_, _| Ok(())));
        assert_eq!(file.as_slice(0, 2).unwrap(), b"01");
    }
    assert!(builder().cow_writable(true).open().unwrap().is_cow_writable());
    let other_mode = MemoryMappedFile::builder(scratch.file()).cow_writable(true).open().unwrap();
    assert!(!other_mode.is_cow_writable(), "no effect on other modes");
    assert_invalid_mode(other_mode.update_region(0, b"x"));
}

#[cfg(not(feature = "cow"))]
#[test]
fn without_the_feature_copy_on_write_is_refused() {
    let scratch = Scratch::new();
    fs::write(scratch.file(), b"0123456789").unwrap();
    let builder = || MemoryMappedFile::builder(scratch.file()).mode(MmapMode::CopyOnWrite).size(10);
    assert_invalid_mode(builder().open());
    assert_invalid_mode(builder().create());
    assert_invalid_mode(builder().open_or_create());
    assert_invalid_mode(mmap_io::load_mmap(scratch.file(), MmapMode::CopyOnWrite));
    let file = fs::File::open(scratch.file()).unwrap();
    assert_invalid_mode(MemoryMappedFile::from_file(file, MmapMode::CopyOnWrite, "f"));
}

/// Row 8: seen from the kernel, a copy-on-write mapping is private.
#[cfg(all(feature = "cow", target_os = "linux"))]
#[test]
fn the_kernel_calls_a_copy_on_write_mapping_private() {
    let scratch = Scratch::new();
    fs::write(scratch.file(), pattern(page())).unwrap();
    for file in [MemoryMappedFile::open_cow(scratch.file()), MemoryMappedFile::open_cow_writable(scratch.file())] {
        let _file = file.unwrap();
        let maps = common::linux::maps_of(&scratch.file());
        let permissions = maps[0][0].split_whitespace().nth(1).unwrap();
        assert!(permissions.ends_with('p'), "{permissions}");
    }
}
