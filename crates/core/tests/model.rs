//! Random sequences of operations against a vector of bytes and a count of what is pending.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use common::{all, at, page, Scratch};
use mmap_io::errors::Result;
use mmap_io::flush::FlushPolicy;
use mmap_io::{MemoryMappedFile, MmapIoError};
use proptest::prelude::*;

/// Longest file: a few pages, so that borders of pages are met often.
const LONGEST: u64 = 40_000;
const FIRST: u64 = 10_000;

#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "atomic"), allow(dead_code, reason = "what is added is read with atomics alone"))]
enum Operation {
    Update {
        offset: u64,
        data: Vec<u8>,
    },
    TryUpdate {
        offset: u64,
        data: Vec<u8>,
    },
    Fill {
        offset: u64,
        len: u64,
        value: u8,
    },
    Read {
        offset: u64,
        len: u64,
    },
    /// Every piece gets the value, up to this many pieces; then the walk fails.
    Walk {
        size: usize,
        value: u8,
        most: usize,
    },
    Resize(u64),
    Flush,
    FlushRange {
        offset: u64,
        len: u64,
    },
    Schedule,
    Add32 {
        offset: u64,
        value: u32,
    },
    Add64 {
        offset: u64,
        value: u64,
    },
    Reopen,
}

fn offset() -> impl Strategy<Value = u64> {
    // Near the borders of pages, anywhere, and far outside.
    prop_oneof![
        4 => (0..10_u64, 0..5_u64).prop_map(|(number, beside)| (number * page() + beside).saturating_sub(2)),
        6 => 0..LONGEST + 100,
        1 => any::<u64>(),
    ]
}

fn len() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..64_u64, 2 => 0..LONGEST, 1 => Just(0), 1 => any::<u64>()]
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![8 => prop::collection::vec(any::<u8>(), 0..200), 1 => prop::collection::vec(any::<u8>(), 0..10_000)]
}

fn operation() -> impl Strategy<Value = Operation> {
    let sizes = prop_oneof![Just(0), 1..20_000_usize, Just(usize::MAX)];
    prop_oneof![
        6 => (offset(), data()).prop_map(|(offset, data)| Operation::Update { offset, data }),
        2 => (offset(), data()).prop_map(|(offset, data)| Operation::TryUpdate { offset, data }),
        3 => (offset(), len(), any::<u8>()).prop_map(|(offset, len, value)| Operation::Fill { offset, len, value }),
        4 => (offset(), len()).prop_map(|(offset, len)| Operation::Read { offset, len }),
        2 => (sizes, any::<u8>(), 0..8_usize).prop_map(|(size, value, most)| Operation::Walk { size, value, most }),
        3 => prop_oneof![8 => 1..LONGEST, 1 => Just(0)].prop_map(Operation::Resize),
        2 => Just(Operation::Flush),
        2 => (offset(), len()).prop_map(|(offset, len)| Operation::FlushRange { offset, len }),
        1 => Just(Operation::Schedule),
        2 => (offset(), any::<u32>()).prop_map(|(offset, value)| Operation::Add32 { offset, value }),
        2 => (offset(), any::<u64>()).prop_map(|(offset, value)| Operation::Add64 { offset, value }),
        1 => Just(Operation::Reopen),
    ]
}

/// The errors that a model can foresee.
#[derive(Debug, PartialEq)]
enum Refusal {
    OutOfBounds(u64, u64, u64),
    Misaligned(u64, u64),
    Resize,
    Callback,
}

fn seen<T>(result: Result<T>) -> std::result::Result<T, Refusal> {
    result.map_err(|error| match error {
        MmapIoError::OutOfBounds { offset, len, total } => Refusal::OutOfBounds(offset, len, total),
        MmapIoError::Misaligned { required, offset } => Refusal::Misaligned(required, offset),
        MmapIoError::ResizeFailed(_) => Refusal::Resize,
        MmapIoError::InvalidMode("enough") => Refusal::Callback,
        other => panic!("{other}"),
    })
}

/// What the mapping should be.
struct Model {
    bytes: Vec<u8>,
    policy: FlushPolicy,
    pending: u64,
    writes: usize,
}

impl Model {
    fn total(&self) -> u64 {
        u64::try_from(self.bytes.len()).unwrap()
    }

    /// The bytes of a range; none for no bytes, wherever they are.
    fn range(&mut self, offset: u64, len: u64) -> std::result::Result<&mut [u8], Refusal> {
        let total = self.total();
        if len == 0 {
            return Ok(&mut []);
        }
        match offset.checked_add(len) {
            Some(end) if end <= total => Ok(&mut self.bytes[at(offset)..at(end)]),
            _ => Err(Refusal::OutOfBounds(offset, len, total)),
        }
    }

    fn count(&mut self, bytes: u64) {
        self.pending += bytes;
        self.writes += usize::from(bytes > 0);
    }

    fn flushed(&mut self) {
        (self.pending, self.writes) = (0, 0);
    }

    /// After a write that applies the policy.
    fn apply(&mut self) {
        let due = match self.policy {
            FlushPolicy::Always => true,
            FlushPolicy::EveryBytes(bytes) => bytes > 0 && self.pending >= u64::try_from(bytes).unwrap(),
            FlushPolicy::EveryWrites(writes) => writes > 0 && self.writes >= writes,
            FlushPolicy::Never | FlushPolicy::Manual | FlushPolicy::EveryMillis(_) => false,
        };
        if due {
            self.flushed();
        }
    }

    fn update(&mut self, offset: u64, data: &[u8]) -> std::result::Result<(), Refusal> {
        let len = u64::try_from(data.len()).unwrap();
        self.range(offset, len)?.copy_from_slice(data);
        if len > 0 {
            self.count(len);
            self.apply();
        }
        Ok(())
    }

    #[cfg(feature = "atomic")]
    fn element(&mut self, offset: u64, size: u64) -> std::result::Result<&mut [u8], Refusal> {
        if !offset.is_multiple_of(size) {
            return Err(Refusal::Misaligned(size, offset));
        }
        self.range(offset, size)?;
        self.count(size);
        self.range(offset, size)
    }
}

/// Does the same to both and compares what they say.
fn step(file: &mut MemoryMappedFile, model: &mut Model, scratch: &Scratch, operation: &Operation) {
    match operation {
        Operation::Update { offset, data } => {
            assert_eq!(seen(file.update_region(*offset, data)), model.update(*offset, data));
        }
        Operation::TryUpdate { offset, data } => {
            assert_eq!(seen(file.try_update_region(*offset, data)), model.update(*offset, data).map(|()| true));
        }
        Operation::Fill { offset, len, value } => {
            let done = seen(file.as_slice_mut(*offset, *len).map(|mut slice| slice.fill(*value)));
            assert_eq!(done, model.range(*offset, *len).map(|bytes| bytes.fill(*value)));
            if done.is_ok() {
                model.count(*len);
            }
        }
        Operation::Read { offset, len } => {
            let expected = model.range(*offset, *len).map(|bytes| bytes.to_vec());
            assert_eq!(seen(file.as_slice(*offset, *len).map(|slice| slice.to_vec())), expected);
            if *len <= LONGEST {
                let mut copy = vec![0; at(*len)];
                assert_eq!(seen(file.read_into(*offset, &mut copy)).map(|()| copy), expected);
            }
        }
        Operation::Walk { size, value, most } => walk(file, model, *size, *value, *most),
        Operation::Resize(len) => {
            let done = seen(file.resize(*len));
            assert_eq!(done, if *len == 0 { Err(Refusal::Resize) } else { Ok(()) });
            if done.is_ok() {
                model.bytes.resize(at(*len), 0);
            }
        }
        Operation::Flush => {
            file.flush().unwrap();
            model.flushed();
        }
        Operation::FlushRange { offset, len } => {
            assert_eq!(seen(file.flush_range(*offset, *len)), model.range(*offset, *len).map(|_| ()));
            if (*offset, *len) == (0, model.total()) {
                model.flushed();
            }
        }
        Operation::Schedule => file.schedule_flush().unwrap(),
        #[cfg(feature = "atomic")]
        Operation::Add32 { offset, value } => {
            let done = seen(file.atomic_u32(*offset).map(|view| _ = view.fetch_add(*value, ORDER)));
            let expected = model.element(*offset, 4).map(|bytes| {
                let sum = u32::from_ne_bytes(bytes.try_into().unwrap()).wrapping_add(*value);
                bytes.copy_from_slice(&sum.to_ne_bytes());
            });
            assert_eq!(done, expected);
        }
        #[cfg(feature = "atomic")]
        Operation::Add64 { offset, value } => {
            let done = seen(file.atomic_u64(*offset).map(|view| _ = view.fetch_add(*value, ORDER)));
            let expected = model.element(*offset, 8).map(|bytes| {
                let sum = u64::from_ne_bytes(bytes.try_into().unwrap()).wrapping_add(*value);
                bytes.copy_from_slice(&sum.to_ne_bytes());
            });
            assert_eq!(done, expected);
        }
        #[cfg(not(feature = "atomic"))]
        Operation::Add32 { .. } | Operation::Add64 { .. } => {}
        Operation::Reopen => {
            *file = MemoryMappedFile::builder(scratch.file())
                .mode(mmap_io::MmapMode::ReadWrite)
                .flush_policy(model.policy)
                .open()
                .unwrap();
            model.flushed();
        }
    }
}

#[cfg(feature = "atomic")]
const ORDER: std::sync::atomic::Ordering = std::sync::atomic::Ordering::SeqCst;

#[cfg(feature = "iterator")]
fn walk(file: &MemoryMappedFile, model: &mut Model, size: usize, value: u8, most: usize) {
    let mut pieces = 0;
    let done = seen(file.chunks_mut(size).for_each_mut(|_, chunk| {
        if pieces == most {
            return Err(MmapIoError::InvalidMode("enough"));
        }
        pieces += 1;
        chunk.fill(value);
        Ok(())
    }));
    if size == 0 {
        assert_eq!(done, Ok(()));
        return;
    }
    let all = model.bytes.len().div_ceil(size);
    assert_eq!(done, if all > most { Err(Refusal::Callback) } else { Ok(()) });
    let written = most.saturating_mul(size).min(model.bytes.len());
    model.bytes[..written].fill(value);
    // The piece whose call failed was lent as well.
    let lent = most.saturating_add(1).saturating_mul(size).min(model.bytes.len());
    model.count(u64::try_from(lent).unwrap());
    if done.is_ok() {
        model.apply();
    }
    assert!(file.chunks(size).map(|chunk| chunk.to_vec()).eq(model.bytes.chunks(size).map(<[u8]>::to_vec)));
}

#[cfg(not(feature = "iterator"))]
fn walk(_file: &MemoryMappedFile, _model: &mut Model, _size: usize, _value: u8, _most: usize) {}

fn run(policy: FlushPolicy, operations: &[Operation]) {
    let scratch = Scratch::new();
    let mut file = MemoryMappedFile::builder(scratch.file()).size(FIRST).flush_policy(policy).create().unwrap();
    let mut model = Model { bytes: vec![0; at(FIRST)], policy, pending: 0, writes: 0 };
    for operation in operations {
        step(&mut file, &mut model, &scratch, operation);
        assert_eq!((file.len(), file.pending_bytes()), (model.total(), model.pending), "{operation:?}");
    }
    assert_eq!(all(&file), model.bytes);
    drop(file);
    assert_eq!(scratch.content(), model.bytes);
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 2000, ..ProptestConfig::default() }
}

fn policy() -> impl Strategy<Value = FlushPolicy> {
    prop_oneof![
        Just(FlushPolicy::Manual),
        Just(FlushPolicy::Always),
        (0..2000_usize).prop_map(FlushPolicy::EveryBytes),
        (0..6_usize).prop_map(FlushPolicy::EveryWrites),
    ]
}

proptest! {
    #![proptest_config(config(96))]

    #[test]
    fn a_mapping_is_a_vector_of_bytes(operations in prop::collection::vec(operation(), 1..80)) {
        run(FlushPolicy::Never, &operations);
    }
}

proptest! {
    #![proptest_config(config(64))]

    /// Rows 3 to 5: what is pending is what was written since the last flush, by whomever it was asked for.
    #[test]
    fn policies_flush_when_the_count_of_bytes_or_writes_says_so(
        policy in policy(),
        operations in prop::collection::vec(operation(), 1..60),
    ) {
        run(policy, &operations);
    }
}
