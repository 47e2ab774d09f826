//! The agent's own log: lines on standard error, as JSON or as text, with a ceiling on repetition.
//!
//! The level applies to our own code. Libraries speak from `warn` up whatever it says: below that they write whole requests and
//! answers, and an answer of the engine holds environments of containers.
//!
//! ```text
//!  event -> level (may change at run time) -> limit (counts what it drops) -> line
//!                                               \-> sweeper: one line when a window with drops ends
//! ```

mod limit;
mod tap;

use std::{
    io::{self, IsTerminal},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, Once, OnceLock, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use limit::{Limiter, Summary, Verdict};
use tracing::{
    Event, Level as TracingLevel, Metadata, Subscriber, field::Visit, level_filters::LevelFilter, subscriber::Interest,
};
use tracing_subscriber::{
    Layer, Registry,
    fmt::MakeWriter,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

use super::{
    Metrics,
    spans::{self, Late, Spans, SpansError},
};

/// Targets below this are our own code.
const OWN_TARGET: &str = "spyhop";
/// Lines of the limiter itself, which it must not limit.
const SUMMARY_TARGET: &str = "spyhop_log_limit";

/// Declares a setting whose word in the configuration stands beside each variant.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every value.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$variant,)*];

            /// The word in the configuration.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The value of that word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|value| value.as_str() == word)
            }
        }
    };
}

words! {
    /// Least important lines to write.
    Level {
        /// The agent cannot do what it is there for.
        Error => "error",
        /// Something is wrong and the agent goes on.
        Warn => "warn",
        /// What an operator wants to know of a normal day.
        Info => "info",
        /// Each decision.
        Debug => "debug",
        /// Each step.
        Trace => "trace",
    }
}

words! {
    /// What a line looks like.
    Format {
        /// Text on a terminal, JSON elsewhere.
        Auto => "auto",
        /// One JSON object a line: timestamp, level, message, target, and the fields beside them.
        Json => "json",
        /// For people.
        Text => "text",
    }
}

impl Level {
    const fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }

    fn from_index(index: u8) -> Self {
        Self::ALL.get(usize::from(index)).copied().unwrap_or(Self::Info)
    }
}

/// A log was set up before in this process.
#[derive(Debug, thiserror::Error)]
#[error("set up the log: there is one already")]
pub struct AlreadySetUp;

/// Sets up the log of this process on standard error.
///
/// # Errors
/// When it is called twice.
pub fn init(level: Level, format: Format, metrics: &Metrics) -> Result<Handle, AlreadySetUp> {
    let terminal = io::stderr().is_terminal();
    let json = match format {
        Format::Json => true,
        Format::Text => false,
        Format::Auto => !terminal,
    };
    let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (subscriber, handle) = subscriber(level, Style { json, colour }, metrics, io::stderr);
    subscriber.try_init().map_err(|_| AlreadySetUp)?;
    Ok(handle)
}

/// Changes the log while it runs; the last one dropped ends it with the summaries that are due.
#[derive(Debug)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Handle {
    /// Changes the level, at once and for all threads.
    pub fn set_level(&self, level: Level) {
        self.shared.level.store(level as u8, Ordering::Relaxed);
        tracing::callsite::rebuild_interest_cache();
    }

    /// From now on every line is also given to `take`, as JSON and without a line end; it must not log. What is said of shipping logs is left
    /// out: it would be the next line to ship. Only the first one is heard.
    pub fn tap(&self, take: impl Fn(String) + Send + Sync + 'static) {
        self.shared.tap.set(Box::new(take)).ok();
    }

    /// Makes spans of a share of the agent's own operations, above 0, from now on. It starts a thread.
    ///
    /// # Errors
    /// See [`Spans::new`].
    pub fn make_spans(&self, ratio: f64) -> Result<Spans, SpansError> {
        let (layer, spans) = Spans::new(ratio)?;
        self.shared.spans.set(layer);
        Ok(spans)
    }

    /// Writes the summaries of all windows, also of those which have not ended. For the end of the process.
    pub fn flush(&self) {
        let summaries = self.shared.lock().drain();
        write_summaries(summaries);
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.flush();
    }
}

#[derive(Clone, Copy)]
struct Style {
    json: bool,
    colour: bool,
}

fn subscriber<W>(level: Level, style: Style, metrics: &Metrics, writer: W) -> (impl Subscriber + Send + Sync, Handle)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let shared = Arc::new(Shared {
        level: AtomicU8::new(level as u8),
        limiter: Mutex::default(),
        dropping: Condvar::new(),
        sweeper: Once::new(),
        metrics: metrics.clone(),
        tap: OnceLock::new(),
        spans: Late::default(),
    });
    let tapped = tracing_subscriber::fmt::layer().with_writer(tap::Writer(Arc::clone(&shared))).with_ansi(false);
    let tapped = tapped.json().flatten_event(true).with_current_span(false).with_span_list(false);
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(style.colour);
    let lines = match style.json {
        true => lines.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed(),
        false => lines.compact().boxed(),
    };
    let gate = Gate(Arc::clone(&shared));
    (Registry::default().with(shared.spans.clone()).with(lines).with(tapped).with(gate), Handle { shared })
}

struct Shared {
    level: AtomicU8,
    limiter: Mutex<Limiter>,
    /// Tells the sweeper that a window has begun to drop lines.
    dropping: Condvar,
    sweeper: Once,
    metrics: Metrics,
    tap: OnceLock<tap::Take>,
    spans: Late,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("level", &self.level()).finish_non_exhaustive()
    }
}

impl Shared {
    fn level(&self) -> Level {
        Level::from_index(self.level.load(Ordering::Relaxed))
    }

    /// The limiter holds nothing a panic could leave half done: a poisoned lock is taken over.
    fn lock(&self) -> MutexGuard<'_, Limiter> {
        self.limiter.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the thread which writes a summary when a window with drops ends, and starts it the first time: an agent whose log is
    /// calm never has it. It is a thread because a line cannot be written inside a line, which is where lines are dropped; it sleeps
    /// while nothing is dropped, and the process never waits for it.
    fn wake_sweeper(self: &Arc<Self>) {
        self.sweeper.call_once(|| {
            let shared = Arc::clone(self);
            let sweep = move || {
                loop {
                    write_summaries(shared.wait_for_summaries());
                }
            };
            // Without the thread summaries come at the end only; here is no place to complain.
            drop(thread::Builder::new().name("log-sweeper".to_owned()).spawn(sweep));
        });
        self.dropping.notify_one();
    }

    fn wait_for_summaries(&self) -> Vec<Summary> {
        let mut limiter = self.lock();
        loop {
            let summaries = limiter.ended(Instant::now());
            if !summaries.is_empty() {
                return summaries;
            }
            let wait = limiter.next_end().map(|end| end.saturating_duration_since(Instant::now()));
            limiter = match wait {
                None => self.dropping.wait(limiter).unwrap_or_else(PoisonError::into_inner),
                // At least a millisecond, so that a clock which stands still cannot make this spin.
                Some(wait) => {
                    let wait = wait.max(Duration::from_millis(1));
                    self.dropping.wait_timeout(limiter, wait).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

fn write_summaries(summaries: Vec<Summary>) {
    for summary in summaries {
        tracing::warn!(
            target: SUMMARY_TARGET,
            suppressed = summary.suppressed,
            of = summary.message,
            "the same line came too often"
        );
    }
}

/// Decides which events become lines. A layer over the whole subscriber and not a filter of the lines' layer: a filter which drops an
/// event by its content leaves the thread's filter state behind, and the next event of an always-on callsite is lost with it
/// (tracing-subscriber 0.3.23).
struct Gate(Arc<Shared>);

impl Gate {
    fn passes(&self, metadata: &Metadata<'_>) -> bool {
        if metadata.target() == SUMMARY_TARGET {
            return true;
        }
        if metadata.target() == spans::TARGET {
            return self.0.spans.is_there();
        }
        let own =
            metadata.target().strip_prefix(OWN_TARGET).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
        let level = *metadata.level();
        level <= self.0.level().filter() && (own || level <= TracingLevel::WARN)
    }
}

impl<S: Subscriber> Layer<S> for Gate {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.passes(metadata)
    }

    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.passes(metadata) { Interest::always() } else { Interest::never() }
    }

    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        if event.metadata().target() == SUMMARY_TARGET {
            return true;
        }
        let mut message = Message::default();
        event.record(&mut message);
        let verdict = self.0.lock().admit(event.metadata().callsite(), &message.0, Instant::now());
        match verdict {
            Verdict::Pass => return true,
            Verdict::FirstDrop => self.0.wake_sweeper(),
            Verdict::Drop => {}
        }
        self.0.metrics.log_lines_suppressed.inc();
        false
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        // Summaries are warnings, and pass whatever the level is.
        Some(self.0.level().filter().max(LevelFilter::WARN))
    }
}

/// Takes the message out of an event and leaves its fields: they differ in every line of a flood.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

#[cfg(test)]
mod tests;
