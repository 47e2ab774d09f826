//! Somebody who uses the shop.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::workload::PACE;
use crate::support::wire;

/// Requests until it is dropped.
#[derive(Debug)]
pub(crate) struct Traffic {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Traffic {
    pub(crate) fn start(port: u16) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&over);
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let thread = thread::spawn(move || {
            while !flag.load(Ordering::Relaxed) {
                // Some of them fail, and all of them before the shop is there: that is what there is to see.
                wire::get(to, "/", &[], Duration::from_secs(5)).ok();
                thread::sleep(PACE);
            }
        });
        Self { over, thread: Some(thread) }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}
