//! Work on the libuv pool.

use std::panic::{catch_unwind, AssertUnwindSafe};
use std::time::{Duration, Instant};

use napi::bindgen_prelude::{AsyncTask, Either, ToNapiValue, TypeName};
use napi::{Env, Task};

use crate::failure::Failure;

type Work<T> = Box<dyn FnOnce() -> mmap_io::error::Result<T> + Send>;

/// How long one step of a task may take that can be done in steps. An environment that ends (a process, a worker that is
/// terminated) waits for the pool, and so does what else wants one of its few threads; on the other side a thread of
/// JavaScript that is busy for longer holds the task up.
const STEP: Duration = Duration::from_millis(100);

/// Asked by a step again and again, from its start. The clock is looked at now and then only.
pub(crate) fn time_is_up() -> impl FnMut() -> bool {
    let end = Instant::now() + STEP;
    let mut asked = 0_u32;
    move || {
        asked = asked.wrapping_add(1);
        asked.is_multiple_of(16) && Instant::now() >= end
    }
}

/// One piece of work that ends with a value or a failure. What it owns (a file, so that close waits for it) is dropped on
/// the pool, when the work is done.
pub struct Job<T>(Option<Work<T>>);

impl<T> Job<T> {
    pub(crate) fn start(work: impl FnOnce() -> mmap_io::error::Result<T> + Send + 'static) -> AsyncTask<Self>
    where
        Self: Task,
    {
        AsyncTask::new(Self(Some(Box::new(work))))
    }
}

/// What a result becomes in JavaScript.
pub trait IntoJs {
    /// The value there.
    type Js: ToNapiValue + TypeName;
    /// Converts.
    fn into_js(self) -> Self::Js;
}

impl IntoJs for () {
    type Js = ();
    fn into_js(self) {}
}

impl<T: IntoJs> IntoJs for Option<T> {
    type Js = Option<T::Js>;
    fn into_js(self) -> Self::Js {
        self.map(T::into_js)
    }
}

impl<T: IntoJs + Send + 'static> Task for Job<T> {
    type Output = mmap_io::error::Result<T>;
    type JsValue = Either<T::Js, Failure>;

    fn compute(&mut self) -> napi::Result<Self::Output> {
        let panicked = || napi::Error::from_reason("internal error: a task panicked");
        let work = self.0.take().ok_or_else(panicked)?;
        catch_unwind(AssertUnwindSafe(work)).map_err(|_| panicked())
    }

    fn resolve(&mut self, _env: Env, output: Self::Output) -> napi::Result<Self::JsValue> {
        Ok(answer(output))
    }
}

/// A result as a value or a failure.
pub(crate) fn answer<T: IntoJs>(result: mmap_io::error::Result<T>) -> Either<T::Js, Failure> {
    match result {
        Ok(value) => Either::A(value.into_js()),
        Err(error) => Either::B(error.into()),
    }
}
