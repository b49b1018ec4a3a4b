//! Reading through a mapping.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{all, assert_invalid_mode, assert_io, assert_out_of_bounds, page, pattern, Scratch};
use mmap_io::{MemoryMappedFile, MmapIoError, MmapMode};

const BYTES: &[u8] = b"some bytes in a file";

fn modes() -> Vec<MmapMode> {
    let cow = cfg!(feature = "cow").then_some(MmapMode::CopyOnWrite);
    [MmapMode::ReadOnly, MmapMode::ReadWrite].into_iter().chain(cow).collect()
}

#[test]
fn every_mode_reads_the_same_bytes_in_every_way() {
    use std::io::Read;

    let scratch = Scratch::new();
    for mode in modes() {
        let file = scratch.with(BYTES, mode);
        assert_eq!((file.mode(), file.len(), file.current_len().unwrap(), file.is_empty()), (mode, 20, 20, false));
        assert_eq!(file.as_slice(5, 5).unwrap(), b"bytes");
        assert_eq!(file.try_as_slice(5, 5).unwrap().unwrap(), b"bytes");
        let mut buffer = [0; 5];
        file.read_into(5, &mut buffer).unwrap();
        assert_eq!(&buffer, b"bytes");
        let mut text = String::new();
        file.reader().read_to_string(&mut text).unwrap();
        assert_eq!(text.as_bytes(), BYTES);
        #[cfg(feature = "bytes")]
        assert_eq!(&file.read_bytes(5, 5).unwrap()[..], b"bytes");
        // SAFETY: nobody writes meanwhile.
        #[allow(unsafe_code, reason = "the address is what is tested")]
        let address = unsafe { file.as_ptr() };
        // SAFETY: as above, and the mapping has 20 bytes.
        #[allow(unsafe_code, reason = "the address is what is tested")]
        let first = unsafe { address.read() };
        assert_eq!(first, b's');
    }
}

#[test]
fn a_range_past_the_end_is_told_as_it_was_asked_and_leaves_the_buffer_alone() {
    let scratch = Scratch::new();
    for mode in modes() {
        let file = scratch.with(BYTES, mode);
        for (offset, len) in [(0, 21), (20, 1), (21, 1), (19, 2), (u64::MAX, 1), (u64::MAX, 2), (1, u64::MAX)] {
            assert_out_of_bounds(file.as_slice(offset, len), offset, len, 20);
            assert_out_of_bounds(file.try_as_slice(offset, len), offset, len, 20);
            #[cfg(feature = "bytes")]
            assert_out_of_bounds(file.read_bytes(offset, len), offset, len, 20);
        }
        let mut buffer = [9; 4];
        assert_out_of_bounds(file.read_into(17, &mut buffer), 17, 4, 20);
        assert_eq!(buffer, [9; 4]);
    }
}

/// Row 33: a request for no bytes is accepted at any offset by every call that takes a range.
#[test]
fn a_request_for_no_bytes_is_accepted_at_any_offset() {
    let scratch = Scratch::new();
    for mode in modes() {
        let file = scratch.with(BYTES, mode);
        for offset in [0, 19, 20, 21, u64::MAX] {
            assert!(file.as_slice(offset, 0).unwrap().is_empty());
            assert!(file.try_as_slice(offset, 0).unwrap().unwrap().is_empty());
            file.read_into(offset, &mut []).unwrap();
            file.update_region(offset, &[]).unwrap();
            assert!(file.try_update_region(offset, &[]).unwrap());
            file.flush_range(offset, 0).unwrap();
            file.schedule_flush_range(offset, 0).unwrap();
            file.touch_pages_range(offset, 0).unwrap();
            file.prefetch_range(offset, 0).unwrap();
            #[cfg(feature = "advise")]
            file.advise(offset, 0, mmap_io::MmapAdvice::DontNeed).unwrap();
            #[cfg(feature = "locking")]
            file.lock(offset, 0).and_then(|()| file.unlock(offset, 0)).unwrap();
            #[cfg(feature = "bytes")]
            assert!(file.read_bytes(offset, 0).unwrap().is_empty());
            if mode == MmapMode::ReadOnly {
                assert!(file.as_slice_bytes(offset, 0).unwrap().is_empty());
            }
            if mode == MmapMode::ReadWrite {
                assert!(file.as_slice_mut(offset, 0).unwrap().is_empty());
                assert!(file.try_as_slice_mut(offset, 0).unwrap().unwrap().is_empty());
            }
        }
    }
}

#[test]
fn bytes_without_a_guard_are_lent_only_where_nothing_can_write_them() {
    let scratch = Scratch::new();
    let file = scratch.with(BYTES, MmapMode::ReadOnly);
    assert_eq!(file.as_slice_bytes(0, 4).unwrap(), b"some");
    assert_out_of_bounds(file.as_slice_bytes(20, 1), 20, 1, 20);
    let file = scratch.with(BYTES, MmapMode::ReadWrite);
    assert_invalid_mode(file.as_slice_bytes(0, 4));
    // Bounds are checked first here.
    assert_out_of_bounds(file.as_slice_bytes(20, 1), 20, 1, 20);
}

#[test]
fn an_empty_file_is_an_empty_mapping() {
    let scratch = Scratch::new();
    let file = scratch.with(b"", MmapMode::ReadOnly);
    assert!(file.is_empty());
    assert!(file.as_slice(0, 0).unwrap().is_empty());
    assert_out_of_bounds(file.as_slice(0, 1), 0, 1, 0);
    file.touch_pages().unwrap();
    file.flush().unwrap();
    #[cfg(feature = "iterator")]
    assert_eq!((file.chunks(10).count(), file.pages().count(), file.chunks_owned(10).count()), (0, 0, 0));
    #[cfg(feature = "locking")]
    file.lock_all().and_then(|()| file.unlock_all()).unwrap();
    #[cfg(feature = "hugepages")]
    assert_eq!(file.is_hugepage_backed(), None);
}

#[test]
fn a_read_only_mapping_follows_the_file() {
    let scratch = Scratch::new();
    let file = scratch.with(&pattern(3 * page()), MmapMode::ReadOnly);
    let writer = MemoryMappedFile::open_rw(scratch.file()).unwrap();
    file.touch_pages().unwrap();
    writer.update_region(page() + 3, b"new").unwrap();
    assert_eq!(file.as_slice(page() + 3, 3).unwrap(), b"new");
    assert_eq!(all(&file), scratch.content());
}

#[test]
fn touching_and_prefetching_check_their_range_and_change_nothing() {
    let scratch = Scratch::new();
    let file = scratch.with(&pattern(3 * page()), MmapMode::ReadWrite);
    let before = scratch.content();
    file.touch_pages().unwrap();
    file.touch_pages_range(page() - 1, 2).unwrap();
    file.prefetch_range(1, page()).unwrap();
    assert_out_of_bounds(file.touch_pages_range(1, 3 * page()), 1, 3 * page(), 3 * page());
    assert_out_of_bounds(file.prefetch_range(1, 3 * page()), 1, 3 * page(), 3 * page());
    assert_eq!((file.pending_bytes(), all(&file)), (0, before));
}

/// Row 20: an eager hint loads every page, also where the file existed already.
#[cfg(target_os = "linux")]
#[test]
fn touching_loads_pages_of_its_range_and_an_eager_mapping_has_them_all() {
    use mmap_io::TouchHint;

    let scratch = Scratch::new();
    let resident = || common::linux::kib_of(&scratch.file(), "Rss") * 1024;
    // The kernel maps some neighbours of a page, never as many as these.
    let len = 1024 * page();
    let file = scratch.zeros(len);
    assert_eq!(resident(), 0);
    file.touch_pages_range(500 * page() + 1, page()).unwrap();
    assert!((2 * page()..len / 4).contains(&resident()), "{}", resident());
    file.touch_pages().unwrap();
    assert_eq!(resident(), len);
    drop(file);
    for mode in modes() {
        let open = |hint| MemoryMappedFile::builder(scratch.file()).mode(mode).touch_hint(hint).open().unwrap();
        for (hint, expected) in [(TouchHint::Never, 0), (TouchHint::Lazy, 0), (TouchHint::Eager, len)] {
            let _file = open(hint);
            assert_eq!(resident(), expected, "{mode:?} {hint:?}");
        }
    }
}

#[test]
fn a_slice_compares_and_prints_like_its_bytes() {
    let scratch = Scratch::new();
    let file = scratch.with(b"abcabc", MmapMode::ReadOnly);
    let slice = file.as_slice(0, 3).unwrap();
    assert_eq!(slice, file.as_slice(3, 3).unwrap());
    assert!(slice == *b"abc" && slice == b"abc" && slice == b"abc"[..]);
    let borrowed: &[u8] = b"abc";
    assert!(slice == borrowed && slice != *b"abd" && slice.as_ref() == b"abc" && slice.as_slice() == b"abc");
    assert_eq!((format!("{slice:?}"), slice.len()), (format!("{:?}", b"abc"), 3));
    #[cfg(feature = "bytes")]
    assert_eq!((bytes::Bytes::from(&slice), bytes::Bytes::from(slice)), ("abc".into(), "abc".into()));
}

#[test]
fn a_mapping_tells_what_it_is() {
    let scratch = Scratch::new();
    let file = scratch.with(BYTES, MmapMode::ReadWrite);
    assert_eq!(file.path(), scratch.file());
    let text = format!("{file:?}");
    assert!(text.contains("ReadWrite") && text.contains("20") && text.contains("file"), "{text}");
    assert_eq!((file.flush_policy(), file.pending_bytes()), (mmap_io::flush::FlushPolicy::Never, 0));
}

#[test]
fn a_missing_file_is_not_found() {
    let scratch = Scratch::new();
    assert_io(MemoryMappedFile::open_ro(scratch.file()), std::io::ErrorKind::NotFound);
    assert_io(MemoryMappedFile::open_rw(scratch.file()), std::io::ErrorKind::NotFound);
    assert!(scratch.names().is_empty());
}

/// Row 32: the texts begin as published, and `Io` keeps the operating system's error.
#[test]
fn errors_read_as_published() {
    let text = || "why".to_owned();
    let io = std::io::Error::from_raw_os_error(2);
    let rows = [
        (MmapIoError::InvalidMode("why"), "invalid access mode: why"),
        (MmapIoError::OutOfBounds { offset: 1, len: 2, total: 3 }, "range out of bounds: offset=1, len=2, total=3"),
        (MmapIoError::FlushFailed(text()), "flush failed: why"),
        (MmapIoError::ResizeFailed(text()), "resize failed: why"),
        (MmapIoError::AdviceFailed(text()), "advice failed: why"),
        (MmapIoError::LockFailed(text()), "lock failed: why"),
        (MmapIoError::UnlockFailed(text()), "unlock failed: why"),
        (MmapIoError::Misaligned { required: 8, offset: 3 }, "atomic alignment error: required=8, offset=3"),
        (MmapIoError::WatchFailed(text()), "watch failed: why"),
    ];
    for (error, expected) in rows {
        assert_eq!(error.to_string(), expected);
    }
    let expected = format!("I/O error: {io}");
    let error = MmapIoError::from(io);
    assert_eq!(error.to_string(), expected);
    assert!(std::error::Error::source(&error).is_some());
    let missing = MemoryMappedFile::open_ro("no such file").unwrap_err();
    assert!(matches!(missing, MmapIoError::Io(error) if error.raw_os_error().is_some()));
}

/// Row 33: sums and alignments saturate instead of overflowing.
#[test]
fn page_maths_never_overflow() {
    use mmap_io::utils::{align_up, ensure_in_bounds, page_size, slice_range};

    assert!(page_size().is_power_of_two());
    let rows =
        [(0, 8, 0), (1, 8, 8), (8, 8, 8), (7, 0, 7), (7, 3, 9), (u64::MAX, 1, u64::MAX), (u64::MAX - 1, 8, u64::MAX)];
    for (value, alignment, expected) in rows {
        assert_eq!(align_up(value, alignment), expected, "{value} {alignment}");
    }
    assert_out_of_bounds(ensure_in_bounds(u64::MAX, 2, u64::MAX), u64::MAX, 2, u64::MAX);
    assert_out_of_bounds(slice_range(u64::MAX - 1, 3, u64::MAX), u64::MAX - 1, 3, u64::MAX);
    assert_eq!(slice_range(2, 3, 5).unwrap(), (2, 5));
    ensure_in_bounds(5, 0, 5).unwrap();
    assert_out_of_bounds(ensure_in_bounds(6, 0, 5), 6, 0, 5);
}
