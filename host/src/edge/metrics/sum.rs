//! The numbers of several processes as those of one: what has the same name and labels is added.

use std::collections::HashMap;

/// Adds up texts in the exposition format of Prometheus. The order is that of the first text that
/// has a line.
#[must_use]
pub fn sum(texts: &[String]) -> String {
    let mut families: Vec<Family<'_>> = Vec::new();
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    for text in texts {
        let mut family = None;
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let name = rest.split(' ').next().unwrap_or_default();
                let number = *by_name.entry(name).or_insert_with(|| {
                    families.push(Family::default());
                    families.len() - 1
                });
                family = Some(number);
            }
            if let Some(family) = family.and_then(|number| families.get_mut(number)) {
                family.add(line);
            }
        }
    }
    families.iter().map(Family::text).collect()
}

/// What one name says.
#[derive(Debug, Default)]
struct Family<'t> {
    comments: Vec<&'t str>,
    series: Vec<(&'t str, Number)>,
    places: HashMap<&'t str, usize>,
}

/// A value: counts stay whole numbers.
#[derive(Debug, Clone, Copy)]
enum Number {
    Whole(u64),
    Fraction(f64),
}

impl<'t> Family<'t> {
    fn add(&mut self, line: &'t str) {
        if line.starts_with('#') {
            if !self.comments.contains(&line) {
                self.comments.push(line);
            }
            return;
        }
        let Some((series, value)) = line.rsplit_once(' ') else { return };
        let Some(value) = Number::read(value) else { return };
        match self.places.get(series) {
            Some(place) => self.series[*place].1 = self.series[*place].1.plus(value),
            None => {
                self.places.insert(series, self.series.len());
                self.series.push((series, value));
            }
        }
    }

    fn text(&self) -> String {
        let comments = self.comments.iter().map(|comment| format!("{comment}\n"));
        let series = self.series.iter().map(|(series, value)| match value {
            Number::Whole(value) => format!("{series} {value}\n"),
            Number::Fraction(value) => format!("{series} {value}\n"),
        });
        comments.chain(series).collect()
    }
}

impl Number {
    fn read(text: &str) -> Option<Self> {
        let whole = text.parse().ok().map(Self::Whole);
        whole.or_else(|| text.parse().ok().map(Self::Fraction))
    }

    #[expect(clippy::cast_precision_loss, reason = "seconds beside a fraction of them")]
    fn plus(self, other: Self) -> Self {
        let float = |number| match number {
            Self::Whole(number) => number as f64,
            Self::Fraction(number) => number,
        };
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => Self::Whole(one.saturating_add(other)),
            (one, other) => Self::Fraction(float(one) + float(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_the_same_labels_is_added() {
        let text = |requests: &str| {
            format!("# HELP a_total Requests.\n# TYPE a_total counter\n{requests}")
        };
        let one =
            text("a_total{route=\"/\"} 3\na_total{route=\"/a b\"} 1\n") + "# HELP s x\ns 0.25\n";
        let two = text("a_total{route=\"/c\"} 5\na_total{route=\"/\"} 4\n") + "# HELP s x\ns 2\n";
        let expected =
            text("a_total{route=\"/\"} 7\na_total{route=\"/a b\"} 1\na_total{route=\"/c\"} 5\n")
                + "# HELP s x\ns 2.25\n";
        assert_eq!(sum(&[one.clone(), two]), expected);
        assert_eq!(sum(std::slice::from_ref(&one)), one);
        assert_eq!(sum(&[]), "");
    }
}
