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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_factor_is_the_ratio() {
        let below: Vec<f64> = (1..=100).map(f64::from).collect();
        let above: Vec<f64> = below.iter().map(|value| value * 1.5).collect();
        let ratio = ratio(&above, &below);
        assert!((ratio.median - 1.5).abs() < 1e-9);
        assert!(ratio.interval.0 <= ratio.median && ratio.median <= ratio.interval.1);
    }
}
