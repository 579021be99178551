//! The numbers of several processes as those of one: what has the same name and labels is added.

use std::collections::HashMap;

/// Adds up texts in the exposition format of Prometheus. What has a name that the `host` uses is as
/// the host says it, whatever the parts say. The order is that of the first text that has a line.
#[must_use]
pub(crate) fn sum(host: &str, parts: &[String]) -> String {
    let mut families = Families::default();
    families.add(host, 0);
    let of_host = families.list.len();
    for part in parts {
        families.add(part, of_host);
    }
    families.list.iter().map(Family::text).collect()
}

/// What is left of a text when its process has ended: what it has counted, and nothing of how it was.
#[must_use]
pub(crate) fn counters(text: &str) -> String {
    let mut families = Families::default();
    families.add(text, 0);
    families.list.iter().filter(|family| family.counts()).map(Family::text).collect()
}

/// In the order in which they came.
#[derive(Debug, Default)]
struct Families<'t> {
    list: Vec<Family<'t>>,
    by_name: HashMap<&'t str, usize>,
}

impl<'t> Families<'t> {
    /// Adds the lines of a text, but for those of the first `settled` families.
    fn add(&mut self, text: &'t str, settled: usize) {
        let mut family = None;
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let name = rest.split(' ').next().unwrap_or_default();
                let number = *self.by_name.entry(name).or_insert_with(|| {
                    self.list.push(Family::default());
                    self.list.len() - 1
                });
                family = Some(number).filter(|number| *number >= settled);
            }
            if let Some(family) = family.and_then(|number| self.list.get_mut(number)) {
                family.add(line);
            }
        }
    }
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

    /// Whether its values only grow.
    fn counts(&self) -> bool {
        let is_one = |comment: &&str| {
            let mut words = comment.split(' ');
            let kind = words.nth(3);
            comment.starts_with("# TYPE ") && matches!(kind, Some("counter" | "histogram"))
        };
        self.comments.iter().any(is_one)
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
        assert_eq!(sum("", &[one.clone(), two]), expected);
        assert_eq!(sum("", std::slice::from_ref(&one)), one);
        assert_eq!(sum("", &[]), "");
    }

    #[test]
    fn what_there_is_once_is_not_added() {
        let worker = "# HELP ready x\n# TYPE ready gauge\nready 1\n\
                      # HELP build x\nbuild{id=\"a\"} 1\n# HELP open x\nopen 2\n";
        let host = "# HELP ready x\n# TYPE ready gauge\nready 0\n# HELP build x\n";
        let expected = format!("{host}# HELP open x\nopen 4\n");
        assert_eq!(sum(host, &[worker.to_owned(), worker.to_owned()]), expected);
    }

    #[test]
    fn who_has_ended_leaves_what_it_has_counted() {
        let counted = "# HELP a_total x\n# TYPE a_total counter\na_total 3\n\
                       # HELP t_seconds x\n# TYPE t_seconds histogram\n\
                       t_seconds_bucket{le=\"1\"} 2\nt_seconds_sum 0.5\nt_seconds_count 2\n";
        let text = format!("# HELP open x\n# TYPE open gauge\nopen 2\n{counted}");
        assert_eq!(counters(&text), counted);
        assert_eq!(counters(counted), counted);
        let next = "# HELP a_total x\n# TYPE a_total counter\na_total 1\n".to_owned();
        let both = sum("", &[counters(&text), next]);
        assert_eq!(both, counted.replace("a_total 3", "a_total 4"));
    }
}
