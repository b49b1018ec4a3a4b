//! Watching: what core tells on its thread reaches JavaScript in batches.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use mmap_io::watch::{Notice, NoticeQueue, WatchHandle, WatchOptions};
use mmap_io::ChangeKind;
use napi::bindgen_prelude::{Either, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Status};
use napi_derive::napi;

use crate::failure::Failure;
use crate::mapping::Mapping;
use crate::mutex::lock;
use crate::number::{from_bytes, to_bytes};

/// How a file is watched.
#[napi(object)]
pub struct WatchRequest {
    /// Milliseconds between comparisons of contents.
    pub poll: Option<f64>,
    pub poll_all: bool,
}

/// What happened to a file.
#[napi(string_enum = "kebab-case")]
pub enum ChangeName {
    Modified,
    Metadata,
    Removed,
}

/// What a watch tells: a change, a failure, or, with neither, that it has ended.
#[napi(object)]
#[derive(Default)]
pub struct WatchNotice {
    pub kind: Option<ChangeName>,
    pub offset: Option<f64>,
    pub length: Option<f64>,
    pub replaced: Option<bool>,
    pub failure: Option<Failure>,
}

impl From<Notice> for WatchNotice {
    fn from(notice: Notice) -> Self {
        match notice {
            Notice::Changed(change) => Self {
                kind: Some(match change.kind {
                    ChangeKind::Modified => ChangeName::Modified,
                    ChangeKind::Metadata => ChangeName::Metadata,
                    ChangeKind::Removed => ChangeName::Removed,
                }),
                offset: change.range.map(|(offset, _)| from_bytes(offset)),
                length: change.range.map(|(_, len)| from_bytes(len)),
                replaced: Some(change.replaced),
                failure: None,
            },
            Notice::Failed(error) => Self { failure: Some(error.into()), ..Self::default() },
            _ => Self::default(),
        }
    }
}

type Tell = ThreadsafeFunction<(), (), Vec<WatchNotice>, Status, false>;

/// A watch of a file, of one thread.
#[napi]
pub struct Watch {
    /// `None` after close.
    handle: Mutex<Option<WatchHandle>>,
    /// `None` after close: nothing is called then, and the process is not kept alive.
    tell: Arc<Mutex<Option<Tell>>>,
}

/// Watches the file of a mapping. The callback gets what has gathered since its last call; at most one call is on its way.
#[napi(
    catch_unwind,
    ts_args_type = "mapping: Mapping, request: WatchRequest, callback: (notices: Array<WatchNotice>) => void"
)]
pub fn watch(
    mapping: &Mapping,
    request: WatchRequest,
    callback: Function<'_, Vec<WatchNotice>, ()>,
) -> napi::Result<Either<Watch, Failure>> {
    let Some(file) = mapping.file() else { return Ok(Either::B(Failure::closed())) };
    let mut options = WatchOptions::new().poll_all(request.poll_all);
    if let Some(milliseconds) = request.poll {
        options = options.poll(Duration::from_millis(to_bytes(milliseconds)?));
    }
    let queue = Arc::new(Mutex::new(NoticeQueue::default()));
    let gathered = Arc::clone(&queue);
    let tell = callback
        .build_threadsafe_function::<()>()
        .callee_handled::<false>()
        .build_callback(move |_| Ok(lock(&gathered).take().map(WatchNotice::from).collect()))?;
    let tell = Arc::new(Mutex::new(Some(tell)));
    let called = Arc::clone(&tell);
    let handle = file.watch(&options, move |notice| {
        let mut queue = lock(&queue);
        let is_first = queue.is_empty();
        queue.push(notice);
        drop(queue);
        if let Some(tell) = lock(&called).as_ref().filter(|_| is_first) {
            tell.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    });
    Ok(match handle {
        Ok(handle) => Either::A(Watch { handle: Mutex::new(Some(handle)), tell }),
        Err(error) => Either::B(error.into()),
    })
}

#[napi]
impl Watch {
    /// False once it has ended by itself, or was closed.
    #[napi(getter)]
    pub fn is_active(&self) -> bool {
        lock(&self.handle).as_ref().is_some_and(WatchHandle::is_active)
    }

    /// Nothing is gathered when this returns; a call that is on its way may still come. Idempotent.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        let handle = lock(&self.handle).take();
        // Dropped with no lock held: it waits for the thread that tells.
        drop(handle);
        let tell = lock(&self.tell).take();
        drop(tell);
    }

    /// Whether the watch keeps the process alive.
    #[napi(catch_unwind)]
    pub fn keep_alive(&self, env: &Env, keep: bool) -> napi::Result<()> {
        lock(&self.tell).as_mut().map_or(Ok(()), |tell| keep_alive(tell, env, keep))
    }
}

#[expect(deprecated, reason = "what was to replace these methods cannot do this while the function is in use")]
fn keep_alive(tell: &mut Tell, env: &Env, keep: bool) -> napi::Result<()> {
    if keep {
        tell.refer(env)
    } else {
        tell.unref(env)
    }
}
