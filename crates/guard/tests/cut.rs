//! A file that somebody cuts while it is mapped.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use common::{lives, page, set_len, Mapping, Scratch};
use mmap_io_guard::Words;

#[test]
fn what_was_cut_reads_as_zeros_and_the_rest_stays() {
    lives("what_was_cut_reads_as_zeros_and_the_rest_stays", || {
        for private in [false, true] {
            for left in [0, 1, page() - 1, page(), page() + 1, 5 * page() + 100] {
                let scratch = Scratch::new();
                let path = scratch.filled(64, 7);
                let mapping = if private { Mapping::private(&path) } else { Mapping::shared(&path) };
                assert_eq!((mapping.words.flags(), mapping.read(mapping.len - 1)), (0, 7));
                set_len(&path, left);
                for at in (0..mapping.len).rev() {
                    assert_eq!(mapping.read(at), if at < left { 7 } else { 0 }, "{at} of {left}");
                }
                assert_eq!((mapping.words.flags(), mapping.words.faults()), (Words::TRUNCATED, 1), "one repair a cut");
                let replaced = mapping.guard().replaced();
                assert_eq!((replaced.inside, replaced.cut), (Vec::new(), left..mapping.len));
            }
        }
    });
}

#[test]
fn a_file_is_cut_again_and_again() {
    lives("a_file_is_cut_again_and_again", || {
        let scratch = Scratch::new();
        let path = scratch.filled(64, 7);
        let mapping = Mapping::shared(&path);
        for (cuts, left) in [60, 33, 32, 5, 0].into_iter().enumerate() {
            set_len(&path, left * page());
            assert_eq!(mapping.read(left * page()), 0);
            assert_eq!(mapping.read(mapping.len - 1), 0);
            assert_eq!(mapping.words.faults() as usize, cuts + 1);
            assert_eq!(mapping.guard().replaced().cut, left * page()..mapping.len);
            if left > 0 {
                assert_eq!(mapping.read(left * page() - 1), 7);
            }
        }
    });
}

#[test]
fn stores_behind_the_cut_stay_in_memory_and_out_of_the_file() {
    lives("stores_behind_the_cut_stay_in_memory_and_out_of_the_file", || {
        let scratch = Scratch::new();
        let path = scratch.filled(8, 7);
        let mapping = Mapping::shared(&path);
        set_len(&path, page());
        mapping.write(3 * page(), 9);
        assert_eq!(mapping.read(3 * page()), 9);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), page() as u64);
        set_len(&path, 8 * page());
        assert_eq!((mapping.read(3 * page()), std::fs::read(&path).unwrap()[3 * page()]), (9, 0));
    });
}

#[test]
fn a_file_that_grew_again_is_mapped_again_as_far_as_it_goes() {
    lives("a_file_that_grew_again_is_mapped_again_as_far_as_it_goes", || {
        let scratch = Scratch::new();
        let path = scratch.filled(8, 7);
        let mapping = Mapping::shared(&path);
        set_len(&path, page());
        assert_eq!(mapping.read(8 * page() - 1), 0);
        std::fs::write(&path, vec![5; 3 * page() + 10]).unwrap();
        let guard = mapping.guard();
        guard
            .grown_again(3 * page() + 10, |pages| {
                assert_eq!(pages, page()..4 * page());
                mapping.put_back(pages)
            })
            .unwrap();
        assert_eq!((mapping.read(page()), mapping.read(3 * page() + 9), mapping.read(3 * page() + 10)), (5, 5, 0));
        assert_eq!(guard.replaced().cut, 3 * page() + 10..8 * page());
        assert_eq!((guard.flags(), mapping.words.faults()), (Words::TRUNCATED, 1));
        mapping.write(page(), 6);
        assert_eq!(std::fs::read(&path).unwrap()[page()], 6, "it is the file's page");
        // Cut once more, behind pages that were put back.
        set_len(&path, 2 * page());
        assert_eq!((mapping.read(2 * page()), mapping.read(page())), (0, 6));
        assert_eq!(guard.replaced().cut, 2 * page()..8 * page());
        set_len(&path, 9 * page());
        guard.grown_again(9 * page(), |pages| mapping.put_back(pages)).unwrap();
        assert!(guard.replaced().is_empty() && guard.flags() == 0);
        mapping.write(8 * page() - 1, 4);
        assert_eq!(std::fs::read(&path).unwrap()[8 * page() - 1], 4);
    });
}

#[test]
fn what_the_owner_covers_is_not_the_guards() {
    lives("what_the_owner_covers_is_not_the_guards", || {
        let scratch = Scratch::new();
        let path = scratch.filled(8, 7);
        let mapping = Mapping::shared(&path);
        let guard = mapping.guard();
        set_len(&path, 5 * page());
        assert_eq!(mapping.read(6 * page()), 0);
        let cover = |from: usize| guard.cover(from, || mapping.cover(from..mapping.len)).unwrap();
        cover(5 * page());
        assert!(guard.replaced().is_empty() && guard.flags() == 0, "covered pages are not replaced ones");
        set_len(&path, 2 * page());
        assert_eq!(mapping.read(4 * page()), 0);
        assert_eq!(guard.replaced().cut, 2 * page()..5 * page());
        cover(3 * page());
        assert_eq!(guard.replaced().cut, 2 * page()..3 * page());
        set_len(&path, 8 * page());
        guard.uncover(8 * page(), || mapping.put_back(3 * page()..8 * page())).unwrap();
        assert_eq!(guard.replaced().inside, [2 * page()..3 * page()], "what was replaced before stays so");
        set_len(&path, 7 * page());
        assert_eq!((mapping.read(7 * page()), mapping.read(6 * page())), (0, 0));
        assert_eq!(guard.replaced().cut, 7 * page()..8 * page());
    });
}

/// Memory of somebody else may be freed and mapped anew before the old registration is dropped.
#[test]
fn of_two_registrations_of_lent_addresses_the_later_counts() {
    lives("of_two_registrations_of_lent_addresses_the_later_counts", || {
        let (first, second) = (Scratch::new(), Scratch::new());
        let old = Mapping::lent(&first.filled(8, 7), None);
        let new = Mapping::lent(&second.filled(8, 5), Some(&old));
        set_len(&second.path(), page());
        assert_eq!((new.read(0), new.read(2 * page())), (5, 0));
        assert_eq!((new.words.flags(), old.words.flags()), (Words::TRUNCATED, 0));
        assert_eq!(new.guard().replaced().cut, page()..8 * page());
        std::mem::forget(old);
    });
}

#[test]
fn a_range_is_handled_around_replaced_pages() {
    lives("a_range_is_handled_around_replaced_pages", || {
        let scratch = Scratch::new();
        let path = scratch.filled(8, 7);
        let mapping = Mapping::shared(&path);
        let parts = |pages: std::ops::Range<usize>| {
            let mut parts = Vec::new();
            let each = |part| {
                parts.push(part);
                Ok::<_, ()>(())
            };
            mapping.guard().around_replaced(pages, each).unwrap();
            parts
        };
        assert_eq!(parts(0..8 * page()), [0..8 * page()]);
        set_len(&path, 5 * page());
        assert_eq!(mapping.read(7 * page()), 0);
        assert_eq!(parts(page()..8 * page()), [page()..5 * page()]);
        assert!(parts(6 * page()..8 * page()).is_empty());
    });
}
