//! Plain values which every other part speaks: no I/O, no async, no serde, no import of ours. Beside them how they are put in order.
//!
//! What could not be read is `None`, never 0. Times are absolute ([`jiff::Timestamp`]), durations [`std::time::Duration`],
//! sizes bytes, CPU time nanoseconds.

mod confinement;
mod container;
mod durations;
mod engine;
mod expression;
mod filter;
mod host_sample;
mod log;
pub mod metric;
mod network;
mod order;
mod process;
pub mod rfc3339;
mod sample;
mod secret_name;
mod service;
mod shorten;
mod socket;

pub use confinement::{Capabilities, Confinement, Shared};
pub use container::{
    Container, ContainerId, ContainerState, Health, HealthCheck, HealthResult, HealthStatus, Labels, Limits, Mount,
    NetworkMode, PublishedPort, RestartPolicy,
};
pub use durations::{DURATION_BOUNDS, Durations};
pub use engine::{EngineInfo, EngineVersion, Event, EventKind, Firewall, Image, Release};
pub use expression::{Expression, ExpressionError, MAX_EXPRESSION, Room};
pub use filter::{ContainerFilter, Glob, Pattern, Subject};
pub use host_sample::{
    CpuTimes, DiskCounters, Filesystem, HostNetwork, HostSample, LoadAverage, MachineSample, StatCounters, Uname,
};
pub use log::{LogLevel, LogSetup, LogStream};
pub use network::{Attachment, Gateway, LinkOptions, Network, Subnet};
pub use order::{InOrder, IntoTree};
pub use process::Process;
pub use sample::{
    ContainerSample, Cpu, DeviceIo, InterfaceCounters, Memory, MemoryKind, Pids, Pressure, PressureLine, Spec,
};
pub use secret_name::is_secret_name;
pub use service::{ExitClass, IDENTITY_LABELS, Identity, MAX_IDENTITY_BYTES, ServiceCounters, ServiceKey};
pub use shorten::shorten;
pub use socket::{Protocol, Socket, SocketState};
