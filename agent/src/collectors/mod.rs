//! From what the inventory and the kernel say to a page, one file a group of families.
//!
//! ```text
//!  inventory::Reader --Snapshot--+
//!                                +--> Reading --> cpu memory io network ... itself --> exposition::Page
//!  host::Host -------samples-----+    (kept from scrape to scrape: label sets, sample storage, CPU marks)
//! ```
//!
//! [`spawn`] starts the one thread that owns all of it; everybody else holds a [`Scraper`]. Nothing runs between scrapes but
//! [`Scraper::refresh`], which lets go of the handles of containers that ended.

mod collector;
mod cpu;
mod gzip;
mod io;
mod itself;
mod labels;
mod lifecycle;
mod limits;
mod machine;
mod memory;
mod network;
mod node;
mod node_devices;
mod oom;
mod pressure;
mod process;
mod reading;
mod row;
mod scraper;
mod service;
mod settings;
mod source;
mod state;
mod units;
mod window;

pub use collector::{Collector, Moment};
pub use labels::{DEFAULT_LABELS, LabelPolicy, MAX_LABELS_PER_CONTAINER};
pub use process::ProcessSample;
pub use scraper::{MAX_WAITING_SCRAPES, Request, ScrapeBody, ScrapeError, Scraper, spawn};
pub use settings::{Build, Settings};
pub use source::Source;
