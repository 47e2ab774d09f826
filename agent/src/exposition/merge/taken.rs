//! What one target exposes, taken in: identity added, lines rendered, everything counted against its ceilings.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
};

use super::{
    super::{
        Format, LabelSet, Value,
        parse::{Item, Kind, Label, Limits, ParseError, Parser},
    },
    family::{Name, Shape, resolve},
};

/// Families of one target; the largest applications have some hundreds.
const MAX_FAMILIES: usize = 2000;

/// Longest help that is kept, in bytes.
const MAX_HELP: usize = 500;

/// Longest name of a metric.
const MAX_NAME: usize = 300;

/// What belongs to the agent alone.
const RESERVED: &str = "spyhop_";

/// Why a page is not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TakenError {
    /// It is not what it says to be, or beyond a ceiling of the parser.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// More families than are kept.
    #[error("there are more than {MAX_FAMILIES} families")]
    TooManyFamilies,
    /// More rendered bytes than allowed.
    #[error("there is no room for the page")]
    NoRoom,
}

/// The families of one target, and what was left out of them.
#[derive(Debug)]
pub struct Taken {
    from: Format,
    to: Format,
    /// Labels added to every sample, rendered, and their names.
    identity: String,
    identity_names: Vec<String>,
    max_bytes: usize,
    pub(super) families: Vec<Family>,
    pub(super) text: String,
    index: HashMap<Name, usize>,
    declared: HashMap<Box<str>, Kind>,
    help: HashMap<Box<str>, Box<str>>,
    seen: HashSet<u64>,
    hasher: RandomState,
    bytes: usize,
    error: Option<TakenError>,
    /// Samples kept.
    pub samples: u64,
    /// Samples left out: a second time on the page, under a name of ours, or with a value its type cannot have.
    pub left_out: u64,
}

/// A family and its samples.
#[derive(Debug)]
pub(super) struct Family {
    pub(super) name: Name,
    pub(super) help: Option<Box<str>>,
    pub(super) samples: Vec<Sample>,
}

/// Where a rendered line with its end stands in the target's text, and what decides where it may stand on the page. Lines
/// have no allocations of their own: that would be half of what they cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) start: u32,
    pub(super) length: u32,
    pub(super) name_length: u16,
    pub(super) shape: u8,
}

impl Sample {
    pub(super) fn line<'t>(&self, text: &'t str) -> &'t str {
        let start = self.start as usize;
        text.get(start..start + self.length as usize).unwrap_or_default()
    }

    pub(super) fn name<'t>(&self, text: &'t str) -> &'t str {
        self.line(text).get(..usize::from(self.name_length)).unwrap_or_default()
    }
}

/// Bytes a sample costs beside its line: its place here and on the page, and its mark against doubles.
const SAMPLE_OVERHEAD: usize = 48;

impl Taken {
    /// An empty page for a target with this identity, exposed in `from`, for a page in `to`, of at most `max_bytes` in memory.
    pub fn new<'a>(
        identity: impl IntoIterator<Item = (&'a str, &'a str)>,
        from: Format,
        to: Format,
        max_bytes: usize,
    ) -> Self {
        let pairs: Vec<_> = identity.into_iter().collect();
        Self {
            from,
            to,
            identity: LabelSet::new(pairs.iter().copied()).as_str().to_owned(),
            identity_names: pairs.iter().map(|(name, _)| (*name).to_owned()).collect(),
            max_bytes,
            families: Vec::new(),
            text: String::new(),
            index: HashMap::new(),
            declared: HashMap::new(),
            help: HashMap::new(),
            seen: HashSet::new(),
            hasher: RandomState::new(),
            bytes: 0,
            error: None,
            samples: 0,
            left_out: 0,
        }
    }

    /// A parser for what is pushed in.
    pub const fn parser(&self, limits: Limits) -> Parser {
        Parser::new(self.from, limits)
    }

    /// Takes one piece of the target's bytes.
    ///
    /// # Errors
    /// At the first broken rule or ceiling; the page is then of no use.
    pub fn push(&mut self, parser: &mut Parser, piece: &[u8]) -> Result<(), TakenError> {
        parser.push(piece, &mut |item| self.item(item))?;
        self.error.map_or(Ok(()), Err)
    }

    /// Ends the page.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(mut self, parser: Parser) -> Result<Self, TakenError> {
        parser.finish(&mut |item| self.item(item))?;
        // Only needed while reading.
        self.seen = HashSet::new();
        self.index = HashMap::new();
        self.declared = HashMap::new();
        for family in &mut self.families {
            family.help = self.help.remove(&family.name.family);
        }
        self.help = HashMap::new();
        self.error.map_or(Ok(self), Err)
    }

    /// Bytes it takes in memory, roughly.
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    fn item(&mut self, item: Item<'_>) {
        if self.error.is_some() {
            return;
        }
        let taken = match item {
            Item::Help(name, help) => self.helped(name, help),
            Item::Type(name, kind) => self.typed(name, kind),
            Item::Sample { name, labels, value } => self.sample(name, labels, value),
            Item::Unit(..) | Item::Eof => Ok(()),
        };
        self.error = taken.err();
    }

    fn spend(&mut self, bytes: usize) -> Result<(), TakenError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.max_bytes { Err(TakenError::NoRoom) } else { Ok(()) }
    }

    fn helped(&mut self, name: &str, help: &str) -> Result<(), TakenError> {
        if self.help.len() >= MAX_FAMILIES {
            return Err(TakenError::TooManyFamilies);
        }
        // Under the name it has on the page; a counter's loses or gains its `_total`.
        let mut help = unescape(help.get(..help.floor_char_boundary(MAX_HELP)).unwrap_or_default());
        if help.ends_with('\\') {
            help.to_mut().pop();
        }
        self.spend(name.len() + help.len() + SAMPLE_OVERHEAD)?;
        let help: Box<str> = help.into();
        self.help.entry(name.into()).or_insert(help);
        Ok(())
    }

    fn typed(&mut self, name: &str, kind: Kind) -> Result<(), TakenError> {
        if self.declared.len() >= MAX_FAMILIES {
            return Err(TakenError::TooManyFamilies);
        }
        self.spend(name.len() + SAMPLE_OVERHEAD)?;
        self.declared.entry(name.into()).or_insert(kind);
        Ok(())
    }

    fn sample(&mut self, name: &str, mut labels: Vec<Label<'_>>, value: f64) -> Result<(), TakenError> {
        let Some(family) = self.family_of(name) else {
            self.left_out += 1;
            return Ok(());
        };
        // An empty value is an absent label.
        labels.retain(|label| !label.value.is_empty());
        let shape = Shape::of(name, &labels, value);
        if !family.fits(self.to, name, shape) {
            self.left_out += 1;
            return Ok(());
        }
        let mut line = self.render(name, &labels);
        if !self.seen.insert(self.hasher.hash_one(&line)) {
            self.left_out += 1;
            return Ok(());
        }
        line.push(' ');
        let mut number = Vec::with_capacity(24);
        Value::F64(value).write(&mut number);
        line.push_str(&String::from_utf8_lossy(&number));
        line.push('\n');
        self.spend(line.len() + SAMPLE_OVERHEAD)?;
        self.samples += 1;
        let size = |bytes: usize| u32::try_from(bytes).map_err(|_| TakenError::NoRoom);
        let sample = Sample {
            start: size(self.text.len())?,
            length: size(line.len())?,
            name_length: u16::try_from(name.len()).map_err(|_| TakenError::NoRoom)?,
            shape: shape.bits(),
        };
        self.text.push_str(&line);
        let at = self.at(family)?;
        if let Some(family) = self.families.get_mut(at) {
            family.samples.push(sample);
        }
        Ok(())
    }

    fn family_of(&self, sample: &str) -> Option<Name> {
        if sample.starts_with(RESERVED) || sample.len() > MAX_NAME {
            return None;
        }
        resolve(sample, &self.declared, self.from, self.to)
    }

    fn at(&mut self, name: Name) -> Result<usize, TakenError> {
        if let Some(at) = self.index.get(&name) {
            return Ok(*at);
        }
        if self.families.len() >= MAX_FAMILIES {
            return Err(TakenError::TooManyFamilies);
        }
        self.spend(2 * name.family.len() + 2 * SAMPLE_OVERHEAD)?;
        // The help stands under the name of the target's format.
        let helped = |name: &str, help: &HashMap<Box<str>, Box<str>>| help.get(name).cloned();
        let family = &name.family;
        let help = helped(family, &self.help)
            .or_else(|| helped(&format!("{family}_total"), &self.help))
            .or_else(|| helped(family.strip_suffix("_total")?, &self.help))
            .or_else(|| helped(family.strip_suffix("_info")?, &self.help));
        let at = self.families.len();
        if let Some(help) = help {
            self.help.insert(family.clone(), help);
        }
        self.index.insert(name.clone(), at);
        self.families.push(Family { name, help: None, samples: Vec::new() });
        Ok(at)
    }

    /// Name and labels, sorted, so that one series is one text.
    fn render(&self, name: &str, labels: &[Label<'_>]) -> String {
        let mut pairs: Vec<(Cow<'_, str>, &str)> = Vec::with_capacity(labels.len());
        for label in labels {
            pairs.push((Cow::Borrowed(label.name), label.value));
        }
        // As Prometheus does with `honor_labels: false`.
        for at in 0..pairs.len() {
            let Some((taken, _)) = pairs.get(at) else { break };
            if !self.identity_names.iter().any(|name| name == taken) {
                continue;
            }
            let mut renamed = format!("exported_{taken}");
            while pairs.iter().any(|(name, _)| *name == renamed) || self.identity_names.contains(&renamed) {
                renamed = format!("exported_{renamed}");
            }
            if let Some((name, _)) = pairs.get_mut(at) {
                *name = Cow::Owned(renamed);
            }
        }
        pairs.sort_unstable();
        let values: usize = pairs.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        let mut line = String::with_capacity(name.len() + self.identity.len() + values + 32);
        line.push_str(name);
        line.push('{');
        line.push_str(&self.identity);
        for (name, value) in pairs {
            line.push(',');
            line.push_str(&name);
            line.push_str("=\"");
            push_escaped(&mut line, value);
            line.push('"');
        }
        line.push('}');
        line
    }
}

/// A value as it stood between quotes, with only the escapes that both formats know; a backslash before anything else is
/// one of the text.
fn push_escaped(line: &mut String, value: &str) {
    if !value.contains('\\') {
        return line.push_str(value);
    }
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        line.push(c);
        if c != '\\' {
            continue;
        }
        match chars.next() {
            Some(known @ ('\\' | '"' | 'n')) => line.push(known),
            Some(other) => {
                line.push('\\');
                line.push(other);
            }
            None => line.push('\\'),
        }
    }
}

/// Undoes the escapes of a help text; unknown ones stand for themselves.
fn unescape(help: &str) -> Cow<'_, str> {
    if !help.contains('\\') {
        return Cow::Borrowed(help);
    }
    let mut plain = String::with_capacity(help.len());
    let mut chars = help.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => plain.push('\n'),
            ('\\', Some(known @ ('\\' | '"'))) => plain.push(known),
            ('\\', Some(other)) => plain.extend(['\\', other]),
            (c, _) => plain.push(c),
        }
    }
    Cow::Owned(plain)
}
