//! What can be seen of a mapping's health without a call.

use std::sync::atomic::{AtomicU32, Ordering};

/// Two words about the mappings of one file, which the handler writes and anybody reads.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Words {
    flags: AtomicU32,
    faults: AtomicU32,
}

impl Words {
    /// The file was cut: pages behind its end are replaced.
    pub const TRUNCATED: u32 = 1;
    /// The operating system could not supply or store pages inside the file: they are replaced.
    pub const IO_FAULT: u32 = 2;

    /// Two words that tell of no fault.
    #[must_use]
    pub const fn new() -> Self {
        Self { flags: AtomicU32::new(0), faults: AtomicU32::new(0) }
    }

    /// What is the matter: 0 while healthy.
    #[inline]
    #[must_use]
    pub fn flags(&self) -> u32 {
        self.flags.load(Ordering::Acquire)
    }

    /// The word of [`flags`](Self::flags) itself.
    #[must_use]
    pub fn flags_word(&self) -> &AtomicU32 {
        &self.flags
    }

    /// Counts repairs, modulo 2^32. Read it before and after an access: no change, no fault.
    #[inline]
    #[must_use]
    pub fn faults(&self) -> u32 {
        self.faults.load(Ordering::Acquire)
    }

    /// Notes a repair.
    pub fn note(&self, flags: u32) {
        self.flags.fetch_or(flags, Ordering::AcqRel);
        self.faults.fetch_add(1, Ordering::AcqRel);
    }

    /// Takes flags back.
    pub fn clear(&self, flags: u32) {
        self.flags.fetch_and(!flags, Ordering::AcqRel);
    }

    /// Both words to 0, for a new file.
    pub fn reset(&self) {
        self.flags.store(0, Ordering::Release);
        self.faults.store(0, Ordering::Release);
    }
}
