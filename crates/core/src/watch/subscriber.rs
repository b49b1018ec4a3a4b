//! The callback of a watch, and its end.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;
use std::thread::ThreadId;

use super::Notice;
use crate::error::Error;
use crate::mutex::lock;

pub(super) type Callback = Box<dyn FnMut(Notice) + Send>;

pub(super) struct Subscriber {
    active: AtomicBool,
    /// Held while it runs. Taken when the watch ends: whoever has taken it knows that no call runs or comes.
    callback: Mutex<Option<Callback>>,
    /// The thread that is inside the callback.
    running_on: Mutex<Option<ThreadId>>,
    has_panicked: AtomicBool,
}

impl Subscriber {
    pub(super) fn new(callback: Callback) -> Self {
        Self {
            active: AtomicBool::new(true),
            callback: Mutex::new(Some(callback)),
            running_on: Mutex::new(None),
            has_panicked: AtomicBool::new(false),
        }
    }

    pub(super) fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    /// Calls the callback, unless the watch has ended.
    pub(super) fn tell(&self, notice: Notice) {
        let mut callback = lock(&self.callback);
        let Some(call) = callback.as_mut().filter(|_| self.is_active()) else { return };
        *lock(&self.running_on) = Some(std::thread::current().id());
        if let Some(message) = panic_of(|| call(notice))
            && !self.has_panicked.swap(true, Ordering::Relaxed)
            && self.is_active()
        {
            let message = format!("the callback of a watch panicked: {message}");
            // One that panics about its panic is not told again.
            let _ = panic_of(|| call(Notice::Failed(Error::WatchFailed { message, os: None })));
        }
        *lock(&self.running_on) = None;
        if !self.is_active() {
            // It dropped its own handle, which could not wait for the end of this call.
            discard(callback.take());
        }
    }

    /// Ends the watch: no call runs or comes when this returns. Called by the callback itself, this call is the last.
    pub(super) fn stop(&self) {
        self.active.store(false, Ordering::Release);
        if *lock(&self.running_on) != Some(std::thread::current().id()) {
            let callback = lock(&self.callback).take();
            discard(callback);
        }
    }
}

/// Runs `call` and tells the message of its panic.
fn panic_of(call: impl FnOnce()) -> Option<String> {
    let payload = catch_unwind(AssertUnwindSafe(call)).err()?;
    let message = payload.downcast::<&str>().map(|text| (*text).to_owned());
    let message = message.or_else(|payload| payload.downcast::<String>().map(|text| *text));
    Some(message.unwrap_or_else(|payload| {
        // A payload of another type may panic when it is dropped; it is a few bytes once in a while.
        std::mem::forget(payload);
        "no message".into()
    }))
}

/// Drops what belongs to somebody else.
fn discard(callback: Option<Callback>) {
    let _ = panic_of(|| drop(callback));
}
