//! The page in a real browser, against the real agent: what happens on the host is seen without a reload, by everybody, by every way in.
//!
//! Chromium without a window, driven through `drive.js` (compose/lab/browser.sh sets it up). Where there is no browser the tests say so.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a panic is how a test says no"
)]

mod browser;
mod crowd;
mod live;
mod looks;
mod pictures;
#[path = "../support/mod.rs"]
mod support;

use std::{fs, path::Path};

use support::{
    agent::{Agent, Home},
    compose::free_port,
    scene::binary,
};

/// A home whose agents listen at one address, one after the other.
pub(crate) fn home_at(port: u16, socket: &Path, more: &str) -> Home {
    guarded_home_at(port, socket, "", more)
}

/// The same with more lines of the section `http`.
pub(crate) fn guarded_home_at(port: u16, socket: &Path, http: &str, more: &str) -> Home {
    let home = Home::with(&binary(), socket, more);
    let file = fs::read_to_string(home.config()).unwrap();
    let section = format!("listen: 127.0.0.1:{port}\n{http}");
    fs::write(home.config(), file.replace("listen: 127.0.0.1:0\n", &section)).unwrap();
    home
}

/// A port nobody has.
pub(crate) fn a_port() -> u16 {
    free_port()
}

/// Where the page of an agent is.
pub(crate) fn page_of(agent: &Agent) -> String {
    format!("http://{}/", agent.address)
}
