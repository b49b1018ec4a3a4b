//! Touching pages and giving advice.

use super::super::subject::{MemoryMappedFile, MmapAdvice};
use super::{sizes, MIB};
use crate::trial::{time, verify, Trial};

pub(super) fn trials() -> Vec<Trial> {
    let touches = sizes(&[MIB, 8 * MIB, 32 * MIB]).map(|(size, _)| touch("touch_pages", size.to_string(), size));
    let large = touch("touch_pages_large", "touch_pages_1gb_rw".into(), 1024 * MIB).heavy();
    touches.chain([large, advise()]).collect()
}

/// A new file without blocks, mapped read-write.
fn touch(group: &'static str, name: String, size: u64) -> Trial {
    Trial::new(group, name, move |path| {
        let file = MemoryMappedFile::create_rw(path, size)?;
        Ok(Box::new(move |n| {
            let elapsed = time(n, || file.touch_pages())?;
            let mut last = [1];
            file.read_into(size - 1, &mut last)?;
            verify(last == [0], "a byte of a touched page")?;
            Ok(elapsed)
        }))
    })
}

fn advise() -> Trial {
    // The published benchmark calls it so and gives the advice `Sequential`.
    Trial::new("advise", "sequential_willneed", |path| {
        let file = MemoryMappedFile::create_rw(path, 4 * MIB)?;
        Ok(Box::new(move |n| Ok(time(n, || file.advise(0, file.len(), MmapAdvice::Sequential))?)))
    })
}
