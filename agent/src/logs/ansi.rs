//! Takes out of a line what only a terminal understands.

use std::borrow::Cow;

use super::lanes;

/// Longest body of a string sequence (a title, a hyperlink) taken for one, in bytes. URLs in hyperlinks reach a few kilobytes.
const MAX_STRING: usize = 4096;

/// Longest run of parameters of a CSI sequence taken for one, in bytes; true ones have a dozen.
const MAX_PARAMETERS: usize = 64;

const ESC: u8 = 0x1b;

/// `text` without escape sequences (ECMA-48: CSI, OSC, DCS, SOS, PM, APC and the short ones) and without control characters, C1 and
/// DEL among them. Tab and newline stay. A carriage return inside becomes a space, so that states of a progress bar stay words of
/// their own; one before a newline or at the end goes.
///
/// A sequence without its end loses its introducer alone: what stands behind may be text. Linear in time; copies only where there is
/// something to take out.
pub fn strip(text: &str) -> Cow<'_, str> {
    if !lanes::may_hold_controls(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let Some(first) = next_control(text, 0) else { return Cow::Borrowed(text) };
    let mut clean = String::with_capacity(text.len());
    let (mut from, mut control) = (0, Some(first));
    while let Some(at) = control {
        clean.push_str(text.get(from..at).unwrap_or_default());
        let bytes = text.as_bytes().get(at..).unwrap_or_default();
        if let [b'\r', next, ..] = bytes
            && *next != b'\n'
        {
            clean.push(' ');
        }
        from = at + sequence(bytes);
        control = next_control(text, from);
    }
    clean.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(clean)
}

/// The next control character at or behind `from`.
fn next_control(text: &str, from: usize) -> Option<usize> {
    let bytes = text.as_bytes().get(from..)?;
    let mut rest = bytes.iter().enumerate();
    rest.find(|&(at, &b)| match b {
        b'\t' | b'\n' => false,
        0..0x20 | 0x7f => true,
        0xc2 => bytes.get(at + 1).is_some_and(|next| (0x80..0xa0).contains(next)),
        _ => false,
    })
    .map(|(at, _)| from + at)
}

/// Bytes of the control character or sequence which `bytes` begin with; ends on a character's border.
fn sequence(bytes: &[u8]) -> usize {
    match bytes {
        [ESC, b'[', rest @ ..] => 2 + parameters(rest),
        [ESC, b']' | b'P' | b'X' | b'^' | b'_', rest @ ..] => 2 + string(rest),
        [ESC, rest @ ..] => 1 + short(rest),
        // The same introducers as one character, 0x9b among them; in UTF-8 they have two bytes.
        [0xc2, 0x9b, rest @ ..] => 2 + parameters(rest),
        [0xc2, 0x90 | 0x98 | 0x9d..=0x9f, rest @ ..] => 2 + string(rest),
        [0xc2, ..] => 2,
        _ => 1,
    }
}

/// Parameters, intermediates and the final byte of a CSI sequence.
fn parameters(bytes: &[u8]) -> usize {
    let end = bytes.iter().take(MAX_PARAMETERS).position(|b| !(0x20..0x40).contains(b));
    match end.and_then(|end| Some((end, bytes.get(end)?))) {
        Some((end, 0x40..0x7f)) => end + 1,
        _ => 0,
    }
}

/// The body of a string sequence with its terminator: BEL, ESC \ or the one-character ST.
fn string(bytes: &[u8]) -> usize {
    let body = bytes.get(..MAX_STRING).unwrap_or(bytes);
    let end = body.iter().position(|&b| matches!(b, 0x07 | ESC | b'\n' | 0xc2));
    match end.map(|end| (end, bytes.get(end..).unwrap_or_default())) {
        Some((end, [0x07, ..])) => end + 1,
        Some((end, [ESC, b'\\', ..] | [0xc2, 0x9c, ..])) => end + 2,
        _ => 0,
    }
}

/// What follows ESC in a short sequence: intermediates and one final byte.
fn short(bytes: &[u8]) -> usize {
    let end = bytes.iter().take(4).position(|b| !(0x20..0x30).contains(b));
    match end.and_then(|end| Some((end, bytes.get(end)?))) {
        Some((end, 0x30..0x7f)) => end + 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sequences_go_and_text_stays() {
        let table = [
            ("plain", "plain"),
            ("tab\tand\nnewline", "tab\tand\nnewline"),
            ("\x1b[32minfo\x1b[39m: ready", "info: ready"),
            ("\x1b[1;38;5;208mWARN\x1b[0m x", "WARN x"),
            ("\x1b[2K\x1b[1Gstep", "step"),
            ("\x1b[?25lhidden\x1b[?25h", "hidden"),
            ("\x1b]0;title\x07prompt", "prompt"),
            ("\x1b]8;;https://a.example/\x1b\\link\x1b]8;;\x1b\\!", "link!"),
            ("\x1b(Bascii\x1b7\x1b8", "ascii"),
            ("\u{9b}31mred\u{9b}0m", "red"),
            ("\u{9d}2;t\u{9c}x", "x"),
            ("10%\r20%\r30%\r\ndone\r", "10% 20% 30%\ndone"),
            ("a\0b\x08c\x7fd\u{85}e", "abcde"),
            ("21 °C, « ä » \u{a0}", "21 °C, « ä » \u{a0}"),
            // Without an end: the introducer goes, the text stays.
            ("\x1b]0;no end", "0;no end"),
            ("\x1b[31", "31"),
            ("\x1b[31\u{e4}x", "31äx"),
            ("\x1b", ""),
            ("\x1bä", "ä"),
            ("\x1b]8;;ü\x07x", "x"),
        ];
        for (text, clean) in table {
            assert_eq!(strip(text), clean, "{text:?}");
        }
    }

    #[test]
    fn a_clean_line_is_not_copied() {
        assert!(matches!(strip("GET /caf\u{e9} 21 °C\n\tat x"), Cow::Borrowed(_)));
    }

    #[test]
    fn many_sequences_without_an_end_cost_their_length_alone() {
        let text = "\x1b]".repeat(500_000);
        assert_eq!(strip(&text), "");
        let text = "\x1b[0;".repeat(250_000);
        assert_eq!(strip(&text).len(), 500_000);
    }

    proptest! {
        #[test]
        fn nothing_is_left_to_take_out(text in "[\\x00-\\x20\\x1b\\[\\];m0-9a\\\\\\x07\\x7f\\u{80}-\\u{a1}ä°€]{0,60}") {
            let clean = strip(&text);
            prop_assert!(!clean.chars().any(|c| c.is_control() && c != '\t' && c != '\n'), "{clean:?}");
            prop_assert_eq!(strip(&clean), clean.as_ref());
            prop_assert!(clean.len() <= text.len());
        }

        #[test]
        fn colours_round_words_change_nothing(words in proptest::collection::vec("[a-zA-Z0-9äß€ ]{0,12}", 0..8)) {
            let coloured: String = words.iter().map(|word| format!("\x1b[3{}m{word}\x1b[0m", word.len() % 8)).collect();
            prop_assert_eq!(strip(&coloured), words.concat());
        }
    }
}
