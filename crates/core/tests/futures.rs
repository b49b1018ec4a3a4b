//! The functions that wait, as futures.
#![cfg(feature = "async")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use common::{all, assert_invalid_mode, assert_io, assert_out_of_bounds, assert_resize_failed, Scratch};
use mmap_io::manager::r#async::{copy_mmap_async, create_mmap_async, delete_mmap_async};
use mmap_io::MmapMode;

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Any executor will do; this is the smallest.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

fn is_send<T: Send>(value: T) -> T {
    value
}

#[test]
fn each_future_does_what_its_function_does() {
    let scratch = Scratch::new();
    let file = wait(is_send(create_mmap_async(scratch.file(), 10))).unwrap();
    wait(is_send(file.update_region_async(3, b"abc"))).unwrap();
    assert_eq!((file.pending_bytes(), all(&file)[3..6].to_vec()), (0, b"abc".to_vec()), "written and flushed");
    file.update_region(0, b"x").unwrap();
    wait(is_send(file.flush_range_async(0, 5))).unwrap();
    assert_eq!(file.pending_bytes(), 1);
    wait(is_send(file.flush_async())).unwrap();
    assert_eq!(file.pending_bytes(), 0);
    wait(is_send(copy_mmap_async(scratch.file(), scratch.path("to")))).unwrap();
    assert_eq!(fs::read(scratch.path("to")).unwrap(), scratch.content());
    wait(is_send(delete_mmap_async(scratch.path("to")))).unwrap();
    assert_eq!(scratch.names(), ["file"]);
}

/// Row 18: creating checks its size before the file system is touched.
#[test]
fn each_future_fails_as_its_function_does() {
    let scratch = Scratch::new();
    assert_resize_failed(wait(create_mmap_async(scratch.file(), 0)), "greater than zero");
    assert_resize_failed(wait(create_mmap_async(scratch.file(), u64::MAX)), "maximum safe limit");
    assert!(scratch.names().is_empty());
    assert_io(wait(delete_mmap_async(scratch.file())), std::io::ErrorKind::NotFound);
    let file = scratch.with(b"0123456789", MmapMode::ReadWrite);
    assert_io(wait(copy_mmap_async(scratch.file(), scratch.file())), std::io::ErrorKind::InvalidInput);
    assert_resize_failed(wait(create_mmap_async(scratch.file(), 0)), "greater than zero");
    assert_out_of_bounds(wait(file.update_region_async(8, b"abc")), 8, 3, 10);
    assert_out_of_bounds(wait(file.flush_range_async(8, 3)), 8, 3, 10);
    assert_eq!(scratch.content(), b"0123456789");
    let reading = scratch.with(b"0123456789", MmapMode::ReadOnly);
    assert_invalid_mode(wait(reading.update_region_async(0, b"x")));
    wait(reading.flush_async()).unwrap();
}

#[test]
fn a_future_that_is_dropped_leaves_the_mapping_usable() {
    let scratch = Scratch::new();
    let file = scratch.zeros(10);
    let view = file.as_slice(0, 1).unwrap();
    {
        let mut future = pin!(file.update_region_async(0, b"late"));
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    drop(view);
    // The store may come, before or after this one, or not at all.
    file.update_region(5, b"x").unwrap();
    file.resize(20).unwrap();
    assert_eq!(all(&file)[5], b'x');
}
