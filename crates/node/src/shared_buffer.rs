//! SharedArrayBuffers over mapped memory, where the runtime can make them.
//!
//! The call is newer than the oldest Node that this addon runs on, so it is looked up in the running program.
//!
//! # Safety
//!
//! The finalizer holds the region, so the memory stays mapped until the last buffer over it is gone, in whatever thread that
//! is. JavaScript reads and writes it with no order; nothing in this addon makes a reference to its bytes.
#![allow(unsafe_code, reason = "a Node-API call that napi has no name for")]

use std::ffi::c_void;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};

use mmap_io::Region;
use napi::bindgen_prelude::{sys, Either, Unknown};
use napi::Env;
use napi_derive::napi;

use crate::buffer::made;
use crate::failure::Failure;

#[cfg(unix)]
use libloading::os::unix::Library;
#[cfg(windows)]
use libloading::os::windows::Library;

/// Runs on any thread, without an environment.
type Finalizer = unsafe extern "C" fn(data: *mut c_void, hint: *mut c_void);

/// `node_api_create_external_sharedarraybuffer`.
type Create = unsafe extern "C" fn(
    env: sys::napi_env,
    data: *mut c_void,
    length: usize,
    finalizer: Option<Finalizer>,
    hint: *mut c_void,
    result: *mut sys::napi_value,
) -> sys::napi_status;

fn create() -> Option<Create> {
    static FOUND: OnceLock<Option<Create>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        #[cfg(windows)]
        let program = Library::this().ok()?;
        #[cfg(unix)]
        let program = Library::this();
        // SAFETY: Node-API exports a function of that name with the signature of `Create`, or none.
        let symbol = unsafe { program.get::<Create>(b"node_api_create_external_sharedarraybuffer\0") };
        symbol.ok().map(|create| *create)
    })
}

/// A buffer over `length` bytes at `data`, or `None` where the runtime cannot make one.
///
/// # Safety
/// - The memory stays readable and writable until `finalizer` has run, or for ever without one.
unsafe fn external(
    env: &Env,
    data: *mut c_void,
    length: usize,
    finalizer: Option<Finalizer>,
    hint: *mut c_void,
) -> napi::Result<Option<Unknown<'_>>> {
    let Some(create) = create() else { return Ok(None) };
    let mut value = std::ptr::null_mut();
    // SAFETY: called on the thread of `env`; the memory is the caller's promise; `value` outlives the call.
    let status = unsafe { create(env.raw(), data, length, finalizer, hint, &raw mut value) };
    // SAFETY: the call has told whether it made a buffer there, in this scope.
    unsafe { made(env, status, value) }
}

/// A buffer over `length` bytes of a region, `start` bytes behind its base. Both were checked against the region.
pub(crate) fn over_region(
    env: &Env,
    region: Arc<Region>,
    start: usize,
    length: usize,
) -> napi::Result<Either<Unknown<'_>, Failure>> {
    let data = region.base().wrapping_add(start).cast();
    let hint = Arc::into_raw(region).cast_mut().cast();
    // SAFETY: the region given to the finalizer stays mapped, and the range lies in it.
    let made = unsafe { external(env, data, length, Some(finalize), hint) };
    match made {
        Ok(Some(buffer)) => Ok(Either::A(buffer)),
        refused => {
            // SAFETY: no buffer was made, so no finalizer will take the reference back.
            drop(unsafe { Arc::from_raw(hint.cast_const().cast::<Region>()) });
            refused.map(|_| Either::B(Failure::no_shared_buffers()))
        }
    }
}

unsafe extern "C" fn finalize(_data: *mut c_void, hint: *mut c_void) {
    // SAFETY: `hint` is the reference that `over_region` gave away, and a finalizer runs once.
    let region = unsafe { Arc::from_raw(hint.cast_const().cast::<Region>()) };
    // An unwinding finalizer would end the process; there is nobody to tell.
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(region)));
}

/// Whether this runtime makes shared buffers over memory that is not its own.
#[napi(catch_unwind)]
pub fn has_external_shared(env: &Env) -> napi::Result<bool> {
    static BYTES: AtomicU64 = AtomicU64::new(0);
    // SAFETY: a static lives as long as the process.
    let made = unsafe { external(env, BYTES.as_ptr().cast(), size_of_val(&BYTES), None, std::ptr::null_mut()) };
    made.map(|buffer| buffer.is_some())
}
