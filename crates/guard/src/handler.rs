//! The handler, and its place among others.
//!
//! Two earlier handlers are remembered: the one that was there first, and the one that was on top when this one was last
//! put on top of all. A signal that is not ours goes to the latter. It may be another copy of this crate, which passes the
//! signal on to us again, since we were there before it: then it goes to the former.
//!
//! # Safety
//!
//! What is passed on is what the kernel passed, and the handlers it goes to are those the kernel would have called.
#![allow(unsafe_code, reason = "signal handlers")]

use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::memory::{errno, page_size, set_errno};
use crate::{access, repair, slot, wake};

type Action = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut c_void);
type PlainAction = extern "C" fn(libc::c_int);

/// A handler that was there before.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Previous {
    action: libc::sighandler_t,
    takes_information: bool,
}

static FIRST: AtomicPtr<Previous> = AtomicPtr::new(std::ptr::null_mut());
static TOP: AtomicPtr<Previous> = AtomicPtr::new(std::ptr::null_mut());

/// Every handler that was found; they live for ever, because a signal may be on its way to one.
static KNOWN: Mutex<Vec<&'static Previous>> = Mutex::new(Vec::new());

/// Puts the handler on top of all others, unless it is there. Tells whether it had to be put there.
///
/// [`register`](crate::register) does it too. Call it after somebody else may have installed a handler: one that does not
/// know this one takes its place.
#[must_use]
pub fn install() -> bool {
    // Known to the handler before it can run.
    let _ = page_size();
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let found = current();
    if found.action == ours() {
        return false;
    }
    let previous = known.iter().copied().find(|previous| **previous == found).unwrap_or_else(|| {
        let leaked: &'static Previous = Box::leak(Box::new(found));
        known.push(leaked);
        leaked
    });
    let pointer = std::ptr::from_ref(previous).cast_mut();
    if FIRST.load(Ordering::Acquire).is_null() {
        FIRST.store(pointer, Ordering::Release);
    }
    TOP.store(pointer, Ordering::Release);
    // SAFETY: all zeros is a valid value.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = ours();
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
    // SAFETY: fills the set.
    unsafe { libc::sigfillset(&raw mut action.sa_mask) };
    for signal in [libc::SIGSEGV, libc::SIGILL, libc::SIGABRT] {
        // SAFETY: the set was filled.
        unsafe { libc::sigdelset(&raw mut action.sa_mask, signal) };
    }
    // SAFETY: the handler keeps the rules of this crate.
    unsafe { libc::sigaction(libc::SIGBUS, &raw const action, std::ptr::null_mut()) };
    true
}

/// The same, unless the handler was never installed.
#[must_use]
pub fn install_again() -> bool {
    !FIRST.load(Ordering::Acquire).is_null() && install()
}

fn ours() -> libc::sighandler_t {
    let action: Action = on_sigbus;
    action as libc::sighandler_t
}

fn current() -> Previous {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: only asks; `action` outlives the call.
    unsafe { libc::sigaction(libc::SIGBUS, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: filled, or all zeros, which is valid as well.
    let action = unsafe { action.assume_init() };
    Previous { action: action.sa_sigaction, takes_information: action.sa_flags & libc::SA_SIGINFO != 0 }
}

extern "C" fn on_sigbus(signal: libc::c_int, information: *mut libc::siginfo_t, context: *mut c_void) {
    let error = errno();
    let was_ours = repair_at(information, context);
    set_errno(error);
    if !was_ours {
        pass_on(signal, information, context);
    }
}

/// A code that the kernel gives for a fault, not one of `kill(2)` and its like.
fn is_fault(code: libc::c_int) -> bool {
    if cfg!(target_vendor = "apple") {
        (1..0x1_0000).contains(&code)
    } else {
        code > 0
    }
}

/// The memory of a page has failed, and the process may do something about it before it needs the page.
const FAILED_BUT_NOT_USED: libc::c_int = 5;

fn repair_at(information: *const libc::siginfo_t, context: *const c_void) -> bool {
    // SAFETY: null, or the kernel's record, which lives through the handler.
    let Some(information) = (unsafe { information.as_ref() }) else { return false };
    let code = information.si_code;
    if !is_fault(code) {
        return false;
    }
    // SAFETY: a fault has an address.
    let address = unsafe { information.si_addr() } as usize;
    let Some(found) = slot::find(address) else { return false };
    if cfg!(any(target_os = "linux", target_os = "android")) && code == FAILED_BUT_NOT_USED {
        return true;
    }
    let mut state = found.lock_in_handler();
    let at = match address.checked_sub(state.base) {
        Some(at) if at < state.capacity => at & !(page_size() - 1),
        // The mapping has left while we waited for the lock. If the page is still bad, the next fault finds no mapping.
        _ => return true,
    };
    let repaired = repair::repair(&mut state, at, access::of_context(context));
    drop(state);
    wake();
    repaired
}

/// Signals that are being passed on: one that comes in again was passed on by a handler that we passed it to.
static PASSED: [AtomicPtr<libc::siginfo_t>; 64] = [const { AtomicPtr::new(std::ptr::null_mut()) }; 64];

fn pass_on(signal: libc::c_int, information: *mut libc::siginfo_t, context: *mut c_void) {
    if PASSED.iter().any(|passed| passed.load(Ordering::Acquire) == information) {
        return call(&FIRST, signal, information, context);
    }
    let place = PASSED.iter().find(|passed| {
        passed.compare_exchange(std::ptr::null_mut(), information, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    });
    call(&TOP, signal, information, context);
    if let Some(place) = place {
        place.store(std::ptr::null_mut(), Ordering::Release);
    }
}

fn call(previous: &AtomicPtr<Previous>, signal: libc::c_int, information: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: null, or a record that was leaked.
    let previous = unsafe { previous.load(Ordering::Acquire).as_ref() };
    let Some(Previous { action, takes_information }) = previous.copied() else { return };
    if action == libc::SIG_IGN {
        return;
    }
    if action == libc::SIG_DFL {
        return die(signal, information);
    }
    if takes_information {
        // SAFETY: the kernel was told that this is such a function.
        let action = unsafe { std::mem::transmute::<libc::sighandler_t, Action>(action) };
        action(signal, information, context);
    } else {
        // SAFETY: as above.
        let action = unsafe { std::mem::transmute::<libc::sighandler_t, PlainAction>(action) };
        action(signal);
    }
}

/// As if no handler had ever been there: a fault happens again where it happened, so that a core dump shows it; a signal that
/// was sent is sent again.
fn die(signal: libc::c_int, information: *const libc::siginfo_t) {
    // SAFETY: all zeros is a valid value: no flags, no signals, and 0 is the default action.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = libc::SIG_DFL;
    // SAFETY: the default action needs nothing.
    unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    // SAFETY: null, or the kernel's record.
    let was_sent = unsafe { information.as_ref() }.is_none_or(|information| !is_fault(information.si_code));
    if was_sent {
        // It is blocked while the handler runs, and comes when it returns.
        // SAFETY: takes a number.
        unsafe { libc::raise(signal) };
    }
}
