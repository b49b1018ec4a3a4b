//! Memory without a file.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{assert_out_of_bounds, assert_resize_failed, page, within_limit};
use mmap_io::AnonymousMmap;

#[test]
fn it_is_zero_filled_memory_of_any_size() {
    for size in [1, 7, page() - 1, page(), 3 * page() + 1] {
        let memory = AnonymousMmap::new(size).unwrap();
        assert_eq!((memory.len(), memory.is_empty()), (size, false));
        assert!(memory.as_slice(0, size).unwrap().iter().all(|byte| *byte == 0));
        memory.update_region(size - 1, b"x").unwrap();
        memory.as_mut_slice(0, 1).unwrap()[0] = b'y';
        assert_eq!(memory.as_slice(size - 1, 1).unwrap(), if size == 1 { b"y" } else { b"x" });
        assert!(format!("{memory:?}").contains(&size.to_string()));
        // SAFETY: nobody else uses the memory.
        #[allow(unsafe_code, reason = "the addresses are what is tested")]
        let address = unsafe { memory.as_ptr() }.cast_mut();
        // SAFETY: as above.
        #[allow(unsafe_code, reason = "the addresses are what is tested")]
        let writable = unsafe { memory.as_mut_ptr() };
        assert_eq!(address, writable);
        // SAFETY: as above, and there is a byte.
        #[allow(unsafe_code, reason = "the addresses are what is tested")]
        unsafe {
            writable.write(b'z');
        }
        assert_eq!(memory.as_slice(0, 1).unwrap(), b"z");
    }
}

#[test]
fn a_size_that_cannot_be_had_is_refused() {
    assert_resize_failed(AnonymousMmap::new(0), "greater than zero");
    assert_resize_failed(AnonymousMmap::new(u64::MAX), "maximum safe limit");
    assert_resize_failed(AnonymousMmap::new((128 << 40) + 1), "maximum safe limit");
    #[cfg(target_os = "linux")]
    common::assert_io(AnonymousMmap::new(128 << 40), std::io::ErrorKind::OutOfMemory);
}

#[test]
fn ranges_are_checked_and_no_bytes_are_accepted_anywhere() {
    let memory = AnonymousMmap::new(10).unwrap();
    for offset in [0, 10, 11, u64::MAX] {
        assert!(memory.as_slice(offset, 0).unwrap().is_empty());
        assert!(memory.as_mut_slice(offset, 0).unwrap().is_empty());
        assert!(memory.try_as_slice(offset, 0).unwrap().unwrap().is_empty());
        assert!(memory.try_as_mut_slice(offset, 0).unwrap().unwrap().is_empty());
        memory.read_into(offset, &mut []).unwrap();
        memory.update_region(offset, &[]).unwrap();
        assert!(memory.try_update_region(offset, &[]).unwrap());
    }
    for offset in [7, 10, 11, u64::MAX] {
        let mut buffer = [9; 4];
        assert_out_of_bounds(memory.read_into(offset, &mut buffer), offset, 4, 10);
        assert_eq!(buffer, [9; 4]);
        assert_out_of_bounds(memory.update_region(offset, &buffer), offset, 4, 10);
        assert_out_of_bounds(memory.try_update_region(offset, &buffer), offset, 4, 10);
        assert_out_of_bounds(memory.as_slice(offset, 4), offset, 4, 10);
        assert_out_of_bounds(memory.try_as_slice(offset, 4), offset, 4, 10);
        assert_out_of_bounds(memory.as_mut_slice(offset, 4), offset, 4, 10);
        assert_out_of_bounds(memory.try_as_mut_slice(offset, 4), offset, 4, 10);
    }
    assert_eq!(memory.as_slice(0, 10).unwrap(), [0; 10]);
}

#[test]
fn views_and_writers_exclude_each_other() {
    let memory = AnonymousMmap::new(10).unwrap();
    let view = memory.as_slice(0, 1).unwrap();
    assert!(!memory.try_update_region(5, b"x").unwrap());
    assert!(memory.try_as_mut_slice(5, 1).unwrap().is_none());
    assert!(memory.try_as_slice(0, 10).unwrap().is_some());
    drop(view);
    let writer = memory.as_mut_slice(0, 1).unwrap();
    assert!(!memory.try_update_region(5, b"x").unwrap());
    assert!(memory.try_as_slice(0, 10).unwrap().is_none());
    drop(writer);
    assert!(memory.try_update_region(5, b"x").unwrap());
    within_limit(move || assert_eq!(memory.as_slice(5, 1).unwrap(), b"x"));
}

#[test]
fn threads_share_it() {
    let memory = AnonymousMmap::new(64).unwrap();
    std::thread::scope(|scope| {
        for number in 0..8_u8 {
            let memory = &memory;
            scope.spawn(move || memory.update_region(u64::from(number) * 8, &[number; 8]).unwrap());
        }
    });
    let expected: Vec<u8> = (0..64).map(|at| at / 8).collect();
    assert_eq!(memory.as_slice(0, 64).unwrap(), expected[..]);
}

#[cfg(feature = "hugepages")]
#[test]
fn huge_pages_are_a_wish() {
    for size in [1, page(), 5 << 20] {
        let memory = AnonymousMmap::with_huge_pages(size).unwrap();
        assert_eq!(memory.len(), size);
        memory.update_region(size - 1, b"x").unwrap();
        assert_eq!(memory.as_slice(size - 1, 1).unwrap(), b"x");
        assert_eq!(memory.is_hugepage_backed().is_some(), cfg!(target_os = "linux"));
    }
    assert_resize_failed(AnonymousMmap::with_huge_pages(0), "greater than zero");
}
