//! Threads that add to one integer. Starting and ending them is part of the time.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use super::super::subject::MemoryMappedFile;
use crate::trial::{time, verify, Outcome, Trial};

const ADDS: u64 = 10_000;

pub(super) fn trials() -> Vec<Trial> {
    let views = [views("atomic_u64"), views("atomic_u64_beside_a_slice")];
    [1, 2, 4, 8].map(contention).into_iter().chain(views).collect()
}

fn contention(threads: u64) -> Trial {
    Trial::new("atomic_contention", threads, move |path| {
        let file = MemoryMappedFile::create_rw(path, 64)?;
        Ok(Box::new(move |n| {
            let file = &file;
            file.atomic_u64(0)?.store(0, SeqCst);
            let add = || -> Outcome {
                let counter = file.atomic_u64(0)?;
                (0..ADDS).for_each(|_| {
                    counter.fetch_add(1, Relaxed);
                });
                Ok(())
            };
            let elapsed = time(n, || {
                std::thread::scope(|scope| {
                    let running: Vec<_> = (0..threads).map(|_| scope.spawn(add)).collect();
                    running.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked")?)
                })
            })?;
            verify(file.atomic_u64(0)?.load(SeqCst) == n * threads * ADDS, "sum")?;
            Ok(elapsed)
        }))
    })
}

/// A view for each addition, while a slice of other bytes is alive or not.
fn views(name: &'static str) -> Trial {
    Trial::new("atomic_views", name, move |path| {
        let file = MemoryMappedFile::create_rw(path, 64)?;
        Ok(Box::new(move |n| {
            file.atomic_u64(0)?.store(0, SeqCst);
            let _slice = if name == "atomic_u64" { None } else { Some(file.as_slice(8, 8)?) };
            let elapsed = time(n, || -> Outcome {
                file.atomic_u64(0)?.fetch_add(1, Relaxed);
                Ok(())
            })?;
            verify(file.atomic_u64(0)?.load(SeqCst) == n, "sum")?;
            Ok(elapsed)
        }))
    })
}
