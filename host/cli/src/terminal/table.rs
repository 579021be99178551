//! Tables, and the numbers in them.

use std::fmt::Write as _;

use super::width;

/// At which side of its column a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    /// Text.
    Left,
    /// Numbers, whose last digits belong under each other.
    Right,
}

/// Rows as columns, two blanks apart; no line ends in a blank.
pub(crate) fn table<const N: usize>(rows: &[[String; N]], align: [Align; N]) -> String {
    let widths: [usize; N] = std::array::from_fn(|column| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    });
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for ((cell, width), align) in row.iter().zip(widths).zip(align) {
            // Writing to a `String` does not fail.
            let _ = match align {
                Align::Left => write!(line, "{cell:<width$}  "),
                Align::Right => write!(line, "{cell:>width$}  "),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A table with headings if it fits so many columns, and otherwise a list, in which each cell has its
/// heading before it.
pub(crate) fn fitting<const N: usize>(
    rows: &[[String; N]],
    align: [Align; N],
    most: usize,
) -> String {
    let table = table(rows, align);
    if table.lines().all(|line| width::columns(line) <= most) {
        return table;
    }
    let headings = rows.first();
    let list = rows.iter().skip(1).map(|row| {
        let cells = headings.into_iter().flatten().zip(row).filter(|(_, cell)| !cell.is_empty());
        width::items(cells.map(|(heading, cell)| format!("{heading} {cell}")), most) + "\n"
    });
    list.collect()
}

/// A table of text alone.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    table(rows, [Align::Left; N])
}

/// `1234567` as `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align() {
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned()];
        assert_eq!(
            columns(&[row("GET", "/"), row("DELETE", "/ü"), row("x", "")]),
            "GET     /\nDELETE  /ü\nx\n"
        );
        assert_eq!(
            table(&[row("9 kB", "/"), row("12 kB", "/ü")], [Align::Right, Align::Left]),
            " 9 kB  /\n12 kB  /ü\n"
        );
    }

    #[test]
    fn a_table_that_is_too_wide_is_a_list() {
        let row = |a: &str, b: &str, c: &str| [a, b, c].map(str::to_owned);
        let rows = [row("build", "state", "age"), row("ab", "serves", "1m"), row("cd", "", "2h")];
        let align = [Align::Left, Align::Left, Align::Right];
        assert_eq!(fitting(&rows, align, 18), table(&rows, align));
        assert_eq!(
            fitting(&rows, align, 17),
            "build ab\n  state serves\n  age 1m\nbuild cd · age 2h\n"
        );
    }

    #[test]
    fn numbers_are_readable() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
