//! Medians and spreads.

/// The value below which a `share` of the values lies. The slice gets sorted.
///
/// # Panics
/// If there are no values.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[allow(clippy::cast_precision_loss, clippy::cast_sign_loss, clippy::cast_possible_truncation)]
    let at = ((values.len() - 1) as f64 * share).round() as usize;
    values[at]
}

/// The median of paired ratios, with the middle half and the 95 % interval of the median.
#[derive(Debug, Clone, Copy)]
pub struct Ratio {
    /// The median.
    pub median: f64,
    /// The quarter points.
    pub quartiles: (f64, f64),
    /// Where the true median lies, with 95 % confidence (order statistics of the sign test).
    pub interval: (f64, f64),
}

/// Compares two series that were measured in pairs.
///
/// # Panics
/// If there are no pairs.
#[must_use]
pub fn ratio(above: &[f64], below: &[f64]) -> Ratio {
    let mut ratios: Vec<f64> = above.iter().zip(below).map(|(a, b)| a / b).collect();
    #[allow(clippy::cast_precision_loss)]
    let half_width = 0.98 / (ratios.len() as f64).sqrt();
    Ratio {
        median: quantile(&mut ratios, 0.5),
        quartiles: (quantile(&mut ratios, 0.25), quantile(&mut ratios, 0.75)),
        interval: (
            quantile(&mut ratios, (0.5 - half_width).max(0.0)),
            quantile(&mut ratios, (0.5 + half_width).min(1.0)),
        ),
    }
}

/// The ratio of two medians, with its 95 % interval by the bootstrap.
#[derive(Debug, Clone, Copy)]
pub struct Bootstrap {
    /// The median of the one by the median of the other.
    pub ratio: f64,
    /// Where 95 of 100 resampled ratios lie.
    pub interval: (f64, f64),
}

/// How often a series is resampled.
const RESAMPLES: usize = 10_000;

/// Compares two series that were measured in pairs: whole pairs are drawn again and again, so that
/// what disturbed both at the same time stays in both. The same series give the same interval.
///
/// # Panics
/// If there are no pairs.
#[must_use]
pub fn bootstrap(above: &[f64], below: &[f64]) -> Bootstrap {
    let pairs: Vec<(f64, f64)> = above.iter().copied().zip(below.iter().copied()).collect();
    let mut random = fastrand::Rng::with_seed(0x6e6f_7661);
    let of_medians = |pairs: &[(f64, f64)]| {
        let (mut above, mut below): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        quantile(&mut above, 0.5) / quantile(&mut below, 0.5)
    };
    let mut drawn = pairs.clone();
    let mut ratios = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        drawn.fill_with(|| pairs[random.usize(..pairs.len())]);
        ratios.push(of_medians(&drawn));
    }
    let interval = (quantile(&mut ratios, 0.025), quantile(&mut ratios, 0.975));
    Bootstrap { ratio: of_medians(&pairs), interval }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_disturbs_both_of_a_pair_leaves_the_bootstrap_narrow() {
        let below: Vec<f64> = (1..=21).map(f64::from).collect();
        let above: Vec<f64> = below.iter().map(|value| value * 1.5).collect();
        let compared = bootstrap(&above, &below);
        for value in [compared.ratio, compared.interval.0, compared.interval.1] {
            assert!((value - 1.5).abs() < 1e-9, "{compared:?}");
        }
    }

    #[test]
    fn noise_of_one_widens_the_bootstrap_around_the_ratio() {
        let below = [10.0; 9];
        let above = [16.0, 18.0, 19.0, 20.0, 20.0, 20.0, 21.0, 22.0, 24.0];
        let compared = bootstrap(&above, &below);
        assert!((compared.ratio - 2.0).abs() < 1e-9, "{compared:?}");
        let (low, high) = compared.interval;
        // A median of nine drawn from these is 18 to 22 in all but a few of a hundred.
        assert!((1.8..2.0).contains(&low) && (2.0..=2.2).contains(&high), "{compared:?}");
        assert_eq!(compared.interval, bootstrap(&above, &below).interval, "it is seeded");
    }

    #[test]
    fn a_constant_factor_is_the_ratio() {
        let below: Vec<f64> = (1..=100).map(f64::from).collect();
        let above: Vec<f64> = below.iter().map(|value| value * 1.5).collect();
        let ratio = ratio(&above, &below);
        assert!((ratio.median - 1.5).abs() < 1e-9);
        assert!(ratio.interval.0 <= ratio.median && ratio.median <= ratio.interval.1);
    }
}
