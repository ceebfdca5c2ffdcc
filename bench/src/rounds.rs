//! Figures out of rounds: what is measured is measured several times, and the median counts.

/// How often everything is measured.
pub(crate) const ROUNDS: usize = 5;

/// The figures of one subject, a figure per round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series(Vec<f64>);

impl Series {
    pub(crate) fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    pub(crate) fn median(&self) -> f64 {
        median(&self.0)
    }

    pub(crate) fn least(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub(crate) fn most(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    pub(crate) fn figures(&self) -> &[f64] {
        &self.0
    }
}

impl FromIterator<f64> for Series {
    fn from_iter<I: IntoIterator<Item = f64>>(figures: I) -> Self {
        Self(figures.into_iter().collect())
    }
}

/// The middle figure, or the mean of the two in the middle; NaN of none.
pub(crate) fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::{Series, median};

    #[test]
    fn the_middle_counts() {
        let check = |figures: &[f64], expected: f64| {
            assert!((median(figures) - expected).abs() < 1e-9, "{figures:?}");
        };
        check(&[3.0], 3.0);
        check(&[9.0, 1.0, 2.0], 2.0);
        check(&[4.0, 1.0, 2.0, 3.0], 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_series_knows_its_ends() {
        let series: Series = [2.0, 1.0, 3.0].into_iter().collect();
        assert_eq!((series.least(), series.most(), series.figures().len()), (1.0, 3.0, 3));
    }
}
