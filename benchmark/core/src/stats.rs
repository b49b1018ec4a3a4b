//! Medians and their intervals.

use std::ops::Range;

/// Draws in a bootstrap.
const DRAWS: usize = 2000;

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy)]
pub struct Estimate {
    pub median: f64,
    pub interval: (f64, f64),
}

/// The value below which the share `q` of the values lies.
pub fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let at = (values.len() - 1) as f64 * q;
    let below = values[at as usize];
    let above = values[(at as usize + 1).min(values.len() - 1)];
    below + (above - below) * at.fract()
}

pub fn median(mut values: Vec<f64>) -> f64 {
    quantile(&mut values, 0.5)
}

/// Medians of values drawn anew with replacement: rounds first, then values in each, because those of a round resemble
/// each other.
pub fn bootstrap(rounds: &[Vec<f64>]) -> Vec<f64> {
    let mut numbers = Numbers(1);
    let mut draw = || {
        let chosen = (0..rounds.len()).map(|_| &rounds[numbers.below(rounds.len())]).collect::<Vec<_>>();
        let values = chosen.into_iter().flat_map(|round| {
            let places = (0..round.len()).map(|_| numbers.below(round.len())).collect::<Vec<_>>();
            places.into_iter().map(|place| round[place])
        });
        median(values.collect())
    };
    (0..DRAWS).map(|_| draw()).collect()
}

/// The middle 95 %.
pub fn interval(mut draws: Vec<f64>) -> (f64, f64) {
    (quantile(&mut draws, 0.025), quantile(&mut draws, 0.975))
}

/// The middle of several ratios, and its interval from the bootstraps of each.
pub fn geometric_mean(ratios: &[f64], draws: &[&[f64]]) -> Estimate {
    let mean = |ratios: &mut dyn Iterator<Item = f64>| {
        let (sum, count) = ratios.fold((0.0, 0.0), |(sum, count), ratio| (sum + ratio.ln(), count + 1.0));
        f64::exp(sum / count)
    };
    let nth = |draw: usize| mean(&mut draws.iter().map(|draws| draws[draw]));
    let numbers: Range<usize> = 0..DRAWS;
    Estimate { median: mean(&mut ratios.iter().copied()), interval: interval(numbers.map(nth).collect()) }
}

/// Pseudo-random numbers, the same in every run (xorshift64): an interval is a function of the figures alone.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((u128::from(self.0) * end as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(vec![7.0]), 7.0);
    }

    #[test]
    fn the_interval_of_equal_values_is_a_point() {
        let draws = bootstrap(&[vec![2.0; 5], vec![2.0; 3]]);
        assert_eq!(interval(draws), (2.0, 2.0));
    }

    #[test]
    fn a_round_that_differs_widens_the_interval() {
        let (low, high) = interval(bootstrap(&[vec![1.0; 9], vec![2.0; 9], vec![1.0; 9], vec![2.0; 9]]));
        assert!(low == 1.0 && high == 2.0);
    }

    #[test]
    fn twice_and_half_cancel_out() {
        let draws = [vec![2.0; DRAWS], vec![0.5; DRAWS]];
        let mean = geometric_mean(&[2.0, 0.5], &[&draws[0], &draws[1]]);
        assert!((mean.median - 1.0).abs() < 1e-12);
    }
}
