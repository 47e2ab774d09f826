//! Wakes the worker, which sleeps in `poll` beside the files it watches.

use std::{
    io,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    sync::Arc,
};

use rustix::event::{EventfdFlags, eventfd};

/// A bell: rung by anybody, heard by one; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Bell(Arc<OwnedFd>);

impl Bell {
    /// A silent bell.
    ///
    /// # Errors
    /// The process has no descriptor left.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?)))
    }

    /// Rings; rung several times before it is heard, it is heard once.
    pub(super) fn ring(&self) {
        // Fails only when it has been rung 2^64 times and nobody listens.
        rustix::io::write(&*self.0, &1_u64.to_ne_bytes()).ok();
    }

    /// Readable while it rings.
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Silences it.
    pub(super) fn heard(&self) {
        let mut count = [0; 8];
        // Fails where it did not ring.
        rustix::io::read(&*self.0, &mut count).ok();
    }
}
