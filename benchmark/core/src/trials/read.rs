//! Reading by view and by copy, in order and at random, from mappings that can be written and from others.

use std::hint::black_box;

use super::super::subject::MemoryMappedFile;
use super::super::subject::MmapMode::{self, ReadOnly, ReadWrite};
use super::{filled, sizes, KIB, MIB};
use crate::trial::{byte_at, is_content, time, verify, Buffer, Offsets, Outcome, Trial};

/// Where random reads go.
const FILE: u64 = 16 * MIB;
const PAGE: usize = 4096;

pub(super) fn trials() -> Vec<Trial> {
    let whole_rw = sizes(&[4 * KIB, 64 * KIB, MIB]).map(|(size, _)| copy_whole("read_into_rw", size, size, ReadWrite));
    let views = sizes(&[4 * KIB, 64 * KIB, MIB]).map(|(size, _)| view_whole(size));
    let sequential = sizes(&[MIB, 16 * MIB, 256 * MIB]).flat_map(|(size, _)| {
        let copy = copy_whole("sequential_read", format!("read_into/{size}"), size, ReadOnly);
        [view_page_by_page(size), copy].map(|trial| if size > 16 * MIB { trial.heavy() } else { trial })
    });
    let random = sizes(&[64, 256, 4 * KIB, 64 * KIB]).flat_map(|(size, _)| {
        [
            view_at_random("random_read", format!("as_slice/{size}"), size, ReadOnly),
            copy_at_random("random_read", format!("read_into/{size}"), size, ReadOnly),
        ]
    });
    let writable = [
        view_at_random("rw_views", "as_slice_64", 64, ReadWrite),
        copy_at_random("rw_views", "read_into_64", 64, ReadWrite),
        view_beside_atomic(),
        view_in_threads(2),
    ];
    whole_rw.chain(views).chain(sequential).chain(random).chain(writable).collect()
}

/// The view alone: nothing is read through it.
fn view_whole(size: u64) -> Trial {
    Trial::new("as_slice_ro", size, move |path| {
        let file = filled(path, size, ReadOnly)?;
        Ok(Box::new(move |n| {
            let elapsed = time(n, || -> Outcome {
                black_box(&*file.as_slice(0, black_box(size))?);
                Ok(())
            })?;
            let view = file.as_slice(0, size)?;
            verify(view.len() as u64 == size && is_content(&view, 0), "bytes of the view")?;
            Ok(elapsed)
        }))
    })
}

/// A view of everything, and one byte of each page.
fn view_page_by_page(size: u64) -> Trial {
    Trial::new("sequential_read", format!("as_slice/{size}"), move |path| {
        let file = filled(path, size, ReadOnly)?;
        let expected = (0..size).step_by(PAGE).fold(0, |sum, at| sum + u64::from(byte_at(at)));
        Ok(Box::new(move |n| {
            let mut sum = 0;
            let elapsed = time(n, || -> Outcome {
                let view = file.as_slice(0, size)?;
                sum += black_box(view.iter().step_by(PAGE).fold(0, |sum, byte| sum + u64::from(*byte)));
                Ok(())
            })?;
            verify(sum == n * expected, "sum of the bytes")?;
            Ok(elapsed)
        }))
    })
}

/// A copy of everything.
fn copy_whole(group: &'static str, name: impl ToString, size: u64, mode: MmapMode) -> Trial {
    Trial::new(group, name, move |path| {
        let file = filled(path, size, mode)?;
        let mut buffer = Buffer::new(&vec![0; size as usize]);
        Ok(Box::new(move |n| {
            let elapsed = time(n, || -> Outcome {
                file.read_into(0, &mut buffer)?;
                black_box(&*buffer);
                Ok(())
            })?;
            verify(is_content(&buffer, 0), "bytes of the copy")?;
            Ok(elapsed)
        }))
    })
}

fn view_at_random(group: &'static str, name: impl ToString, size: u64, mode: MmapMode) -> Trial {
    Trial::new(group, name, move |path| {
        let file = filled(path, FILE, mode)?;
        let mut offsets = Offsets::below(FILE - size + 1);
        Ok(Box::new(move |n| {
            let mut wrong = 0;
            let elapsed = time(n, || -> Outcome {
                let at = offsets.draw();
                let view = file.as_slice(at, size)?;
                wrong |= view[0] ^ byte_at(at);
                Ok(())
            })?;
            verify(wrong == 0, "first bytes of the views")?;
            Ok(elapsed)
        }))
    })
}

fn copy_at_random(group: &'static str, name: impl ToString, size: u64, mode: MmapMode) -> Trial {
    Trial::new(group, name, move |path| {
        let file = filled(path, FILE, mode)?;
        let mut offsets = Offsets::below(FILE - size + 1);
        let mut buffer = Buffer::new(&vec![0; size as usize]);
        Ok(Box::new(move |n| {
            let (mut wrong, mut last) = (0, 0);
            let elapsed = time(n, || -> Outcome {
                last = offsets.draw();
                file.read_into(last, &mut buffer)?;
                wrong |= buffer[0] ^ byte_at(last);
                Ok(())
            })?;
            verify(wrong == 0 && is_content(&buffer, last), "bytes of the copies")?;
            Ok(elapsed)
        }))
    })
}

/// The same views while an atomic view of other bytes is alive.
fn view_beside_atomic() -> Trial {
    Trial::new("rw_views", "as_slice_64/beside_an_atomic", move |path| {
        let file = filled(path, FILE, ReadWrite)?;
        let mut offsets = Offsets::below(FILE - 72);
        Ok(Box::new(move |n| {
            let _counter = file.atomic_u64(0)?;
            let mut wrong = 0;
            let elapsed = time(n, || -> Outcome {
                let at = 8 + offsets.draw();
                let view = file.as_slice(at, 64)?;
                wrong |= view[0] ^ byte_at(at);
                Ok(())
            })?;
            verify(wrong == 0, "first bytes of the views")?;
            Ok(elapsed)
        }))
    })
}

/// The same views in several threads at once: 10 000 each.
fn view_in_threads(threads: u64) -> Trial {
    const VIEWS: u64 = 10_000;
    Trial::new("rw_views", format!("as_slice_64/{threads}_threads"), move |path| {
        let file = filled(path, FILE, ReadWrite)?;
        let look = |seed: u64, file: &MemoryMappedFile| -> Outcome<u8> {
            let mut offsets = Offsets::below(FILE - 64);
            let mut wrong = 0;
            for _ in 0..VIEWS {
                let at = (offsets.draw() + seed) & (FILE - 64);
                wrong |= file.as_slice(at, 64)?[0] ^ byte_at(at);
            }
            Ok(wrong)
        };
        Ok(Box::new(move |n| {
            let file = &file;
            time(n, || {
                std::thread::scope(|scope| {
                    let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || look(thread, file))).collect();
                    running.into_iter().try_for_each(|thread| {
                        let wrong = thread.join().map_err(|_| "a thread panicked")??;
                        verify(wrong == 0, "first bytes of the views")
                    })
                })
            })
        }))
    })
}
