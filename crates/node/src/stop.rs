//! A wish that a task ends early.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use napi_derive::napi;

/// Given to a task at its start; the task looks at it from time to time.
#[napi]
#[derive(Default)]
pub struct Stop(Arc<AtomicBool>);

#[napi]
impl Stop {
    #[napi(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// The task ends soon, with what it has.
    #[napi(catch_unwind)]
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Stop {
    /// What the task asks.
    pub(crate) fn asked(&self) -> impl Fn() -> bool + Send + 'static {
        let flag = Arc::clone(&self.0);
        move || flag.load(Ordering::Relaxed)
    }
}
