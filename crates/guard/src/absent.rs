//! Where a mapped file cannot be cut: the same functions, doing nothing.

use std::fs::File;
use std::io;
use std::ops::Range;

use crate::{Addresses, Replaced, Sharing, Words};

/// What a registration needs of a file.
pub type FileHandle = File;

/// Whether the guard can keep this process alive: not here.
#[must_use]
pub const fn is_supported() -> bool {
    false
}

/// Puts the handler on top of all others: there is none here.
#[must_use]
pub fn install() -> bool {
    false
}

/// The same, unless the handler was never installed.
#[must_use]
pub fn install_again() -> bool {
    false
}

/// Calls `listener` soon after faults: there are none here.
///
/// # Errors
/// None.
pub fn listen(_listener: impl Fn() + Send + 'static) -> io::Result<()> {
    Ok(())
}

/// Calls the listener soon.
pub fn wake() {}

/// Guards a mapping: there is nothing to guard against here.
///
/// # Safety
/// - None.
#[must_use]
#[allow(unsafe_code, reason = "the same signature on every platform")]
pub unsafe fn register(
    _base: *mut u8,
    _len: usize,
    _addresses: Addresses,
    _file: &FileHandle,
    _position: u64,
    _sharing: Sharing,
    _words: &'static Words,
) -> Registration {
    Registration { _private: () }
}

/// A guarded mapping.
#[derive(Debug)]
pub struct Registration {
    _private: (),
}

impl Registration {
    /// The flags of [`Words`] that hold for this mapping.
    #[must_use]
    pub fn flags(&self) -> u32 {
        0
    }

    /// The pages that are replaced.
    #[must_use]
    pub fn replaced(&self) -> Replaced {
        Replaced::default()
    }

    /// What the bytes of a replaced page were when it was replaced.
    pub fn original(&self, _at: usize, target: &mut [u8]) {
        target.fill(0);
    }

    /// Runs `call`, which puts other memory in the place of everything from `from` on.
    ///
    /// # Errors
    /// Those of `call`.
    pub fn cover<E>(&self, _from: usize, call: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        call()
    }

    /// Runs `call`, which maps the file again where it was covered, up to `to`.
    ///
    /// # Errors
    /// Those of `call`.
    pub fn uncover<E>(&self, _to: usize, call: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        call()
    }

    /// Runs `call`, which maps the file again over replaced pages.
    ///
    /// # Errors
    /// Those of `call`.
    pub fn put_back<E>(&self, _pages: Range<usize>, call: impl FnOnce() -> Result<(), E>) -> Result<(), E> {
        call()
    }

    /// The file that was cut reaches to byte `len` of the mapping again: it is never cut here.
    ///
    /// # Errors
    /// None.
    pub fn grown_again<E>(&self, _len: usize, _call: impl FnOnce(Range<usize>) -> Result<(), E>) -> Result<(), E> {
        Ok(())
    }

    /// Runs `call` for each part of `pages` that is not replaced.
    ///
    /// # Errors
    /// The first of `call`.
    pub fn around_replaced<E>(
        &self,
        pages: Range<usize>,
        mut call: impl FnMut(Range<usize>) -> Result<(), E>,
    ) -> Result<(), E> {
        call(pages)
    }

    /// The file is going to be closed while the mapping stays.
    pub fn orphan(&self) {}
}
