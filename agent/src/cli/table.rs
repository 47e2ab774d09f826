//! Rows and columns for a terminal.

/// Between two columns.
const GAP: &str = "  ";

/// Lays out rows below a heading; every column is as wide as its widest cell, and the last is not filled up.
pub(super) fn render(heading: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..heading.len())
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
            cells.chain(heading.get(column).map(|cell| cell.chars().count())).max().unwrap_or_default()
        })
        .collect();
    let mut text = String::new();
    push_row(&mut text, heading.iter().copied(), &widths);
    for row in rows {
        push_row(&mut text, row.iter().map(String::as_str), &widths);
    }
    text
}

fn push_row<'a>(text: &mut String, cells: impl Iterator<Item = &'a str>, widths: &[usize]) {
    let cells: Vec<String> = cells.zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    text.push_str(cells.join(GAP).trim_end());
    text.push('\n');
}

/// Bytes with a unit of 1024 and at most one digit behind the point.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.into_iter().find(|(_, size)| count >= *size) {
        None => format!("{count} B"),
        Some((unit, size)) if count.is_multiple_of(size) => format!("{} {unit}", count / size),
        // Tenths in whole numbers: a float would round 1023.96 up to 1024.0.
        Some((unit, size)) => format!("{}.{} {unit}", count / size, u128::from(count % size) * 10 / u128::from(size)),
    }
}

/// Seconds as the two longest units that fit.
pub(super) fn age(seconds: u64) -> String {
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, seconds) => format!("{seconds}s"),
        (0, 0, minutes, seconds) => format!("{minutes}m {seconds}s"),
        (0, hours, minutes, _) => format!("{hours}h {minutes}m"),
        (days, hours, _, _) => format!("{days}d {hours}h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_must_be() {
        let rows = [
            vec!["web".to_owned(), "running".to_owned(), "-".to_owned()],
            vec!["b\u{e9}".to_owned(), "x".to_owned(), String::new()],
        ];
        let expected = "A    STATE    UP\nweb  running  -\nb\u{e9}   x\n";
        assert_eq!(render(&["A", "STATE", "UP"], &rows), expected);
        assert_eq!(render(&["A", "B"], &[]), "A  B\n");
    }

    #[test]
    fn figures_for_people() {
        for (count, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (134_217_728, "128 MiB"),
            (1_610_612_736, "1.5 GiB"),
            ((1 << 30) - 1, "1023.9 MiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(bytes(count), expected);
        }
        for (seconds, expected) in
            [(0, "0s"), (59, "59s"), (60, "1m 0s"), (3_599, "59m 59s"), (3_661, "1h 1m"), (90_061, "1d 1h")]
        {
            assert_eq!(age(seconds), expected);
        }
    }
}
