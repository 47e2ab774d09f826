//! One line of either format.

use super::Format;

/// What a line says.
#[derive(Debug, PartialEq)]
pub enum Item<'a> {
    /// `# HELP`: the family and the rest of the line, still escaped.
    Help(&'a str, &'a str),
    /// `# TYPE`.
    Type(&'a str, Kind),
    /// `# UNIT`.
    Unit(&'a str, &'a str),
    /// A sample without its timestamp and exemplar.
    Sample {
        /// Its name.
        name: &'a str,
        /// In the order of the line; names are unique.
        labels: Vec<Label<'a>>,
        /// As it was read.
        value: f64,
    },
    /// `# EOF` of OpenMetrics.
    Eof,
}

/// One label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value as it stands between the quotes: escapes are not undone, an unknown one stands for itself.
    pub value: &'a str,
}

/// Types of families in both formats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `counter`.
    Counter,
    /// `gauge`.
    Gauge,
    /// `histogram`.
    Histogram,
    /// `summary`.
    Summary,
    /// `info`, OpenMetrics only.
    Info,
    /// `stateset`, OpenMetrics only.
    StateSet,
    /// `gaugehistogram`, OpenMetrics only.
    GaugeHistogram,
    /// `unknown` in OpenMetrics, `untyped` in the classic format.
    #[default]
    Unknown,
}

impl Kind {
    /// Reads the word of a format.
    pub fn from_word(format: Format, word: &str) -> Option<Self> {
        Some(match (word, format) {
            ("counter", _) => Self::Counter,
            ("gauge", _) => Self::Gauge,
            ("histogram", _) => Self::Histogram,
            ("summary", _) => Self::Summary,
            ("untyped", Format::Text) | ("unknown", Format::OpenMetrics) => Self::Unknown,
            ("info", Format::OpenMetrics) => Self::Info,
            ("stateset", Format::OpenMetrics) => Self::StateSet,
            ("gaugehistogram", Format::OpenMetrics) => Self::GaugeHistogram,
            _ => return None,
        })
    }

    /// The word of a format; what it has no word for is the nearest it has.
    pub const fn as_str(self, format: Format) -> &'static str {
        match (self, format) {
            (Self::Counter, _) => "counter",
            (Self::Gauge, _) | (Self::Info | Self::StateSet, Format::Text) => "gauge",
            (Self::Histogram, _) => "histogram",
            (Self::Summary, _) => "summary",
            (Self::Info, Format::OpenMetrics) => "info",
            (Self::StateSet, Format::OpenMetrics) => "stateset",
            (Self::GaugeHistogram, Format::OpenMetrics) => "gaugehistogram",
            (Self::Unknown, Format::OpenMetrics) => "unknown",
            (Self::Unknown | Self::GaugeHistogram, Format::Text) => "untyped",
        }
    }
}

type Read<T> = Result<T, &'static str>;

/// Reads a line without its end; `None` for blank lines and comments.
pub(super) fn read(format: Format, line: &str, max_labels: usize) -> Read<Option<Item<'_>>> {
    let line = line.strip_suffix('\r').filter(|_| format == Format::Text).unwrap_or(line);
    let mut cursor = Cursor(line);
    cursor.blanks();
    if cursor.0.is_empty() {
        return if format == Format::Text { Ok(None) } else { Err("is blank") };
    }
    if let Some(comment) = cursor.0.strip_prefix('#') {
        return header(format, comment);
    }
    sample(format, cursor, max_labels).map(Some)
}

fn header(format: Format, comment: &str) -> Read<Option<Item<'_>>> {
    let mut cursor = Cursor(comment);
    if !cursor.blanks() {
        return Ok(None);
    }
    let word = cursor.word();
    if format == Format::OpenMetrics && word == "EOF" && cursor.0.is_empty() {
        return Ok(Some(Item::Eof));
    }
    let known = matches!(word, "HELP" | "TYPE") || (word == "UNIT" && format == Format::OpenMetrics);
    if !known {
        return Ok(None);
    }
    cursor.blanks();
    let name = cursor.name(true).ok_or("has no metric name")?;
    let separated = cursor.0.is_empty() || cursor.0.starts_with([' ', '\t']);
    let rest = cursor.0.get(1..).unwrap_or_default();
    match word {
        _ if !separated => Err("has no metric name"),
        "HELP" => Ok(Some(Item::Help(name, rest))),
        "TYPE" => Ok(Some(Item::Type(name, Kind::from_word(format, rest.trim()).ok_or("has an unknown type")?))),
        _ => Ok(Some(Item::Unit(name, rest.trim()))),
    }
}

fn sample(format: Format, mut cursor: Cursor<'_>, max_labels: usize) -> Read<Item<'_>> {
    let name = cursor.name(true).ok_or("has no metric name")?;
    let spaced = cursor.blanks();
    let braced = cursor.take('{');
    let labels = if braced { labels(&mut cursor, max_labels)? } else { Vec::new() };
    if !spaced && !braced {
        return Err("has no value");
    }
    cursor.blanks();
    let value = number(cursor.word()).ok_or("has no valid value")?;
    cursor.blanks();
    if !cursor.0.is_empty() && !cursor.0.starts_with('#') {
        let timestamp = cursor.word();
        let fits = match format {
            Format::Text => timestamp.parse::<i64>().is_ok(),
            Format::OpenMetrics => number(timestamp).is_some_and(f64::is_finite),
        };
        if !fits {
            return Err("has no valid timestamp");
        }
        cursor.blanks();
    }
    let exemplar = format == Format::OpenMetrics && cursor.0.starts_with("# {");
    if cursor.0.is_empty() || exemplar { Ok(Item::Sample { name, labels, value }) } else { Err("goes on too long") }
}

/// Labels behind the opening brace, the closing one included.
fn labels<'a>(cursor: &mut Cursor<'a>, max: usize) -> Read<Vec<Label<'a>>> {
    let mut labels: Vec<Label<'a>> = Vec::new();
    loop {
        cursor.blanks();
        if cursor.take('}') {
            return Ok(labels);
        }
        if !labels.is_empty() && !cursor.take(',') {
            return Err("has labels without a comma between them");
        }
        cursor.blanks();
        // A comma may stand before the closing brace.
        if !labels.is_empty() && cursor.take('}') {
            return Ok(labels);
        }
        let name = cursor.name(false).ok_or("has an invalid label name")?;
        cursor.blanks();
        if !cursor.take('=') {
            return Err("has a label without a value");
        }
        cursor.blanks();
        let value = cursor.quoted().ok_or("has a label value without quotes")?;
        if name.starts_with("__") {
            return Err("has a reserved label name");
        }
        if labels.iter().any(|label| label.name == name) {
            return Err("has one label twice");
        }
        if labels.len() == max {
            return Err("has too many labels");
        }
        labels.push(Label { name, value });
    }
}

/// Numbers as both formats write them; hexadecimal ones, which only Go reads, are refused.
fn number(word: &str) -> Option<f64> {
    let plain = word.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    let special = || {
        let unsigned = word.trim_start_matches(['+', '-']).to_ascii_lowercase();
        matches!(unsigned.as_str(), "inf" | "infinity" | "nan")
    };
    if plain || special() { word.parse().ok() } else { None }
}

/// What is left of a line.
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    /// Skips blanks; whether there was one.
    fn blanks(&mut self) -> bool {
        let before = self.0.len();
        self.0 = self.0.trim_start_matches([' ', '\t']);
        self.0.len() < before
    }

    fn take(&mut self, c: char) -> bool {
        self.0.strip_prefix(c).is_some_and(|rest| {
            self.0 = rest;
            true
        })
    }

    /// Everything up to the next blank.
    fn word(&mut self) -> &'a str {
        let end = self.0.find([' ', '\t']).unwrap_or(self.0.len());
        self.split(end)
    }

    /// A name; those of metrics may hold colons.
    fn name(&mut self, colon: bool) -> Option<&'a str> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || (colon && b == b':');
        let end = self.0.bytes().position(|b| !fits(b)).unwrap_or(self.0.len());
        let first_is_letter = self.0.bytes().next().is_some_and(|b| fits(b) && !b.is_ascii_digit());
        first_is_letter.then(|| self.split(end))
    }

    /// A text in double quotes, without them.
    fn quoted(&mut self) -> Option<&'a str> {
        let inside = self.0.strip_prefix('"')?;
        let mut escaped = false;
        let end = inside.bytes().position(|b| {
            let closes = b == b'"' && !escaped;
            escaped = b == b'\\' && !escaped;
            closes
        })?;
        self.0 = inside;
        let text = self.split(end);
        self.take('"').then_some(text)
    }

    fn split(&mut self, at: usize) -> &'a str {
        let (head, rest) = self.0.split_at_checked(at).unwrap_or((self.0, ""));
        self.0 = rest;
        head
    }
}
