//! Lost pages: JavaScript hears of them, asks for them and has them put back.

use std::sync::{Mutex, MutexGuard, OnceLock};

use mmap_io::MappedFile;
use napi::bindgen_prelude::{AsyncTask, Either, Function, Unknown};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;

use crate::buffer;
use crate::failure::Failure;
use crate::job::Job;
use crate::mapping::Mapping;
use crate::mutex::lock;
use crate::number::to_bytes;

/// Whether the environment variable leaves the guard on.
pub(crate) fn is_guard_wanted() -> bool {
    static WANTED: OnceLock<bool> = OnceLock::new();
    *WANTED.get_or_init(|| std::env::var_os("MMAP_IO_GUARD").is_none_or(|value| value != "off"))
}

/// Whether lost pages are repaired here.
#[napi(catch_unwind)]
pub fn has_fault_guard() -> bool {
    mmap_io::HAS_GUARD && is_guard_wanted()
}

/// Puts the signal handler on top again, if it was ever installed.
#[napi(catch_unwind)]
pub fn reinstall_guard() {
    mmap_io::reinstall_guard();
}

/// A function of one environment, which does not keep it alive.
type Tell = ThreadsafeFunction<(), (), (), Status, false, true>;

/// What is called after faults, by number.
static LISTENERS: Mutex<Vec<(u32, Tell)>> = Mutex::new(Vec::new());

fn listeners() -> MutexGuard<'static, Vec<(u32, Tell)>> {
    // Listeners are pushed and removed whole: a panic cannot leave the list half done.
    lock(&LISTENERS)
}

fn tell_all() {
    // With the lock held: an environment that ends waits, and is not called afterwards.
    for (_, tell) in listeners().iter() {
        tell.call((), ThreadsafeFunctionCallMode::NonBlocking);
    }
}

/// Calls `callback` soon after pages were lost, or a flush failed that nobody waits for, in whatever mapping. Ends with the
/// environment. False when nothing could be started that would call it.
#[napi(catch_unwind, ts_args_type = "callback: () => void")]
pub fn on_fault(env: &Env, callback: Function<'_, (), ()>) -> napi::Result<bool> {
    if mmap_io::on_fault(tell_all).is_err() {
        return Ok(false);
    }
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let tell = callback.build_threadsafe_function::<()>().callee_handled::<false>().weak::<true>().build()?;
    listeners().push((number, tell));
    env.add_env_cleanup_hook(number, |number| {
        let mut all = listeners();
        let gone: Vec<_> = all.extract_if(.., |(other, _)| *other == number).collect();
        // Dropped with no lock held: the runtime may run anything meanwhile.
        drop(all);
        drop(gone);
    })?;
    Ok(true)
}

#[napi]
impl Mapping {
    /// Whether the bytes are what they are taken for.
    #[napi(catch_unwind)]
    pub fn check(&self) -> Either<(), Failure> {
        self.with(MappedFile::check)
    }

    /// Whether a range has lost pages.
    #[napi(catch_unwind)]
    pub fn check_range(&self, offset: f64, length: f64) -> napi::Result<Either<(), Failure>> {
        let (offset, length) = (to_bytes(offset)?, to_bytes(length)?);
        Ok(self.with(|file| file.check_range(offset, length)))
    }

    /// Puts lost pages back.
    #[napi(catch_unwind, ts_return_type = "Promise<undefined | Failure>")]
    pub fn heal(&self) -> napi::Result<AsyncTask<Job<()>>> {
        self.start(MappedFile::heal)
    }

    /// What has happened to pages since the last call.
    #[napi(catch_unwind)]
    pub fn new_faults(&self) -> Vec<Failure> {
        let mut told = lock(&self.told);
        self.file().map_or_else(Vec::new, |file| file.new_faults(&mut told).into_iter().map(Failure::from).collect())
    }

    /// The word that tells the health of the pages, as a buffer of its own. Undefined where the runtime refuses such buffers.
    #[napi(catch_unwind, ts_return_type = "ArrayBuffer | undefined")]
    pub fn fault_word<'env>(&self, env: &'env Env) -> napi::Result<Option<Unknown<'env>>> {
        self.file().map_or(Ok(None), |file| buffer::over_fault_word(env, file.slot()))
    }
}
