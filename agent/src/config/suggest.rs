//! "Did you mean": the known word nearest to one that is not known.

/// The nearest of `known`, when it is near enough to be what was meant.
///
/// Dotted paths also match on their last part alone, so that a key written under the wrong section is found.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    // Beyond this no known word is near, and the distance would only cost time.
    if word.len() > 128 {
        return None;
    }
    let allowed = 1 + word.chars().count() / 5;
    let last = last_part(&word);
    known
        .into_iter()
        .filter_map(|candidate| {
            let lower = candidate.to_lowercase();
            let far = distance(&word, &lower);
            let moved = last == last_part(&lower);
            (far <= allowed || moved).then_some((if moved { far.min(allowed) } else { far }, candidate))
        })
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

fn last_part(path: &str) -> &str {
    path.rsplit_once('.').map_or(path, |(_, last)| last)
}

/// Edit distance with swaps of neighbours counted once (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut previous_a = None;
    for (row, from) in a.chars().enumerate() {
        let mut line = Vec::with_capacity(b.len() + 1);
        line.push(row + 1);
        let mut left = row + 1;
        for (column, to) in b.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX - 1);
            let mut best =
                (at(&above, column) + usize::from(from != *to)).min(at(&above, column + 1) + 1).min(left + 1);
            let swapped = column > 0 && previous_a == Some(*to) && b.get(column - 1) == Some(&from);
            if swapped {
                best = best.min(at(&before, column - 1) + 1);
            }
            line.push(best);
            left = best;
        }
        before = std::mem::replace(&mut above, line);
        previous_a = Some(from);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        let table = [
            ("", "", 0),
            ("a", "", 1),
            ("", "ab", 2),
            ("listen", "lisen", 1),
            ("listen", "litsen", 1),
            ("ab", "ba", 1),
            ("kitten", "sitting", 3),
        ];
        for (a, b, expected) in table {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn suggestions_are_near_or_absent() {
        let known = ["http.listen", "http.max_connections", "log.level", "log.format", "host.name"];
        let table = [
            ("http.lisen", Some("http.listen")),
            ("HTTP.Listen", Some("http.listen")),
            ("http.max-connections", Some("http.max_connections")),
            ("listen", Some("http.listen")),
            ("agent.log.level", Some("log.level")),
            ("loki.url", None),
            ("x", None),
        ];
        for (word, expected) in table {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
        assert_eq!(nearest(&"http.listen".repeat(1000), known), None);
    }
}
