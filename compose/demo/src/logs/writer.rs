//! Lines onto the standard streams, buffered until told to flush.

use std::io::{self, BufWriter, Write};

use jiff::Timestamp;

use super::{Level, Line, Origin};
use crate::{
    metrics::Metrics,
    settings::{LogFormat, Settings},
};

/// Owned by the log thread; nobody else writes to the streams.
pub(super) struct Writer {
    service: String,
    environment: Option<String>,
    format: LogFormat,
    split: bool,
    out: BufWriter<io::Stdout>,
    err: BufWriter<io::Stderr>,
    text: String,
    metrics: Metrics,
}

impl Writer {
    pub(super) fn new(settings: &Settings, metrics: Metrics) -> Self {
        Self {
            service: settings.name.clone(),
            environment: settings.environment.clone(),
            format: settings.log_format,
            split: settings.log_split,
            out: BufWriter::new(io::stdout()),
            err: BufWriter::new(io::stderr()),
            text: String::new(),
            metrics,
        }
    }

    pub(super) fn write(&mut self, line: &Line) -> io::Result<()> {
        self.text.clear();
        let origin = Origin { service: &self.service, environment: self.environment.as_deref() };
        line.render(self.format, Timestamp::now(), origin, &mut self.text);
        if self.split && line.level() >= Level::Warn {
            self.err.write_all(self.text.as_bytes())?;
        } else {
            self.out.write_all(self.text.as_bytes())?;
        }
        self.metrics.log_line(line.level().as_str());
        Ok(())
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.err.flush()
    }
}
