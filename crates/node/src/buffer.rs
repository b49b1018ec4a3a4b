//! ArrayBuffers over memory that is not V8's.
//!
//! The raw calls are used because napi's own helper copies in silence where the runtime refuses external memory.
//!
//! # Safety
//!
//! A buffer's memory stays mapped until its finalizer has run: the [`Pin`] that the finalizer is given holds the region.
//! JavaScript and other threads read and write it with no order; nothing in this addon makes a reference to its bytes.
#![allow(unsafe_code, reason = "Node-API calls that napi does not wrap as needed")]

use std::ffi::c_void;
use std::sync::atomic::AtomicU64;
use std::sync::Arc;

use mmap_io::status::{self, SlotRef};
use napi::bindgen_prelude::{sys, Either, JsValue, Uint8ArraySlice, Unknown};
use napi::Env;
use napi_derive::napi;

use crate::failure::Failure;
use crate::holder::{Holder, Pin};

type Finalizer = unsafe extern "C" fn(env: sys::napi_env, data: *mut c_void, hint: *mut c_void);

/// An ArrayBuffer over `address .. address + length`, or `None` where the runtime refuses external memory: the one place
/// where that is found out.
///
/// # Safety
/// - The memory stays readable and writable until `finalizer` has run, or for ever without one.
unsafe fn external(
    env: &Env,
    address: *mut c_void,
    length: usize,
    finalizer: Option<Finalizer>,
    hint: *mut c_void,
) -> napi::Result<Option<Unknown<'_>>> {
    let mut value = std::ptr::null_mut();
    // SAFETY: called on the thread of `env`; the memory is the caller's promise; `value` outlives the call.
    let status =
        unsafe { sys::napi_create_external_arraybuffer(env.raw(), address, length, finalizer, hint, &raw mut value) };
    // SAFETY: the call has told whether it made a buffer there, in this scope.
    unsafe { made(env, status, value) }
}

/// What a call has made that makes buffers over memory which is not the runtime's, or `None` where it refuses such buffers.
///
/// # Safety
/// - Where `status` is `napi_ok`, `value` is a value of the scope that is open in `env`.
pub(crate) unsafe fn made(
    env: &Env,
    status: sys::napi_status,
    value: sys::napi_value,
) -> napi::Result<Option<Unknown<'_>>> {
    match status {
        // SAFETY: the caller's promise.
        sys::Status::napi_ok => Ok(Some(unsafe { Unknown::from_raw_unchecked(env.raw(), value) })),
        sys::Status::napi_no_external_buffers_allowed => Ok(None),
        other => Err(napi::Error::new(napi::Status::from(other), "a buffer over mapped memory could not be made")),
    }
}

/// A buffer over `length` bytes of a region, `start` bytes behind its base. Both were checked against the region.
pub(crate) fn over_region<'env>(
    env: &'env Env,
    pin: &Arc<Pin>,
    base: *mut u8,
    start: usize,
    length: usize,
) -> napi::Result<Either<Unknown<'env>, Failure>> {
    let hint = Arc::into_raw(Arc::clone(pin)).cast_mut().cast();
    let address = base.wrapping_add(start).cast();
    // SAFETY: the pin given to the finalizer keeps the region mapped, which the range lies in.
    let made = unsafe { external(env, address, length, Some(finalize_region), hint) };
    match made {
        Ok(Some(buffer)) => Ok(Either::A(buffer)),
        refused => {
            // SAFETY: no buffer was made, so no finalizer will take the reference back.
            drop(unsafe { Arc::from_raw(hint.cast_const().cast::<Pin>()) });
            refused.map(|_| Either::B(Failure::no_external_buffers()))
        }
    }
}

unsafe extern "C" fn finalize_region(env: sys::napi_env, _data: *mut c_void, hint: *mut c_void) {
    // SAFETY: `hint` is the reference that `over_region` gave away, and a finalizer runs once.
    let pin = unsafe { Arc::from_raw(hint.cast_const().cast::<Pin>()) };
    // SAFETY: the finalizer runs on the thread of `env`, with `env` alive.
    let ending = unsafe { is_ending(env) };
    // An unwinding finalizer would end the process; there is nobody to tell.
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        if ending {
            pin.abandoned();
        } else {
            pin.finalized();
        }
    }));
}

/// The bytes of an array, to be filled. The TypeScript layer passes arrays whose memory the runtime owns and no other thread
/// sees.
pub(crate) fn own_bytes<'a>(array: &'a mut Uint8ArraySlice<'_>) -> &'a mut [u8] {
    // SAFETY: the runtime's own memory, used by this thread alone, which is here.
    unsafe { array.as_mut() }
}

/// Bytes that the garbage collector counts for memory that it does not count: a thousand such buffers bring it on.
const WEIGHT: usize = 64 << 10;

/// A buffer that holds a file open and weighs [`WEIGHT`]. Its memory is one of all such buffers, for nobody to use.
pub(crate) fn weight<'env>(env: &'env Env, holder: &Arc<Holder>) -> napi::Result<Either<Unknown<'env>, Failure>> {
    static MEMORY: [AtomicU64; WEIGHT / 8] = [const { AtomicU64::new(0) }; WEIGHT / 8];
    let hint = Arc::into_raw(Arc::clone(holder)).cast_mut().cast();
    // SAFETY: a static lives as long as the process, and atomics may be written.
    let made = unsafe { external(env, MEMORY.as_ptr().cast_mut().cast(), WEIGHT, Some(finalize_weight), hint) };
    match made {
        Ok(Some(buffer)) => Ok(Either::A(buffer)),
        refused => {
            // SAFETY: no buffer was made, so no finalizer will take the reference back.
            drop(unsafe { Arc::from_raw(hint.cast_const().cast::<Holder>()) });
            refused.map(|_| Either::B(Failure::no_external_buffers()))
        }
    }
}

unsafe extern "C" fn finalize_weight(_env: sys::napi_env, _data: *mut c_void, hint: *mut c_void) {
    // SAFETY: `hint` is the reference that `weight` gave away, and a finalizer runs once.
    let holder = unsafe { Arc::from_raw(hint.cast_const().cast::<Holder>()) };
    // An unwinding finalizer would end the process; there is nobody to tell.
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(holder)));
}

/// Whether the environment is being torn down.
///
/// Node then runs the finalizer of every buffer, also of one whose memory was moved to another thread (`transfer()`, then
/// `postMessage`) and is in use there; clean-up hooks run too late to tell. Calls that may run JavaScript are refused by then,
/// before they look at their arguments: one without arguments is refused for that reason instead while the environment lives.
///
/// # Safety
/// - Called on the thread of `env`.
unsafe fn is_ending(env: sys::napi_env) -> bool {
    let mut result = std::ptr::null_mut();
    // SAFETY: the caller's promise; a null script is refused.
    unsafe { sys::napi_run_script(env, std::ptr::null_mut(), &raw mut result) != sys::Status::napi_invalid_arg }
}

/// Status slots as one buffer: chunk `number` of them, made when it is first asked for. Undefined: no such chunk.
#[napi(catch_unwind, ts_return_type = "ArrayBuffer | Failure | undefined")]
pub fn status_chunk(env: &Env, number: u32) -> napi::Result<Option<Either<Unknown<'_>, Failure>>> {
    let chunk = usize::try_from(number).ok().and_then(status::chunk);
    let Some(slots) = chunk else { return Ok(None) };
    let address = slots.as_ptr().cast_mut().cast();
    // SAFETY: chunks live as long as the process, and slots are made of atomics.
    let made = unsafe { external(env, address, size_of_val(slots), None, std::ptr::null_mut()) };
    made.map(|buffer| Some(buffer.map_or_else(|| Either::B(Failure::no_external_buffers()), Either::A)))
}

/// A buffer over the word that tells the health of a file's pages, and over nothing else.
pub(crate) fn over_fault_word<'env>(env: &'env Env, slot: &SlotRef) -> napi::Result<Option<Unknown<'env>>> {
    let word = slot.fault_word();
    // SAFETY: slots live as long as the process, and the word is an atomic.
    unsafe { external(env, word.as_ptr().cast(), size_of_val(word), None, std::ptr::null_mut()) }
}

/// A small buffer over memory that is not the runtime's own; undefined where it refuses such buffers.
#[napi(catch_unwind, ts_return_type = "ArrayBuffer | undefined")]
pub fn external_probe(env: &Env) -> napi::Result<Option<Unknown<'_>>> {
    static BYTES: AtomicU64 = AtomicU64::new(0);
    // SAFETY: a static lives as long as the process.
    unsafe { external(env, BYTES.as_ptr().cast(), size_of_val(&BYTES), None, std::ptr::null_mut()) }
}

/// Empties an ArrayBuffer, on runtimes without `ArrayBuffer.prototype.transfer`.
#[napi(catch_unwind, ts_args_type = "buffer: ArrayBuffer")]
pub fn detach(env: &Env, buffer: Unknown<'_>) -> bool {
    // SAFETY: called on the thread of `env` with a value of this scope; anything that cannot be detached is refused.
    unsafe { sys::napi_detach_arraybuffer(env.raw(), buffer.raw()) == sys::Status::napi_ok }
}
