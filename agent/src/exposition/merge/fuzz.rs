//! What fuzzers feed: pages of applications on their way into ours.

use std::collections::HashSet;

use super::{
    super::{
        Format,
        parse::{self, Kind, Limits},
    },
    Merge, Taken, TakenError,
    family::Name,
};

const OWN: [(Format, &str); 2] = [
    (Format::Text, "# HELP a_total A.\n# TYPE a_total counter\na_total 1\n# HELP g G.\n# TYPE g gauge\ng 1\n"),
    (Format::OpenMetrics, "# HELP a A.\n# TYPE a counter\na_total 1\n# HELP g G.\n# TYPE g gauge\ng 1\n# EOF\n"),
];

/// Pages with a zero byte between them are merged into ours, in every pair of formats: whatever they hold, ours stays sound.
pub fn pages(bytes: &[u8]) {
    for (to, own) in OWN {
        for from in [Format::Text, Format::OpenMetrics] {
            let mut merge = Merge::new(own.as_bytes(), to);
            for (n, page) in bytes.split(|byte| *byte == 0).take(8).enumerate() {
                if let Ok(taken) = take(page, n, from, to) {
                    merge.add(taken);
                }
            }
            assert_sound(&merge.finish(), to);
        }
    }
}

fn take(page: &[u8], n: usize, from: Format, to: Format) -> Result<Taken, TakenError> {
    let n = n.to_string();
    let mut taken = Taken::new([("service", "web"), ("target", n.as_str())], from, to, 1 << 20);
    let mut parser = taken.parser(Limits::default());
    // In two pieces, as a socket would give them.
    let (head, tail) = page.split_at(page.len() / 2);
    taken.push(&mut parser, head)?;
    taken.push(&mut parser, tail)?;
    taken.finish(parser)
}

/// A family has one head, which comes before its samples; each sample belongs to the head above it, and stands once.
pub(super) fn assert_sound(page: &[u8], format: Format) {
    let page = String::from_utf8_lossy(page);
    let (mut families, mut series, mut samples) = (HashSet::new(), HashSet::new(), 0);
    let mut current: Option<Name> = None;
    for line in page.lines().filter(|line| *line != "# EOF") {
        if let Some((name, word)) = line.strip_prefix("# TYPE ").and_then(|head| head.split_once(' ')) {
            let kind = Kind::from_word(format, word);
            assert!(families.insert(name), "{name} twice in\n{page}");
            current = kind.map(|kind| Name { family: name.into(), kind });
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            let belongs = current.as_ref().is_some_and(|of| of.claims(format).iter().any(|claim| claim == name));
            assert!(belongs, "{line} stands below {current:?} in\n{page}");
            assert!(series.insert(line.rsplit_once(' ').map(|(series, _)| series)), "{line} twice in\n{page}");
            samples += 1;
        }
    }
    assert_eq!(parse::check(format, page.as_bytes(), Limits::default()), Ok(samples), "{page}");
}
