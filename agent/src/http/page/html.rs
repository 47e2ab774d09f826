//! What stands in the page: text from outside made safe, times, sizes and shares in the words people read.

use std::fmt::{self, Display, Formatter, Write};

use jiff::{SignedDuration, Timestamp};

/// Characters shown of one text: names are short, a label made to flood the page is not.
const SHOWN: usize = 200;

/// Text from outside. Shown as text whatever it holds: markup is escaped, control characters and those which change the
/// direction of what follows become U+FFFD, long text is cut with an ellipsis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a>(pub(super) &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (at, character) in self.0.chars().enumerate() {
            if at == SHOWN {
                return f.write_char('\u{2026}');
            }
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                _ if hidden(character) => f.write_char('\u{fffd}')?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// A span of time, rounded down to its largest unit.
pub(super) struct Age(pub(super) SignedDuration);

impl Display for Age {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.as_secs().max(0) {
            seconds @ ..60 => write!(f, "{seconds} s"),
            seconds @ ..3_600 => write!(f, "{} min", seconds / 60),
            seconds @ ..86_400 => write!(f, "{} h", seconds / 3_600),
            seconds => write!(f, "{} d", seconds / 86_400),
        }
    }
}

/// How far a time is from now, before or after it. The script keeps the words in step with the clock, so that they are no change of the
/// fragment they stand in ([`super::fragment::hash`]).
pub(super) struct Away(pub(super) Timestamp, pub(super) Timestamp);

impl Display for Away {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(at, now) = self;
        write!(f, "<time datetime=\"{at:.0}\">{}</time>", Age(now.duration_since(*at).abs()))
    }
}

/// Bytes in their largest binary unit: whole ones, and of GiB a tenth.
pub(super) struct Size(pub(super) u64);

impl Display for Size {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes @ ..0x400 => write!(f, "{bytes} B"),
            bytes @ ..0x10_0000 => write!(f, "{} KiB", bytes >> 10),
            bytes @ ..0x4000_0000 => write!(f, "{} MiB", bytes >> 20),
            bytes => write!(f, "{}.{} GiB", bytes >> 30, ((bytes & 0x3fff_ffff) * 10) >> 30),
        }
    }
}

/// CPU in cores, as many digits as a glance takes.
pub(super) struct Cores(pub(super) f64);

impl Display for Cores {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            cores if cores < 0.005 => f.write_str("0"),
            // A limit of half a core is not `0.50`, one of two not `2.0`.
            cores if cores < 0.995 => f.write_str(format!("{cores:.2}").trim_end_matches('0')),
            cores if (cores - cores.round()).abs() < 0.05 => write!(f, "{cores:.0}"),
            cores => write!(f, "{cores:.1}"),
        }
    }
}

/// A share of 1 in whole percent, of small ones a tenth.
pub(super) struct Percent(pub(super) f64);

impl Display for Percent {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 * 100.0 {
            percent if percent.abs() < 9.95 && percent != 0.0 => write!(f, "{percent:.1} %"),
            percent => write!(f, "{percent:.0} %"),
        }
    }
}

/// A number and its thing, one or several.
pub(super) struct Count(pub(super) usize, pub(super) &'static str, pub(super) &'static str);

impl Display for Count {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, if self.0 == 1 { self.1 } else { self.2 })
    }
}

/// Controls (Cc), and the marks, embeddings and isolates which turn the direction of text.
fn hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_stays_text() {
        for (text, expected) in [
            ("web-1", "web-1"),
            ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
            ("\" onload='x' &amp;", "&quot; onload=&#39;x&#39; &amp;amp;"),
            ("a\u{202e}b\nc\0d", "a\u{fffd}b\u{fffd}c\u{fffd}d"),
            ("gr\u{fc}n \u{1f40b}", "gr\u{fc}n \u{1f40b}"),
        ] {
            assert_eq!(Text(text).to_string(), expected);
        }
        assert_eq!(Text(&"x".repeat(SHOWN)).to_string(), "x".repeat(SHOWN));
        assert_eq!(Text(&"x".repeat(SHOWN + 1)).to_string(), "x".repeat(SHOWN) + "\u{2026}");
    }

    proptest! {
        #[test]
        fn no_text_can_leave_its_place(text in ".*") {
            let shown = Text(&text).to_string();
            prop_assert!(!shown.contains(['<', '>', '"', '\'']));
            prop_assert!(!shown.chars().any(hidden));
        }
    }
}
