//! What the handler does about a lost page.
//!
//! # Safety
//!
//! `originals` is memory of the guard's own, as long as the mapping and a page more; it is read and written with the lock of
//! its slot held.
#![allow(unsafe_code, reason = "keeps what replaced pages began with")]

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::access::Access;
use crate::memory::{
    file_len, new_zero_pages, page_size, probe, put_private_pages, put_zero_pages, read_file, round_up, Probe,
};
use crate::slot::State;
use crate::{Sharing, Words};

/// Repairs of single pages in one mapping, after which lost neighbours are replaced with a page.
const SINGLE_REPAIRS: usize = 512;

/// How far neighbours are looked for: the aligned block that the page lies in.
const BLOCK: usize = 2 << 20;

/// Pieces that all mappings together may be cut into. Linux allows a process 65530 mappings, others need some as well.
/// Beyond that, whole blocks are replaced, good pages too: they can be read again after they were put back.
const MOST_PIECES: usize = 16_384;

static PIECES: AtomicUsize = AtomicUsize::new(0);

/// The pieces of a mapping that has left, or was put back.
pub(crate) fn forget_pieces(pieces: usize) {
    PIECES.fetch_sub(pieces, Ordering::Relaxed);
}

/// Makes an address of the mapping accessible again. False when that failed. `at` is the page, in bytes from the base.
pub(crate) fn repair(state: &mut State, at: usize, access: Option<Access>) -> bool {
    let address = state.base + at;
    if at >= state.end() || state.inside.has(at / page_size()) {
        // Another thread was first, or the owner covered the page: it is good by now. If not, its memory itself is lost.
        return match probe(address, access) {
            Probe::Fine | Probe::Unknown => true,
            Probe::Lost if at < state.backed => {
                state.words.note(state.flags());
                forget_originals(state, &(at..at + page_size())) && put_zero_pages(address, page_size())
            }
            Probe::Lost => false,
        };
    }
    let len = state.fd.and_then(file_len).map(|len| len.saturating_sub(state.position));
    let len = len.map(|len| usize::try_from(len).unwrap_or(usize::MAX));
    if len.is_some_and(|len| at >= len) && replace_tail(state, len.unwrap_or_default()) {
        return true;
    }
    // A file that was cut and has grown again since the access.
    if probe(address, access) == Probe::Fine {
        return true;
    }
    let end = len.map_or(state.end(), |len| round_up(len).min(state.end())).max(at + page_size());
    replace_inside(state, at, end, access)
}

/// The file ends at `len`: zero pages over everything behind, but for pages that are replaced already.
fn replace_tail(state: &mut State, len: usize) -> bool {
    let from = round_up(len);
    // From the end backwards: should one fail, the tail is shorter and as true.
    while from < state.end() {
        let (page, end) = (page_size(), state.end());
        let gap = if state.inside.first_run(from / page..end / page).is_none() {
            from..end
        } else {
            last_gap(state, from, end)
        };
        if !gap.is_empty() && !put_zero_pages(state.base + gap.start, gap.len()) {
            return false;
        }
        state.tail = gap.start;
        state.cut = len;
        state.words.note(Words::TRUNCATED);
    }
    true
}

/// The last pages before `end` that are not replaced, and are neighbours; empty at `from` when there are none.
fn last_gap(state: &State, from: usize, mut end: usize) -> Range<usize> {
    let page = page_size();
    while end > from && state.inside.has(end / page - 1) {
        end -= page;
    }
    let mut start = end;
    while start > from && !state.inside.has(start / page - 1) {
        start -= page;
    }
    start..end
}

/// What stands in the place of a page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Zeros.
    Zero,
    /// The file's bytes as they were.
    Kept,
}

/// Replaces a page inside the file, and lost neighbours below `limit` when there were many before.
fn replace_inside(state: &mut State, at: usize, limit: usize, access: Option<Access>) -> bool {
    let page = page_size();
    let spent = PIECES.load(Ordering::Relaxed) >= MOST_PIECES;
    state.repairs = state.repairs.saturating_add(1);
    let block = if state.repairs <= SINGLE_REPAIRS && !spent {
        at..at + page
    } else {
        let start = at - at % BLOCK;
        start..start.saturating_add(BLOCK).min(limit)
    };
    // Neighbours that become the same are replaced by one call.
    let (mut run, mut kind) = (block.start..block.start, Kind::Zero);
    for next in block.step_by(page) {
        let lost = next == at || !state.inside.has(next / page) && (spent || is_lost(state, next, access));
        let found = lost.then(|| if spent { Kind::Zero } else { kind_of(state, next, access) });
        if found != Some(kind) || run.end != next {
            replace(state, run, kind);
            run = next..next;
        }
        if let Some(found) = found {
            kind = found;
            run.end = next + page;
        }
    }
    replace(state, run, kind);
    state.inside.has(at / page) || replace_widely(state, at)
}

fn is_lost(state: &State, page: usize, access: Option<Access>) -> bool {
    // A store to a neighbour in a private mapping would copy it: there only reading is tried.
    let access = access.map(|access| if state.sharing == Sharing::Private { Access::Read } else { access });
    probe(state.base + page, access) != Probe::Fine
}

/// When only the store failed, the file's bytes can still be read: they stay, and a copy of them tells later what was
/// stored.
fn kind_of(state: &mut State, at: usize, access: Option<Access>) -> Kind {
    let page = page_size();
    let (Some(fd), Some(Access::Write), Sharing::Shared) = (state.fd, access, state.sharing) else { return Kind::Zero };
    if state.originals.is_none() {
        state.originals = new_zero_pages(state.capacity + page);
    }
    let Some(originals) = state.originals else { return Kind::Zero };
    // SAFETY: the page more behind the copies.
    let scratch = unsafe { originals.add(state.capacity) };
    // SAFETY: a page of the guard's own memory.
    let was_read = unsafe { read_file(fd, state.position.saturating_add(at as u64), scratch, page) };
    // SAFETY: as above; `read_file` has filled it.
    let bytes = unsafe { std::slice::from_raw_parts(scratch, page) };
    if !was_read || bytes.iter().all(|byte| *byte == 0) {
        return Kind::Zero;
    }
    // SAFETY: a whole page inside the copies.
    let copy = unsafe { originals.add(at) };
    // SAFETY: two different pages of the guard's own memory.
    unsafe { copy.copy_from_nonoverlapping(scratch, page) };
    Kind::Kept
}

/// Replaces pages, none of which was replaced before.
fn replace(state: &mut State, pages: Range<usize>, kind: Kind) {
    if pages.is_empty() {
        return;
    }
    let address = state.base + pages.start;
    let put = match (kind, state.fd) {
        (Kind::Kept, Some(fd)) => {
            put_private_pages(address, pages.len(), fd, state.position.saturating_add(pages.start as u64))
        }
        _ => forget_originals(state, &pages) && put_zero_pages(address, pages.len()),
    };
    if put {
        state.inside.insert(pages.start / page_size()..pages.end / page_size());
        state.pieces = state.pieces.saturating_add(1);
        PIECES.fetch_add(1, Ordering::Relaxed);
        state.words.note(Words::IO_FAULT);
    }
}

/// Pages that become zeros began with zeros, whatever they began with when they were replaced another time.
fn forget_originals(state: &State, pages: &Range<usize>) -> bool {
    state.originals.is_none_or(|originals| put_zero_pages(originals as usize + pages.start, pages.len()))
}

/// The process may have no more mappings. Replacing everything between two replaced pages makes none: there one ends and
/// the next begins already.
fn replace_widely(state: &mut State, at: usize) -> bool {
    let page = page_size();
    let mut from = 0;
    while let Some(gap) = state.inside.first_gap(from..state.end() / page) {
        if gap.contains(&(at / page)) {
            replace(state, gap.start * page..gap.end * page, Kind::Zero);
            break;
        }
        from = gap.end;
    }
    state.inside.has(at / page)
}
