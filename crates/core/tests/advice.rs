//! Hints.
#![cfg(feature = "advise")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{all, assert_out_of_bounds, page, pattern, Scratch};
use mmap_io::{MmapAdvice, MmapMode};

const EVERY: [MmapAdvice; 5] =
    [MmapAdvice::Normal, MmapAdvice::Random, MmapAdvice::Sequential, MmapAdvice::WillNeed, MmapAdvice::DontNeed];

/// Row 31: ranges that begin and end inside of pages are widened.
#[test]
fn advice_on_any_range_changes_no_bytes() {
    let scratch = Scratch::new();
    let bytes = pattern(5 * page() + 7);
    for mode in [MmapMode::ReadOnly, MmapMode::ReadWrite] {
        let file = scratch.with(&bytes, mode);
        for advice in EVERY {
            for (offset, len) in [(0, 1), (1, 1), (page() - 1, 2), (page() + 1, 3 * page()), (0, 5 * page() + 7)] {
                file.advise(offset, len, advice).unwrap();
                assert_eq!(all(&file), bytes, "{advice:?} {offset} {len}");
            }
            assert_out_of_bounds(file.advise(1, 5 * page() + 7, advice), 1, 5 * page() + 7, 5 * page() + 7);
            assert_out_of_bounds(file.advise(u64::MAX, 1, advice), u64::MAX, 1, 5 * page() + 7);
        }
    }
}

/// Row 31: pages of a shared mapping that were written and not flushed survive "don't need".
#[test]
fn pages_that_are_not_needed_keep_what_was_written() {
    let scratch = Scratch::new();
    let file = scratch.zeros(4 * page());
    file.update_region(page() - 3, b"written").unwrap();
    file.advise(0, 4 * page(), MmapAdvice::DontNeed).unwrap();
    assert_eq!((file.as_slice(page() - 3, 7).unwrap().to_vec(), file.pending_bytes()), (b"written".to_vec(), 7));
}

/// Row 16: on the thread that writes it would wait for ever.
#[test]
fn advice_waits_for_no_writer() {
    let scratch = Scratch::new();
    let file = scratch.zeros(4 * page());
    let writing = file.as_slice_mut(0, page()).unwrap();
    for advice in EVERY {
        file.advise(0, 4 * page(), advice).unwrap();
    }
    file.prefetch_range(0, 4 * page()).unwrap();
    assert_eq!(writing.len(), common::at(page()));
}

/// Row 8: on a writable private mapping the written pages go, which no live view may see.
#[cfg(all(feature = "cow", target_os = "linux"))]
#[test]
fn private_pages_that_are_not_needed_go_when_no_view_is_alive() {
    let scratch = Scratch::new();
    drop(scratch.zeros(4 * page()));
    let file = mmap_io::MemoryMappedFile::open_cow_writable(scratch.file()).unwrap();
    file.update_region(page(), b"private").unwrap();
    let view = file.as_slice(page(), 7).unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    let other = file.clone();
    let advising = std::thread::spawn(move || {
        send.send(common::linux::thread_number()).unwrap();
        other.advise(0, 4 * page(), MmapAdvice::DontNeed).unwrap();
    });
    let thread = receive.recv().unwrap();
    common::wait_until("the advice waits for the view", || common::linux::is_asleep(thread));
    assert_eq!(view, b"private");
    drop(view);
    advising.join().unwrap();
    assert_eq!(file.as_slice(page(), 7).unwrap(), [0; 7]);
}

/// Row 13: advice beside a resize reaches this mapping alone.
#[test]
fn advice_beside_a_resize_changes_no_bytes() {
    let scratch = Scratch::new();
    let bytes = pattern(4 * page());
    let file = scratch.with(&bytes, MmapMode::ReadWrite);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..300 {
                file.resize((4 + round % 5 * 7) * page()).unwrap();
            }
        });
        scope.spawn(|| {
            for round in 0..2000 {
                file.advise(0, 4 * page(), EVERY[round % EVERY.len()]).unwrap();
            }
        });
    });
    assert_eq!(all(&file)[..bytes.len()], bytes);
}

/// Row 30: advice on a way of use holds when the file is mapped anew.
#[cfg(target_os = "linux")]
#[test]
fn advice_on_a_way_of_use_holds_over_a_resize() {
    let scratch = Scratch::new();
    let file = scratch.zeros(8 * page());
    let pages = |flag| common::linux::pages_with_flag(&scratch.file(), flag);
    file.advise(0, 4 * page(), MmapAdvice::Random).unwrap();
    file.advise(4 * page(), 3 * page(), MmapAdvice::Sequential).unwrap();
    assert_eq!((pages("rr"), pages("sr")), (4, 3));
    for len in [64, 512] {
        file.resize(len * page()).unwrap();
        assert_eq!((pages("rr"), pages("sr")), (4, 3), "{len}");
    }
    // A part that is taken back stays taken back.
    file.advise(page(), page(), MmapAdvice::Normal).unwrap();
    assert_eq!(pages("rr"), 3);
    file.resize(1024 * page()).unwrap();
    assert_eq!((pages("rr"), pages("sr")), (3, 3));
    file.advise(0, 512 * page(), MmapAdvice::Normal).unwrap();
    file.resize(2048 * page()).unwrap();
    assert_eq!((pages("rr"), pages("sr")), (0, 0));
}

/// Row 30: also when the mapping was shorter in between.
#[cfg(target_os = "linux")]
#[test]
fn advice_comes_back_with_the_pages_that_a_shrink_took() {
    let scratch = Scratch::new();
    let file = scratch.zeros(8 * page());
    let pages = |flag| common::linux::pages_with_flag(&scratch.file(), flag);
    file.advise(0, 8 * page(), MmapAdvice::Random).unwrap();
    file.resize(2 * page()).unwrap();
    assert_eq!(pages("rr"), 2);
    file.resize(6 * page()).unwrap();
    assert_eq!(pages("rr"), 6);
    file.resize(64 * page()).unwrap();
    assert_eq!(pages("rr"), 8);
}

/// Row 30: advice given at opening holds for bytes that come later, and the two kinds of it do not replace each other.
#[cfg(target_os = "linux")]
#[test]
fn advice_at_opening_is_for_later_bytes_as_well() {
    use mmap_io::{Advice, Create, MmapMode, OpenOptions};

    let scratch = Scratch::new();
    let options = OpenOptions::new(MmapMode::ReadWrite).create(Create::Exclusive).size(4 * page());
    let file = options.huge_pages(true).advice(Advice::Random).open(scratch.file()).unwrap();
    let pages = |flag| common::linux::pages_with_flag(&scratch.file(), flag);
    // A kernel without huge pages knows no such flag.
    let huge = |count| if pages("hg") == 0 { 0 } else { count };
    for len in [4, 64, 3, 6, 600] {
        file.resize(len * page()).unwrap();
        assert_eq!((pages("rr"), pages("hg")), (len, huge(len)), "{len}");
    }
    file.advise(0, 100 * page(), Advice::Normal).unwrap();
    file.resize(2000 * page()).unwrap();
    assert_eq!((pages("rr"), pages("hg")), (1900, huge(2000)));
}

#[cfg(target_os = "linux")]
mod model {
    use proptest::prelude::*;

    use super::{common, page, MmapAdvice, Scratch};

    const PAGES: u64 = 12;

    #[derive(Debug, Clone)]
    enum Step {
        Advise(u64, u64, MmapAdvice),
        Resize(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let advice = prop::sample::select(vec![MmapAdvice::Normal, MmapAdvice::Random, MmapAdvice::Sequential]);
        prop_oneof![
            4 => (0..PAGES * page(), 1..4 * page(), advice).prop_map(|(offset, len, advice)| Step::Advise(offset, len, advice)),
            1 => (1..PAGES * page()).prop_map(Step::Resize),
        ]
    }

    /// The advice that the kernel has for each page of the maps of this file.
    fn told(scratch: &Scratch) -> Vec<MmapAdvice> {
        let maps = common::linux::flags_of(&scratch.file());
        let advice = |flags: &[String]| match () {
            () if flags.iter().any(|flag| flag == "rr") => MmapAdvice::Random,
            () if flags.iter().any(|flag| flag == "sr") => MmapAdvice::Sequential,
            () => MmapAdvice::Normal,
        };
        maps.iter().flat_map(|(pages, flags)| vec![advice(flags); common::at(*pages)]).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn each_page_has_its_last_advice_over_any_resize(steps in prop::collection::vec(step(), 1..24)) {
            let scratch = Scratch::new();
            let file = scratch.zeros(PAGES * page());
            let mut model = vec![MmapAdvice::Normal; common::at(PAGES)];
            for step in steps {
                match step {
                    Step::Advise(offset, len, advice) => {
                        let end = (offset + len).min(file.len());
                        if offset < end {
                            file.advise(offset, end - offset, advice).unwrap();
                            model[common::at(offset / page())..common::at(end.div_ceil(page()))].fill(advice);
                        }
                    }
                    Step::Resize(len) => {
                        file.resize(len).unwrap();
                        prop_assert_eq!(told(&scratch), &model[..common::at(len.div_ceil(page()))]);
                    }
                }
            }
            prop_assert_eq!(told(&scratch), &model[..common::at(file.len().div_ceil(page()))]);
        }
    }
}
