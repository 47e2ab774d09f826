//! No secret passes at the place where the engine parts a line.

use std::fs;

use crate::yard::Yard;

/// Bytes after which the engine ends a part.
const PART: usize = 16 << 10;

/// Bytes of a secret in a row that nobody would take for chance.
const TELLING: usize = 4;

/// What stands in front of a secret, the secret, and the name of what finds it. Digits and capitals, for what is around has none.
const SECRETS: [(&str, &str, &str); 4] = [
    ("password=", "Xq7RvTz2KpLw9sYd", "credentials"),
    ("card ", "4012888888881881", "cards"),
    ("write to ", "Qz8Xw5Vk@Tj3Hy6Bq.Example", "email"),
    ("key ", "ghp_9Kq2Lw7RzXv4TbN8mYc3JhD6sFgP1aQe0RuW", "tokens"),
];

/// Lines in which the engine's cut falls on each byte of a secret and of what announces it, and behind its end.
fn lines(cut: usize, announced: &str, secret: &str) -> Vec<String> {
    let token = format!("{announced}{secret}");
    let line = |at: usize| format!("{} {token} and that was all", "sea ".repeat(cut).split_at(cut - at - 1).0);
    (0..=token.len()).map(line).collect()
}

/// Fails when anything of the secret is in the text, or when anything else is not.
#[track_caller]
fn is_redacted(text: &str, printed: &str, (announced, secret, name): (&str, &str, &str)) {
    let (before, after) = printed.split_once(secret).unwrap();
    let before = before.strip_suffix(announced).unwrap();
    let middle = text.strip_prefix(before).and_then(|text| text.strip_suffix(after));
    let middle = middle.unwrap_or_else(|| panic!("what is around is not as it was: {text:?}"));
    let leak = secret.as_bytes().windows(TELLING).find(|part| middle.as_bytes().windows(TELLING).any(|it| it == *part));
    assert_eq!(leak.map(String::from_utf8_lossy), None, "{middle:?} of {announced}{secret}");
    assert!(middle.contains(&format!("[redacted:{name}]")), "{middle:?}");
}

/// A container of this driver prints lines that the engine parts within a secret, at every byte of it: nothing of any arrives, from files and
/// through the API.
fn nothing_passes(driver: &str, source: &str) {
    let Some(yard) = Yard::or_skip() else { return };
    let cuts = [PART, 2 * PART];
    let all = cuts.iter().flat_map(|cut| SECRETS.map(|secret| (*cut, secret)));
    let printed: Vec<_> = all
        .flat_map(|(cut, secret)| lines(cut, secret.0, secret.1).into_iter().map(move |line| (line, secret)))
        .collect();
    let text: String = printed.iter().map(|(line, _)| format!("{line}\n")).collect();
    yard.put("secrets", &text);
    let container = yard
        .container("secrets", "cat /lines/secrets; sleep 1000")
        .label("spyhop.logs.redact", "email")
        .options(&["--log-driver", driver])
        .start();
    let texts = yard.wait_for("secrets", "stdout", printed.len());
    for (text, (line, secret)) in texts.iter().zip(&printed) {
        is_redacted(text, line, *secret);
    }
    assert_eq!(texts.len(), printed.len());
    assert_eq!(yard.counted("spyhop_logs_redactions_total", "secrets"), printed.len() as f64);
    assert_eq!(yard.through(source), 1.0, "{driver} is read from {source}");
    if let Some(path) = container.inspect()["LogPath"].as_str().filter(|path| !path.is_empty()) {
        // The engine has parted them all: one part more than the cut says, for each line.
        let records = fs::read_to_string(path).unwrap().lines().count();
        let parts: usize = printed.iter().map(|(line, _)| line.len().div_ceil(PART)).sum();
        assert_eq!(records, parts);
    }
    container.remove();
}

#[test]
fn no_secret_passes_where_a_file_parts_lines() {
    nothing_passes("json-file", "file");
}

#[test]
fn no_secret_passes_where_the_engine_parts_lines() {
    nothing_passes("local", "api");
}
