//! Taking locks.

use std::sync::{Mutex, MutexGuard};

/// Takes a lock, also after a panic of its last holder: what the locks of this crate protect is changed by whole values, so a
/// panic cannot leave it half done.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
