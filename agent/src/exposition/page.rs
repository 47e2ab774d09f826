//! The page: one growing buffer that samples are written into, family by family.
//!
//! Measured before the choice: prometheus-client's own encoder takes 105 ns a sample with pre-rendered labels, this writer
//! less than half (`benches/`). The hot families therefore come here; the agent's own counters stay in a prometheus-client
//! registry and are appended by [`Page::registry`]. Tests hold both to the same output.

use std::borrow::Cow;

use prometheus_client::{encoding::text::encode_registry, registry::Registry};

use super::{Bucket, Exemplar, Format, LabelSet, Value, catalogue, classic, labels};
use crate::model::{DURATION_BOUNDS, Durations, metric::Family, shorten};

/// More samples of one family than this are refused: a runaway label set must not eat the scraper's memory.
pub const MAX_SAMPLES_PER_FAMILY: u32 = 200_000;

/// One page under construction. Its buffers keep their size from scrape to scrape.
#[derive(Debug)]
pub struct Page {
    format: Format,
    out: Vec<u8>,
    refused: u64,
    scratch: String,
}

impl Page {
    /// An empty page.
    pub const fn new(format: Format) -> Self {
        Self { format, out: Vec::new(), refused: 0, scratch: String::new() }
    }

    /// Empties the page for the next scrape.
    pub fn clear(&mut self, format: Format) {
        self.format = format;
        self.out.clear();
        self.refused = 0;
    }

    /// Begins a family. Its samples must all be written before the next family begins, and each family once a page.
    pub const fn family(&mut self, family: &'static Family) -> FamilyWriter<'_> {
        FamilyWriter { page: self, family, left: MAX_SAMPLES_PER_FAMILY, opened: false }
    }

    /// Appends what a prometheus-client registry holds, adapted to the page's format.
    pub fn registry(&mut self, registry: &Registry) {
        self.scratch.clear();
        // Writing to a string fails only when a metric's own encoder does; what it wrote until then may be half a line.
        if encode_registry(&mut self.scratch, registry).is_err() {
            let whole_lines = self.scratch.rfind('\n').map_or(0, |at| at + 1);
            self.scratch.truncate(whole_lines);
        }
        match self.format {
            Format::OpenMetrics => classic::drop_empty(&self.scratch, &mut self.out),
            Format::Text => classic::adapt(&self.scratch, &mut self.out),
        }
    }

    /// Ends the page (`# EOF` in OpenMetrics) and shows it.
    pub fn finish(&mut self) -> &[u8] {
        if self.format == Format::OpenMetrics {
            self.out.extend_from_slice(b"# EOF\n");
        }
        &self.out
    }

    /// Samples left out because of [`MAX_SAMPLES_PER_FAMILY`] since the page was cleared.
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// Takes the written buffer away and goes on with another one, which is emptied first.
    pub fn exchange(&mut self, mut other: Vec<u8>) -> Vec<u8> {
        other.clear();
        std::mem::replace(&mut self.out, other)
    }
}

/// Writes the samples of one family. `HELP` and `TYPE` come with the first one, so an empty family leaves nothing.
#[derive(Debug)]
pub struct FamilyWriter<'p> {
    page: &'p mut Page,
    family: &'static Family,
    left: u32,
    opened: bool,
}

impl FamilyWriter<'_> {
    /// Writes one sample.
    #[inline]
    pub fn sample(&mut self, labels: &LabelSet, value: impl Into<Value>) {
        self.tagged(labels, &LabelSet::EMPTY, value);
    }

    /// Writes one sample with two sets of labels, both rendered before: a container's own and those of the family. No name may be in
    /// both.
    #[inline]
    pub fn tagged(&mut self, labels: &LabelSet, tag: &LabelSet, value: impl Into<Value>) {
        if !self.admit() {
            return;
        }
        let out = &mut self.page.out;
        out.extend_from_slice(self.family.name.as_bytes());
        let mut open = false;
        for set in [labels, tag] {
            if !set.is_empty() {
                out.push(if open { b',' } else { b'{' });
                out.extend_from_slice(set.as_str().as_bytes());
                open = true;
            }
        }
        finish_line(out, open, value.into());
    }

    /// Writes one sample with labels of its own behind the common ones. Their names must be valid and not in `labels`;
    /// their values are escaped here.
    pub fn sample_with(&mut self, labels: &LabelSet, extra: &[(&str, &str)], value: impl Into<Value>) {
        if !self.admit() {
            return;
        }
        let out = &mut self.page.out;
        out.extend_from_slice(self.family.name.as_bytes());
        let mut open = !labels.is_empty();
        if open {
            out.push(b'{');
            out.extend_from_slice(labels.as_str().as_bytes());
        }
        for (name, value) in extra {
            out.push(if open { b',' } else { b'{' });
            write_label(out, name, value);
            open = true;
        }
        finish_line(out, open, value.into());
    }

    /// Writes one histogram: every bucket, the sum in seconds and the count.
    pub fn histogram(&mut self, labels: &LabelSet, durations: &Durations) {
        let bounds = DURATION_BOUNDS.iter().map(|(_, text)| *text).chain(["+Inf"]);
        let buckets = bounds.zip(durations.counts).map(|(bound, count)| Bucket { bound, count, exemplar: None });
        self.buckets(labels, buckets, durations.sum.as_secs_f64());
    }

    pub(super) fn part(
        &mut self,
        suffix: &str,
        labels: &LabelSet,
        bound: Option<&str>,
        value: impl Into<Value>,
        exemplar: Option<Exemplar>,
    ) {
        if !self.admit() {
            return;
        }
        let out = &mut self.page.out;
        out.extend_from_slice(self.family.name.as_bytes());
        out.extend_from_slice(suffix.as_bytes());
        let mut open = !labels.is_empty();
        if open {
            out.push(b'{');
            out.extend_from_slice(labels.as_str().as_bytes());
        }
        if let Some(bound) = bound {
            out.push(if open { b',' } else { b'{' });
            write_label(out, "le", bound);
            open = true;
        }
        finish_line(out, open, value.into());
        if let Some(exemplar) = exemplar {
            // Behind the value, on its line.
            out.pop();
            exemplar.write(self.page.format, out);
            out.push(b'\n');
        }
    }

    /// Counts the sample against the ceiling and writes the head before the first.
    #[inline]
    fn admit(&mut self) -> bool {
        if self.left == 0 {
            self.page.refused += 1;
            return false;
        }
        self.left -= 1;
        if !self.opened {
            self.opened = true;
            write_head(&mut self.page.out, self.family, self.page.format);
        }
        true
    }
}

/// Closes the braces, if there are any, and writes the value.
#[inline]
fn finish_line(out: &mut Vec<u8>, open: bool, value: Value) {
    if open {
        out.push(b'}');
    }
    out.push(b' ');
    value.write(out);
    out.push(b'\n');
}

fn write_label(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"=\"");
    let value = shorten(value, labels::MAX_LABEL_VALUE);
    if labels::is_plain(&value) {
        out.extend_from_slice(value.as_bytes());
    } else {
        out.extend_from_slice(labels::escape(&value).as_bytes());
    }
    out.push(b'"');
}

#[cold]
fn write_head(out: &mut Vec<u8>, family: &Family, format: Format) {
    let (name, kind) = match format {
        Format::OpenMetrics => (catalogue::openmetrics_name(family), catalogue::openmetrics_type(family)),
        Format::Text => (family.name, catalogue::classic_type(family)),
    };
    let mut line = |keyword: &str, text: &str| {
        for part in ["# ", keyword, " ", name, " ", text, "\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    };
    line("HELP", &escape_help(family.help, format));
    line("TYPE", kind);
    if format == Format::OpenMetrics && catalogue::declares_unit(family) {
        line("UNIT", family.unit);
    }
}

/// `HELP` text: backslash and newline are escaped, in OpenMetrics double quotes too.
pub(super) fn escape_help(help: &str, format: Format) -> Cow<'_, str> {
    let quotes = format == Format::OpenMetrics;
    if memchr::memchr3(b'\\', b'\n', if quotes { b'"' } else { b'\n' }, help.as_bytes()).is_none() {
        return Cow::Borrowed(help);
    }
    let escaped = help.replace('\\', "\\\\").replace('\n', "\\n");
    Cow::Owned(if quotes { escaped.replace('"', "\\\"") } else { escaped })
}

#[cfg(test)]
mod tests;
