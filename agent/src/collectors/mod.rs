//! From what the inventory and the kernel say to a page, one file a group of families.
//!
//! ```text
//!  inventory::Reader --Snapshot--+
//!                                +--> Reading --> cpu memory io network ... itself --> exposition::Page
//!  host::Host -------samples-----+    (kept from scrape to scrape: label sets, sample storage, CPU marks)
//! ```
//!
//! A [`Scraper`] owns all of it and lets one scrape run after the other. Nothing runs between scrapes but [`Scraper::refresh`],
//! which lets go of the handles of containers that ended, and [`Scraper::look`], a reading for the page while nobody scrapes.

mod collector;
mod cpu;
mod figures;
mod gzip;
mod history;
mod io;
mod isolation;
mod itself;
mod labels;
mod lifecycle;
mod limits;
mod logs;
mod machine;
mod memory;
mod network;
mod node;
mod node_devices;
mod oom;
mod patterns;
mod policy;
mod pressure;
mod probe_figures;
mod probes;
mod process;
mod reading;
mod red;
mod row;
mod scraper;
mod service;
mod settings;
mod source;
mod spare;
mod state;
mod targets;
mod traces;
mod units;
mod window;

pub use collector::{Collector, Moment};
pub use figures::{FromEngine, Origin};
pub use labels::MAX_LABELS_PER_CONTAINER;
pub use patterns::NamePatterns;
pub use process::ProcessSample;
pub use scraper::{MAX_WAITING_SCRAPES, Request, ScrapeBody, ScrapeError, Scraper};
pub use settings::{Build, HIDDEN_INTERFACES, Settings};
pub use source::Source;
