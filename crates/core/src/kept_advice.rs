//! Advice that stays, to be given again when a file is mapped anew.

use std::ops::Range;

use crate::error::OsError;
use crate::os::{self, Advice};
use crate::page_runs::PageRuns;
use crate::region::Region;

/// What was asked of the pages.
#[derive(Debug, Default)]
pub(crate) struct KeptAdvice {
    /// Random or sequential. Pages without an entry are used in no particular way, as those of every new map.
    usage: PageRuns<Advice>,
    /// Beside it: pages have both.
    huge: PageRuns<()>,
}

impl KeptAdvice {
    /// Writes down advice on pages with these numbers. What is done at once, such as reading ahead, is not kept.
    pub(crate) fn keep(&mut self, pages: &Range<usize>, advice: Advice) {
        match advice {
            Advice::Normal => self.usage.update(pages, |_, _| None),
            Advice::Random | Advice::Sequential => {
                if !self.usage.have(pages, advice) {
                    self.usage.update(pages, |_, _| Some(advice));
                }
            }
            Advice::HugePages => self.huge.update(pages, |_, _| Some(())),
            Advice::WillNeed | Advice::DontNeed | Advice::Cold => {}
        }
    }

    /// Gives all of it to a region's pages.
    pub(crate) fn give(&self, region: &Region) {
        let huge = self.huge.before(usize::MAX).map(|(pages, ())| (pages, Advice::HugePages));
        for (pages, advice) in self.usage.before(usize::MAX).chain(huge) {
            // A hint that is refused now was accepted before; the bytes are the same without it.
            let _ = give(region, &pages, advice);
        }
    }
}

/// Gives advice on a region's pages with these numbers, as far as there are such.
pub(crate) fn give(region: &Region, pages: &Range<usize>, advice: Advice) -> Result<(), OsError> {
    region.while_there(|map| {
        let page = os::page_size();
        let end = pages.end.min(map.len().div_ceil(page));
        if pages.start < end {
            map.advise(pages.start * page..end * page, advice)
        } else {
            Ok(())
        }
    })
}
