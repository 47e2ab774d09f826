//! Secrets that show by their own form whose they are. Each begins with a literal; what follows must be long enough to be one.

use super::{
    bytes::{at, base64, begins, looks_random, part, run_end, run_start, url_word, word},
    literals::Literals,
    names::Builtin,
    scan::{Budget, CANDIDATE, Span},
};

/// How a token goes on after its literal.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// At least so many of a class; taken whole, however long.
    Run(fn(u8) -> bool, usize),
    /// The same, where a word begins.
    Apart(fn(u8) -> bool, usize),
    /// The same, and letters and digits both: the literal alone says little.
    Random(usize),
    /// A word of four, then sixteen capitals and digits.
    Aws,
    /// Parts of base64url with dots between.
    Jwt,
    /// `xox`, a letter, `-`.
    Slack,
    /// `SG.`, two long parts.
    SendGrid,
    /// Digits before `:AA`.
    Telegram,
}

fn dotted(byte: u8) -> bool {
    url_word(byte) || byte == b'.'
}

fn path(byte: u8) -> bool {
    url_word(byte) || byte == b'/'
}

/// Forms as their issuers document them. Lengths are lower than theirs: issuers lengthen tokens without notice.
const FORMS: [(&str, Form); 41] = [
    ("eyJ", Form::Jwt),
    ("ghp_", Form::Run(word, 30)),
    ("gho_", Form::Run(word, 30)),
    ("ghu_", Form::Run(word, 30)),
    ("ghs_", Form::Run(word, 30)),
    ("ghr_", Form::Run(word, 30)),
    ("github_pat_", Form::Run(word, 30)),
    ("glpat-", Form::Run(dotted, 16)),
    ("glptt-", Form::Run(dotted, 16)),
    ("gldt-", Form::Run(dotted, 16)),
    ("glrt-", Form::Run(dotted, 16)),
    ("glcbt-", Form::Run(dotted, 16)),
    ("xox", Form::Slack),
    ("xapp-", Form::Apart(url_word, 20)),
    ("hooks.slack.com/services/", Form::Run(path, 20)),
    ("AKIA", Form::Aws),
    ("ASIA", Form::Aws),
    ("AIza", Form::Apart(url_word, 30)),
    ("ya29.", Form::Apart(dotted, 20)),
    ("GOCSPX-", Form::Run(url_word, 20)),
    ("sk_live_", Form::Run(word, 10)),
    ("sk_test_", Form::Run(word, 10)),
    ("rk_live_", Form::Run(word, 10)),
    ("rk_test_", Form::Run(word, 10)),
    ("whsec_", Form::Run(base64, 20)),
    ("npm_", Form::Apart(word, 30)),
    ("sk-", Form::Random(20)),
    ("dckr_pat_", Form::Run(url_word, 20)),
    ("dckr_oat_", Form::Run(url_word, 20)),
    ("pypi-AgE", Form::Run(url_word, 30)),
    ("SG.", Form::SendGrid),
    ("hvs.", Form::Apart(url_word, 20)),
    ("hvb.", Form::Apart(url_word, 20)),
    ("shpat_", Form::Apart(word, 20)),
    ("hf_", Form::Apart(word, 30)),
    ("dop_v1_", Form::Run(word, 40)),
    ("glsa_", Form::Apart(word, 20)),
    ("glc_", Form::Apart(base64, 40)),
    ("tskey-", Form::Apart(url_word, 16)),
    ("AGE-SECRET-KEY-1", Form::Run(word, 40)),
    (":AA", Form::Telegram),
];

/// The forms, ready to be looked for.
#[derive(Debug)]
pub(super) struct Tokens(Literals);

impl Tokens {
    pub(super) fn new() -> Self {
        Self(Literals::new(&FORMS.map(|(literal, _)| literal)))
    }

    /// The first place of a literal within a part of a line; a cut keeps away from it.
    pub(super) fn literal(&self, bytes: &[u8]) -> Option<usize> {
        self.0.find(bytes, 0).map(|(_, start)| start)
    }

    /// Finds tokens that begin before `limit`; returns where it stopped.
    pub(super) fn scan(&self, bytes: &[u8], limit: usize, budget: &mut Budget, spans: &mut Vec<Span>) -> usize {
        let mut from = 0;
        let mut aws = false;
        // The end of a run without a token in it: no later start in the same run makes it one.
        let mut barren = 0;
        while let Some((form, start)) = self.0.find(bytes, from) {
            if start >= limit {
                break;
            }
            from = start + 1;
            let Some((literal, form)) = FORMS.get(form) else { continue };
            let (begin, end) = match form {
                Form::Jwt if start < barren => continue,
                _ => form.extent(bytes, start, start + literal.len(), &mut barren),
            };
            if !budget.spend(CANDIDATE + end.max(barren).saturating_sub(start)) {
                return start;
            }
            if end > begin {
                aws |= matches!(form, Form::Aws);
                spans.push(Span::new(Builtin::Tokens, begin, end));
                from = end;
            }
        }
        if aws {
            secrets_of_aws(bytes, limit, spans);
        }
        limit
    }
}

impl Form {
    /// Start and end of the token whose literal ends at `after`; both equal where it is none.
    fn extent(self, bytes: &[u8], start: usize, after: usize, barren: &mut usize) -> (usize, usize) {
        let none = (start, start);
        let run = |class: fn(u8) -> bool, least: usize| {
            let end = run_end(bytes, after, class);
            if end - after >= least { (start, end) } else { none }
        };
        match self {
            Self::Run(class, least) => run(class, least),
            Self::Apart(class, least) if begins(bytes, start) => run(class, least),
            Self::Random(least) if begins(bytes, start) && at(bytes, start.wrapping_sub(1)) != b'-' => {
                let (_, end) = run(url_word, least);
                if looks_random(part(bytes, after, end)) { (start, end) } else { none }
            }
            Self::Apart(..) | Self::Random(_) => none,
            Self::Aws => {
                let end = run_end(bytes, after, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
                if end - after == 16 && begins(bytes, start) && !word(at(bytes, end)) { (start, end) } else { none }
            }
            Self::Jwt => {
                let head = run_end(bytes, after, url_word);
                // A run that is no head is none from a later start either.
                *barren = head;
                if at(bytes, head) != b'.' || head - after < 8 || !url_word(at(bytes, head + 1)) {
                    return none;
                }
                (start, run_end(bytes, head + 1, dotted))
            }
            Self::Slack => {
                if !at(bytes, after).is_ascii_lowercase() || at(bytes, after + 1) != b'-' {
                    return none;
                }
                let end = run_end(bytes, after + 2, url_word);
                if end >= after + 12 { (start, end) } else { none }
            }
            Self::SendGrid => {
                let middle = run_end(bytes, after, url_word);
                let end = run_end(bytes, middle + 1, url_word);
                let parts = middle - after >= 16 && at(bytes, middle) == b'.' && end >= middle + 17;
                if parts && begins(bytes, start) { (start, end) } else { none }
            }
            Self::Telegram => {
                let digits = run_start(bytes, start, 12, |byte| byte.is_ascii_digit());
                let (_, end) = run(url_word, 30);
                if (7..12).contains(&(start - digits)) && end > start { (digits, end) } else { none }
            }
        }
    }
}

/// A secret access key is forty characters that say nothing; beside an access key's id they are taken for one.
fn secrets_of_aws(bytes: &[u8], limit: usize, spans: &mut Vec<Span>) {
    let part_of = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let mut from = 0;
    while from < limit {
        let start = from + part(bytes, from, limit).iter().position(|byte| part_of(*byte)).unwrap_or(limit - from);
        let end = run_end(bytes, start, part_of);
        let inside = start + super::bytes::escape_at(bytes, start);
        let text = part(bytes, inside, end);
        let mixed = text.iter().any(u8::is_ascii_uppercase) && text.iter().any(u8::is_ascii_lowercase);
        if text.len() == 40 && mixed {
            spans.push(Span::new(Builtin::Tokens, inside, end));
        }
        from = end + 1;
    }
}
