//! What readers get: sixty minutes as numbers.

use jiff::Timestamp;

/// Points of a [`Spark`], a minute each.
pub const MINUTES: usize = 60;

/// One figure over the last hour, a minute a point, oldest first; the last is the minute that runs. NaN where nothing was read.
pub type Spark = [f32; MINUTES];

/// What a container uses now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// CPU over the last ten seconds or more, in cores; `None` until there are two readings.
    pub cpu_cores: Option<f64>,
    /// Working set in bytes; `None` where the kernel does not account memory.
    pub memory_bytes: Option<u64>,
    /// When it was read.
    pub at: Timestamp,
}

/// What a container used in the last hour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sparks {
    /// CPU in cores: the mean of each minute.
    pub cpu_cores: Spark,
    /// Working set in bytes: the highest reading of each minute.
    pub memory_bytes: Spark,
}

/// What the host used in the last hour.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HostSparks {
    /// Share of all CPUs' time that was neither idle nor waiting for disks, 0 to 1: the mean of each minute.
    pub cpu_busy: Spark,
    /// Share of memory that is not available to programs, 0 to 1: the highest reading of each minute.
    pub memory_used: Spark,
    /// Load average over one minute: the highest reading of each minute.
    pub load: Spark,
}
