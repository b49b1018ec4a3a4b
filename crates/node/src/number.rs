//! Numbers that cross the border.

/// A byte count from JavaScript. The TypeScript layer has checked it already; this is the fence behind it.
pub(crate) fn to_bytes(number: f64) -> napi::Result<u64> {
    const MAX_SAFE: f64 = 9_007_199_254_740_991.0;
    if !(0.0..=MAX_SAFE).contains(&number) || number.fract() != 0.0 {
        let message = format!("expected a safe integer >= 0, got {number}");
        return Err(napi::Error::new(napi::Status::InvalidArg, message));
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked above")]
    Ok(number as u64)
}

/// A byte count for JavaScript. Lengths of mappings and files stay below 2^53.
#[expect(clippy::cast_precision_loss, reason = "below 2^53")]
pub(crate) fn from_bytes(bytes: u64) -> f64 {
    bytes as f64
}
