//! Our own page with the families of targets worked in.

use std::{collections::HashMap, mem};

use memchr::memchr;

use super::{
    super::{Format, page::escape_help, parse::Kind},
    family::{Name, Shape},
    taken::{Family, Sample, Taken},
};

/// A page in the making: the finished text of ours, and what is to follow each of its families.
#[derive(Debug)]
pub struct Merge<'p> {
    format: Format,
    own: &'p [u8],
    blocks: Vec<Block>,
    /// The rendered lines of each target.
    texts: Vec<String>,
    /// Which block a sample's name belongs to.
    claimed: HashMap<Box<str>, usize>,
    /// Samples that had to stand under a type other than their target's, or found no place.
    pub conflicts: u64,
}

#[derive(Debug)]
struct Block {
    name: Name,
    help: Option<Box<str>>,
    /// Where it ends in our own page; `None` for a family only targets have.
    own_end: Option<usize>,
    /// Which text, and where in it.
    lines: Vec<(u32, Sample)>,
}

impl<'p> Merge<'p> {
    /// Begins with our own finished page, which is in `format`.
    pub fn new(own: &'p [u8], format: Format) -> Self {
        let own = if format == Format::OpenMetrics { own.strip_suffix(b"# EOF\n").unwrap_or(own) } else { own };
        let mut merge =
            Self { format, own, blocks: Vec::new(), texts: Vec::new(), claimed: HashMap::new(), conflicts: 0 };
        merge.index();
        merge
    }

    /// Notes the families of our own page: its headers are regular, HELP before TYPE.
    fn index(&mut self) {
        let mut at = 0;
        let mut family_began = 0;
        let own = self.own;
        while let Some(line) = own.get(at..).filter(|rest| !rest.is_empty()) {
            let end = memchr(b'\n', line).map_or(line.len(), |end| end + 1);
            if line.starts_with(b"# HELP ") {
                family_began = at;
            } else if line.starts_with(b"# TYPE ") {
                let text = line.get(7..end).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default();
                if let Some((family, word)) = text.trim_end().split_once(' ') {
                    let kind = Kind::from_word(self.format, word).unwrap_or_default();
                    if let Some(before) = self.blocks.last_mut() {
                        before.own_end = Some(family_began);
                    }
                    let name = Name { family: family.into(), kind };
                    self.block(Block { name, help: None, own_end: Some(own.len()), lines: Vec::new() });
                }
            }
            at += end;
        }
    }

    fn block(&mut self, block: Block) -> usize {
        let at = self.blocks.len();
        for claim in block.name.claims(self.format) {
            self.claimed.entry(claim.into()).or_insert(at);
        }
        self.blocks.push(block);
        at
    }

    /// Works one target in; the order of the calls decides whose type counts.
    pub fn add(&mut self, taken: Taken) {
        let text = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        for mut family in taken.families {
            for sample in mem::take(&mut family.samples) {
                let (at, as_declared) = self.place(&family, sample.name(&taken.text), sample.shape);
                self.conflicts += u64::from(!as_declared);
                if let Some(block) = at.and_then(|at| self.blocks.get_mut(at)) {
                    block.lines.push((text, sample));
                }
            }
        }
        self.texts.push(taken.text);
    }

    /// The block for a sample, if there is one, and whether that has the type its target declared.
    fn place(&mut self, family: &Family, sample: &str, shape: u8) -> (Option<usize>, bool) {
        if let Some(&at) = self.claimed.get(sample) {
            let Some(block) = self.blocks.get(at) else { return (None, false) };
            let fits = block.name.fits(self.format, sample, Shape::from_bits(shape));
            return (fits.then_some(at), fits && block.name == family.name);
        }
        let free = family.name.claims(self.format).iter().all(|claim| !self.claimed.contains_key(claim.as_str()));
        let name = if free { family.name.clone() } else { Name { family: sample.into(), kind: Kind::Unknown } };
        let help = if free { family.help.clone() } else { None };
        (Some(self.block(Block { name, help, own_end: None, lines: Vec::new() })), free)
    }

    /// The whole page.
    pub fn finish(self) -> Vec<u8> {
        let more: usize = self.texts.iter().map(String::len).sum();
        let heads: usize = self.blocks.iter().filter(|block| block.own_end.is_none()).count() * 128;
        let mut out = Vec::with_capacity(self.own.len() + more + heads);
        let mut copied = 0;
        for block in self.blocks {
            if let Some(end) = block.own_end {
                if !block.lines.is_empty() {
                    out.extend_from_slice(self.own.get(copied..end).unwrap_or_default());
                    copied = end;
                }
            } else {
                // Families of targets stand behind all of ours.
                out.extend_from_slice(self.own.get(copied..).unwrap_or_default());
                copied = self.own.len();
                head(&mut out, &block, self.format);
            }
            for (text, sample) in block.lines {
                let text = self.texts.get(text as usize).map(String::as_str).unwrap_or_default();
                out.extend_from_slice(sample.line(text).as_bytes());
            }
        }
        out.extend_from_slice(self.own.get(copied..).unwrap_or_default());
        if self.format == Format::OpenMetrics {
            out.extend_from_slice(b"# EOF\n");
        }
        out
    }
}

fn head(out: &mut Vec<u8>, block: &Block, format: Format) {
    let mut line = |keyword: &str, text: &str| {
        for part in ["# ", keyword, " ", &block.name.family, " ", text, "\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    };
    if let Some(help) = &block.help {
        line("HELP", &escape_help(help, format));
    }
    line("TYPE", block.name.kind.as_str(format));
}
