//! Signals that are not the guard's, and handlers of others.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "signal handlers of others")]

mod common;

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use common::{dies_of_sigbus, lives, page, set_len, so_far_so_good, Mapping, Scratch};
use mmap_io_guard::{install, Sharing};

type Action = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut c_void);

static SEEN: AtomicUsize = AtomicUsize::new(0);

extern "C" fn plain(_: libc::c_int) {
    SEEN.fetch_add(1, Ordering::SeqCst);
}

extern "C" fn informed(_: libc::c_int, information: *mut libc::siginfo_t, context: *mut c_void) {
    assert!(!information.is_null() && !context.is_null());
    SEEN.fetch_add(1, Ordering::SeqCst);
}

/// What was there before `passes_on`.
static BEFORE: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

/// As another copy of the guard does with a signal that is not its own.
extern "C" fn passes_on(signal: libc::c_int, information: *mut libc::siginfo_t, context: *mut c_void) {
    assert!(SEEN.fetch_add(1, Ordering::SeqCst) < 10, "passed on in circles");
    let before = BEFORE.load(Ordering::SeqCst);
    // SAFETY: set to such a function by the test.
    unsafe { std::mem::transmute::<*mut c_void, Action>(before)(signal, information, context) };
}

/// Installs a handler, and tells which one was there.
fn set(action: libc::sighandler_t, flags: libc::c_int) -> libc::sighandler_t {
    // SAFETY: all zeros is a valid value.
    let mut new: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    new.sa_sigaction = action;
    new.sa_flags = flags;
    let mut old = MaybeUninit::zeroed();
    // SAFETY: the handlers of this file touch atomics.
    assert_eq!(unsafe { libc::sigaction(libc::SIGBUS, &raw const new, old.as_mut_ptr()) }, 0);
    // SAFETY: filled by the call.
    let old: libc::sigaction = unsafe { old.assume_init() };
    old.sa_sigaction
}

fn send() {
    // SAFETY: takes a number; the signal goes to this thread.
    assert_eq!(unsafe { libc::raise(libc::SIGBUS) }, 0);
}

/// Loses a page of a guarded mapping, and survives that.
fn lose_a_page() {
    let scratch = Scratch::new();
    let path = scratch.filled(4, 7);
    let mapping = Mapping::shared(&path);
    set_len(&path, page());
    assert_eq!((mapping.read(2 * page()), mapping.words.faults()), (0, 1));
}

#[test]
fn a_signal_that_was_sent_still_kills() {
    dies_of_sigbus("a_signal_that_was_sent_still_kills", || {
        lose_a_page();
        so_far_so_good();
        send();
    });
}

#[test]
fn a_fault_in_somebody_elses_mapping_still_kills() {
    dies_of_sigbus("a_fault_in_somebody_elses_mapping_still_kills", || {
        lose_a_page();
        let scratch = Scratch::new();
        let path = scratch.filled(4, 7);
        let mapping = Mapping::unguarded(&path, Sharing::Shared);
        set_len(&path, page());
        so_far_so_good();
        mapping.read(2 * page());
    });
}

#[test]
fn a_fault_in_a_mapping_that_has_left_still_kills() {
    dies_of_sigbus("a_fault_in_a_mapping_that_has_left_still_kills", || {
        let scratch = Scratch::new();
        let path = scratch.filled(4, 7);
        let mut mapping = Mapping::shared(&path);
        set_len(&path, 2 * page());
        assert_eq!(mapping.read(3 * page()), 0);
        mapping.guard = None;
        set_len(&path, 0);
        so_far_so_good();
        mapping.read(page());
    });
}

#[test]
fn an_earlier_handler_gets_what_is_not_ours() {
    for (name, action, flags) in [
        ("plain", plain as extern "C" fn(_) as libc::sighandler_t, 0),
        ("informed", informed as Action as libc::sighandler_t, libc::SA_SIGINFO),
    ] {
        lives("an_earlier_handler_gets_what_is_not_ours", || {
            set(action, flags);
            lose_a_page();
            assert_eq!(SEEN.load(Ordering::SeqCst), 0, "{name}");
            send();
            send();
            assert_eq!(SEEN.load(Ordering::SeqCst), 2, "{name}");
            lose_a_page();
            // The next round has a handler of its own.
            SEEN.store(0, Ordering::SeqCst);
            set(libc::SIG_DFL, 0);
        });
    }
}

#[test]
fn a_signal_that_was_ignored_stays_so() {
    lives("a_signal_that_was_ignored_stays_so", || {
        set(libc::SIG_IGN, 0);
        lose_a_page();
        send();
        lose_a_page();
    });
}

#[test]
fn a_later_handler_is_called_once_the_guard_is_on_top_again() {
    lives("a_later_handler_is_called_once_the_guard_is_on_top_again", || {
        assert!(!mmap_io_guard::install_again(), "nobody has asked for it");
        assert!(install());
        assert!(!install() && !mmap_io_guard::install_again(), "it is there");
        set(informed as Action as libc::sighandler_t, libc::SA_SIGINFO);
        assert!(install());
        lose_a_page();
        assert_eq!(SEEN.load(Ordering::SeqCst), 0);
        send();
        assert_eq!(SEEN.load(Ordering::SeqCst), 1);
        // The other takes its handler away, and with it the guard's.
        set(libc::SIG_DFL, 0);
        assert!(install());
        lose_a_page();
    });
}

#[test]
fn after_a_handler_was_taken_away_a_signal_kills() {
    dies_of_sigbus("after_a_handler_was_taken_away_a_signal_kills", || {
        assert!(install());
        set(informed as Action as libc::sighandler_t, libc::SA_SIGINFO);
        assert!(install());
        set(libc::SIG_DFL, 0);
        assert!(install());
        lose_a_page();
        so_far_so_good();
        send();
    });
}

#[test]
fn handlers_that_pass_on_to_each_other_end_with_the_first() {
    dies_of_sigbus("handlers_that_pass_on_to_each_other_end_with_the_first", || {
        assert!(install());
        let ours = set(passes_on as Action as libc::sighandler_t, libc::SA_SIGINFO);
        BEFORE.store(ours as *mut c_void, Ordering::SeqCst);
        assert!(install());
        lose_a_page();
        assert_eq!(SEEN.load(Ordering::SeqCst), 0);
        so_far_so_good();
        send();
    });
}
