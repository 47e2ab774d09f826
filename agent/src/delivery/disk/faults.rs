//! Disks that fail and processes that die, call by call.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use rustix::io::Errno;

/// What shall happen; shared by the clones of one [`Disk`](super::Disk).
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    /// Changing calls seen.
    calls: usize,
    /// The call that fails, and how.
    fault: Option<Fault>,
    reads: Option<Errno>,
}

/// A changing call that fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    /// The n-th from now, from 0.
    pub(crate) at: usize,
    /// What it fails with.
    pub(crate) error: Errno,
    /// When it writes: this part of the bytes, in 256ths, is written still.
    pub(crate) part: u8,
    /// All after it fail too: the process is dead, or the disk is.
    pub(crate) lasting: bool,
}

impl Faults {
    /// Plans a fault, in place of the one before.
    pub(crate) fn plan(&self, fault: Option<Fault>) {
        self.with(|plan| (plan.calls, plan.fault) = (0, fault));
    }

    /// Lets every opening fail.
    pub(crate) fn plan_reads(&self, error: Option<Errno>) {
        self.with(|plan| plan.reads = error);
    }

    /// Whether the planned call has been reached.
    pub(crate) fn struck(&self) -> bool {
        self.with(|plan| plan.fault.is_some_and(|fault| plan.calls > fault.at))
    }

    pub(super) fn read(&self) -> io::Result<()> {
        self.with(|plan| plan.reads).map_or(Ok(()), |error| Err(error.into()))
    }

    pub(super) fn change(&self) -> io::Result<()> {
        self.write(0).map_err(|(_, error)| error)
    }

    pub(super) fn write(&self, length: usize) -> Result<(), (usize, io::Error)> {
        self.with(|plan| {
            let call = plan.calls;
            plan.calls += 1;
            match plan.fault {
                Some(fault) if call == fault.at => Err((length * usize::from(fault.part) / 256, fault.error.into())),
                Some(fault) if call > fault.at && fault.lasting => Err((0, fault.error.into())),
                _ => Ok(()),
            }
        })
    }

    fn with<T>(&self, run: impl FnOnce(&mut Plan) -> T) -> T {
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
