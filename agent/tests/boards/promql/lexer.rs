//! Text -> tokens.

/// One word of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name, keyword or operator made of letters.
    Word(String),
    /// A number.
    Number,
    /// `5m`, `1h30m`.
    Duration(String),
    /// What stood in quotes, unescaped.
    Text(String),
    /// A sign.
    Sign(&'static str),
}

/// Longest first.
const SIGNS: [&str; 24] = [
    "=~", "!~", "!=", "==", ">=", "<=", "{", "}", "(", ")", "[", "]", ",", "=", ">", "<", "+", "-", "*", "/", "%", "^",
    ":", "@",
];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    // A colon belongs to names, but for the one of a subquery.
    let mut in_range = false;
    while let Some(first) = rest.chars().next() {
        if first.is_whitespace() {
            rest = rest.trim_start();
        } else if first == '#' {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else if let '"' | '\'' | '`' = first {
            let (value, after) = quoted(first, &rest[1..])?;
            found.push(Token::Text(value));
            rest = after;
        } else if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            let end = end_of_number(rest);
            found.push(number(&rest[..end])?);
            rest = &rest[end..];
        } else if first.is_ascii_alphabetic() || first == '_' || (first == ':' && !in_range) {
            let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || (c == ':' && !in_range);
            let end = rest.find(|c| !inside(c)).unwrap_or(rest.len());
            found.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign)).ok_or(format!("unexpected `{first}`"))?;
            in_range = sign == "[" || (in_range && sign != "]");
            found.push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        }
    }
    Ok(found)
}

/// The text until the quote, and what comes after it.
fn quoted(quote: char, text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return Ok((value, &text[at + 1..])),
            '\n' if quote != '`' => break,
            '\\' if quote != '`' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, c)) if c == '\\' || c == quote => value.push(c),
                other => return Err(format!("unknown escape {other:?}")),
            },
            c => value.push(c),
        }
    }
    Err("a text without an end".to_owned())
}

fn end_of_number(text: &str) -> usize {
    let mut before = ' ';
    let end = text.find(|c: char| {
        let inside = c.is_ascii_alphanumeric() || c == '.' || (matches!(c, '+' | '-') && matches!(before, 'e' | 'E'));
        // `0x1e+2` is a sum.
        let inside = inside && !(matches!(c, '+' | '-') && text.starts_with("0x"));
        before = c;
        !inside
    });
    end.unwrap_or(text.len())
}

fn number(text: &str) -> Result<Token, String> {
    let hexadecimal = text.strip_prefix("0x").is_some_and(|digits| u64::from_str_radix(digits, 16).is_ok());
    if hexadecimal || text.parse::<f64>().is_ok() {
        return Ok(Token::Number);
    }
    if is_duration(text) {
        Ok(Token::Duration(text.to_owned()))
    } else {
        Err(format!("no number and no duration: `{text}`"))
    }
}

/// Numbers with units, from the longest unit to the shortest.
fn is_duration(text: &str) -> bool {
    let mut units = ["y", "w", "d", "h", "m", "s", "ms"].into_iter();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let after = &rest[digits..];
        let unit = &after[..after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len())];
        if digits == 0 || !units.any(|known| known == unit) {
            return false;
        }
        rest = &after[unit.len()..];
    }
    !text.is_empty()
}
