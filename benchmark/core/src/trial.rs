//! What a trial is, and what trials share.

use std::error::Error;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::time::{Duration, Instant};

/// A result whose error is only told.
pub type Outcome<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// Does its work so many times, tells how long that took, and fails when what it read was wrong.
pub type Run = Box<dyn FnMut(u64) -> Outcome<Duration>>;

/// A trial with one of the crates.
pub struct Trial {
    /// Group of the published crate's own benchmark.
    pub group: &'static str,
    /// Name within the group.
    pub name: String,
    /// Takes seconds or gibibytes: left out of a smoke test.
    pub heavy: bool,
    prepare: Box<Prepare>,
}

type Prepare = dyn Fn(&Path) -> Outcome<Run>;

impl Trial {
    /// `prepare` is given a path at which there is no file.
    pub fn new(group: &'static str, name: impl ToString, prepare: impl Fn(&Path) -> Outcome<Run> + 'static) -> Self {
        Self { group, name: name.to_string(), heavy: false, prepare: Box::new(prepare) }
    }

    /// Leaves it out of a smoke test.
    pub fn heavy(self) -> Self {
        Self { heavy: true, ..self }
    }

    /// Makes the file and maps it. What is made goes when the run is dropped, except for the file.
    pub fn prepare(&self, path: &Path) -> Outcome<Run> {
        (self.prepare)(path)
    }

    /// Group and name.
    pub fn title(&self) -> String {
        format!("{}/{}", self.group, self.name)
    }
}

/// Times `n` iterations.
#[inline]
pub fn time<E>(n: u64, mut once: impl FnMut() -> Result<(), E>) -> Result<Duration, E> {
    let start = Instant::now();
    for _ in 0..n {
        once()?;
    }
    Ok(start.elapsed())
}

/// An error unless it holds.
pub fn verify(holds: bool, what: &str) -> Outcome {
    if holds {
        return Ok(());
    }
    Err(format!("wrong result: {what}").into())
}

/// The byte that stands at an offset of every file with content.
#[inline]
pub fn byte_at(offset: u64) -> u8 {
    (offset ^ (offset >> 8) ^ (offset >> 16)) as u8
}

/// The content of a file of `len` bytes.
pub fn content(len: u64) -> Vec<u8> {
    (0..len).map(byte_at).collect()
}

/// Whether `bytes`, which were read from `offset` on, are the content: every byte of a short read, a sample of a long one.
pub fn is_content(bytes: &[u8], offset: u64) -> bool {
    let step = (bytes.len() / 4096).max(1);
    bytes.iter().zip(offset..).step_by(step).all(|(byte, at)| *byte == byte_at(at))
}

/// Bytes that begin at a page, wherever the allocator puts them: how fast a copy is depends on how its two sides lie to each
/// other.
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl Buffer {
    /// Holds a copy of `bytes`.
    pub fn new(bytes: &[u8]) -> Self {
        let mut room = vec![0; bytes.len() + 4096];
        let start = room.as_ptr().align_offset(4096);
        room[start..start + bytes.len()].copy_from_slice(bytes);
        Self { bytes: room, start, len: bytes.len() }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.len]
    }
}

/// Offsets from 0 to below `end`, the same sequence in every run (xorshift64).
pub struct Offsets {
    state: u64,
    end: u64,
}

impl Offsets {
    /// At least 1 is the `end`.
    pub fn below(end: u64) -> Self {
        Self { state: 0x9e37_79b9_7f4a_7c15, end }
    }

    /// The next one.
    #[inline]
    pub fn draw(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        // The high half of the product: as even as a remainder and without a division.
        ((u128::from(self.state) * u128::from(self.end)) >> 64) as u64
    }
}
