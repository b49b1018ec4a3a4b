//! The fault guard: a `SIGBUS` handler that puts a private page in place of a mapped page that was lost.
//!
//! A page is lost when another process cuts the file, when the device cannot read it, or when there is no room for what is
//! stored into a hole. The operating system then ends the process at the next access, unless a handler repairs the page.
//! This one does, for the mappings that are [`register`]ed with it:
//!
//! - **cut**: everything behind the end of the file becomes zero pages, by one call for each cut; what is left of the file
//!   stays as it is;
//! - **inside the file**: the one page becomes a private page. It begins with the file's bytes when only the store failed,
//!   else with zeros. When there are many, the neighbours that are lost as well are replaced with it, so that the
//!   number of mappings a process may have is not used up.
//!
//! Replaced pages can be read and stored into like any memory, and are no file's. The registration tells which they are;
//! [`Words`] tell that there are some without a call; a [listener](listen) hears of it soon after.
//!
//! # Rules
//!
//! The handler may run anywhere: it makes system calls and uses atomics and memory that was set aside before, and nothing
//! else. No allocation, no mutex, no thread-local, no panic, no formatting, and above all no touch of mapped memory: the
//! signal is blocked there, and a second fault would end the process. What it shares with the rest of the program is
//! guarded by spin locks, which the rest holds with all signals blocked and without touching mapped memory either.
//!
//! On Windows a file cannot be cut while it is mapped: there everything here does nothing.

#[cfg(unix)]
mod access;
#[cfg(unix)]
mod handler;
#[cfg(unix)]
mod memory;
#[cfg(unix)]
mod page_set;
#[cfg(unix)]
mod registry;
#[cfg(unix)]
mod repair;
#[cfg(unix)]
mod slot;
#[cfg(unix)]
mod wake;
mod words;

#[cfg(not(unix))]
mod absent;

#[cfg(not(unix))]
pub use absent::{install, install_again, is_supported, listen, register, wake, FileHandle, Registration};
#[cfg(unix)]
pub use handler::{install, install_again};
#[cfg(unix)]
pub use registry::{is_supported, register, FileHandle, Registration};
#[cfg(unix)]
pub use wake::{listen, wake};
pub use words::Words;

use std::ops::Range;

/// Whose addresses a mapping has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addresses {
    /// They are nobody else's until the registration is dropped.
    Own,
    /// Their owner can free them before, and others get them then: a later registration of the same addresses counts.
    Lent,
}

/// Whose memory a mapping is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Stores reach the file.
    Shared,
    /// Stores stay in the mapping.
    Private,
}

/// Replaced pages of a mapping, in bytes from its base.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replaced {
    /// Pages inside the file, in ascending order, neighbours joined.
    pub inside: Vec<Range<usize>>,
    /// From the byte where the file ended when it was cut to the end of the mapping; empty when it was not cut.
    pub cut: Range<usize>,
}

impl Replaced {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inside.is_empty() && self.cut.is_empty()
    }
}
