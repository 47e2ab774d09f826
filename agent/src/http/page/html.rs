//! Text from outside, made safe to stand in the page.

use std::fmt::{self, Display, Formatter, Write};

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
