//! A second ear for the log: whoever ships logs ships these lines too.

use std::{io, sync::Arc};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use super::Shared;

/// Who takes lines.
pub(super) type Take = Box<dyn Fn(String) + Send + Sync>;

/// Parts whose lines are about shipping lines.
const KEPT_BACK: [&str; 2] = ["logs", "delivery"];

/// Makes a line's writer.
pub(super) struct Writer(pub(super) Arc<Shared>);

impl<'a> MakeWriter<'a> for Writer {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line { take: self.0.tap.get(), bytes: Vec::new() }
    }

    fn make_writer_for(&'a self, meta: &Metadata<'_>) -> Line<'a> {
        let part = meta.target().split("::").nth(1).unwrap_or_default();
        if KEPT_BACK.contains(&part) {
            return Line { take: None, bytes: Vec::new() };
        }
        self.make_writer()
    }
}

/// One line, handed over when it is complete.
pub(super) struct Line<'a> {
    take: Option<&'a Take>,
    bytes: Vec<u8>,
}

impl io::Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.take.is_some() {
            self.bytes.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        let Some(take) = self.take.filter(|_| !self.bytes.is_empty()) else { return };
        let mut line = String::from_utf8_lossy(&self.bytes).into_owned();
        line.truncate(line.trim_end().len());
        take(line);
    }
}
