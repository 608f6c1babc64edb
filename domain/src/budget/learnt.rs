//! What is learnt from settled calls of one model and agent: how much output to
//! expect, and how far the size of a request is from its tokens.

use serde::{Deserialize, Serialize};

use super::ledger::MIN_OUTPUT_TOKENS;

/// Least and most input tokens for every estimated one, in thousandths. Text in
/// other scripts, and pictures, take more tokens than their bytes suggest.
const RATIO_BOUNDS: (u64, u64) = (1_000, 8_000);
/// Least estimate that a ratio is learnt from; below it, rounding rules.
const MIN_RATIO_SAMPLE: u64 = 8;

/// A running mean with its mean deviation, as TCP keeps of round trips (RFC 6298).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learnt {
    /// Mean output in eighths of a token.
    mean_8: u64,
    /// Mean deviation in quarters of a token.
    deviation_4: u64,
    /// Input tokens for every estimated one, in thousandths.
    input_ratio: u64,
    /// Calls that it was learnt from; 0 for none.
    samples: u64,
}

impl Default for Learnt {
    fn default() -> Self {
        Self {
            mean_8: 0,
            deviation_4: 0,
            input_ratio: RATIO_BOUNDS.0,
            samples: 0,
        }
    }
}

impl Learnt {
    /// Output tokens that nearly every call stays below: mean and four deviations,
    /// never below [`MIN_OUTPUT_TOKENS`]; none before the first call.
    #[must_use]
    pub fn output_tokens(&self) -> Option<u64> {
        let estimate = (self.mean_8 / 8).saturating_add(self.deviation_4);
        (self.samples > 0).then_some(estimate.max(MIN_OUTPUT_TOKENS))
    }

    /// Input tokens to expect where so many were estimated from the request's size.
    #[must_use]
    pub fn input_tokens(&self, estimated: u64) -> u64 {
        let scaled = u128::from(estimated) * u128::from(self.input_ratio);
        u64::try_from(scaled.div_ceil(1_000)).unwrap_or(u64::MAX)
    }

    /// Learns from a settled call: what was estimated and what it used.
    /// `output_limit` is the limit that was sent to the provider: an answer that
    /// reached it wanted more, so it counts double.
    #[must_use]
    pub fn with(
        self,
        estimated_input: u64,
        input: u64,
        output: u64,
        output_limit: Option<u64>,
    ) -> Self {
        let cut = output_limit.is_some_and(|limit| output >= limit);
        // INVARIANT: bounded, so that none of the sums below can overflow.
        let sample = output.min(1 << 40).saturating_mul(if cut { 2 } else { 1 });
        let (mean_8, deviation_4) = if self.samples == 0 {
            (sample * 8, sample * 2)
        } else {
            let mean = self.mean_8 / 8;
            let off = mean.abs_diff(sample);
            let deviation_4 = self.deviation_4 - self.deviation_4 / 4 + off;
            (self.mean_8 - mean + sample, deviation_4)
        };
        let input_ratio = if estimated_input < MIN_RATIO_SAMPLE {
            self.input_ratio
        } else {
            let ratio = (input.min(1 << 40) * 1_000).div_ceil(estimated_input);
            let ratio = ratio.clamp(RATIO_BOUNDS.0, RATIO_BOUNDS.1);
            // Up at once, down slowly: an estimate that is too low lets calls pass a limit.
            ratio.max((self.input_ratio * 7 + ratio) / 8)
        };
        Self {
            mean_8,
            deviation_4,
            input_ratio,
            samples: self.samples.saturating_add(1),
        }
    }
}
