//! Atomic operations as calls, for view modes whose views are copies.

use std::sync::atomic::Ordering::SeqCst;

use napi::bindgen_prelude::{BigInt, Either};
use napi_derive::napi;

use crate::failure::Failure;
use crate::job::IntoJs;
use crate::mapping::Mapping;
use crate::number::to_bytes;

/// What is done to an integer. All but `Load` take an operand.
#[napi(string_enum = "camelCase")]
pub enum AtomicOperation {
    Load,
    Store,
    Exchange,
    Add,
    Sub,
    And,
    Or,
    Xor,
}

impl IntoJs for u32 {
    type Js = Self;

    fn into_js(self) -> Self {
        self
    }
}

impl IntoJs for u64 {
    type Js = BigInt;

    fn into_js(self) -> BigInt {
        self.into()
    }
}

/// One operation, which answers with what was there before; storing answers with what is there now.
macro_rules! apply {
    ($integer:ident, $operation:expr, $operand:ident) => {
        match $operation {
            AtomicOperation::Load => $integer.load(SeqCst),
            AtomicOperation::Store => {
                $integer.store($operand, SeqCst);
                $operand
            }
            AtomicOperation::Exchange => $integer.swap($operand, SeqCst),
            AtomicOperation::Add => $integer.fetch_add($operand, SeqCst),
            AtomicOperation::Sub => $integer.fetch_sub($operand, SeqCst),
            AtomicOperation::And => $integer.fetch_and($operand, SeqCst),
            AtomicOperation::Or => $integer.fetch_or($operand, SeqCst),
            AtomicOperation::Xor => $integer.fetch_xor($operand, SeqCst),
        }
    };
}

/// The value of a 64-bit operand. The TypeScript layer has checked it already; this is the fence behind it.
fn to_u64(operand: &BigInt) -> napi::Result<u64> {
    match operand.get_u64() {
        (false, value, true) => Ok(value),
        _ => Err(napi::Error::new(napi::Status::InvalidArg, "expected a bigint from 0 to 2^64-1")),
    }
}

#[napi]
impl Mapping {
    #[napi(catch_unwind)]
    pub fn atomic_u64(
        &self,
        operation: AtomicOperation,
        offset: f64,
        operand: BigInt,
    ) -> napi::Result<Either<BigInt, Failure>> {
        let (offset, operand) = (to_bytes(offset)?, to_u64(&operand)?);
        Ok(self.with(|file| file.with_u64(offset, |integer| apply!(integer, operation, operand))))
    }

    /// Answers with what was there; it was exchanged when that is what was expected.
    #[napi(catch_unwind)]
    pub fn compare_exchange_u64(
        &self,
        offset: f64,
        expected: BigInt,
        replacement: BigInt,
    ) -> napi::Result<Either<BigInt, Failure>> {
        let (offset, expected, replacement) = (to_bytes(offset)?, to_u64(&expected)?, to_u64(&replacement)?);
        Ok(self.with(|file| {
            file.with_u64(offset, |integer| {
                integer.compare_exchange(expected, replacement, SeqCst, SeqCst).unwrap_or_else(|found| found)
            })
        }))
    }

    #[napi(catch_unwind)]
    pub fn atomic_u32(
        &self,
        operation: AtomicOperation,
        offset: f64,
        operand: u32,
    ) -> napi::Result<Either<u32, Failure>> {
        let offset = to_bytes(offset)?;
        Ok(self.with(|file| file.with_u32(offset, |integer| apply!(integer, operation, operand))))
    }

    /// Answers with what was there; it was exchanged when that is what was expected.
    #[napi(catch_unwind)]
    pub fn compare_exchange_u32(
        &self,
        offset: f64,
        expected: u32,
        replacement: u32,
    ) -> napi::Result<Either<u32, Failure>> {
        let offset = to_bytes(offset)?;
        Ok(self.with(|file| {
            file.with_u32(offset, |integer| {
                integer.compare_exchange(expected, replacement, SeqCst, SeqCst).unwrap_or_else(|found| found)
            })
        }))
    }
}
