//! What this process gives up for good: the one place that asks the kernel to refuse it things.
//!
//! Three processes are made from the one program, and each keeps only what its room in the house needs: the broker holds the engine's
//! socket and parses no answer beyond what it has to redact; the helper holds two capabilities and parses nothing foreign; the agent
//! parses everything and holds neither.
//!
//! Every refusal is `EPERM`, which the caller can live with: a filter that kills a legitimate call is worse than none.

mod calls;
mod paths;

use std::path::PathBuf;

use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use serde::{Deserialize, Serialize};

/// Which of the three processes this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `spyhop run`, once the broker has been parted from it.
    Agent,
    /// `spyhop broker`.
    Broker,
    /// `spyhop helper netns`.
    Helper,
}

/// What the process keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keeps {
    /// Sockets of this machine can be made and connected (`AF_UNIX`). A pair of connected ones can always be made.
    pub local_sockets: bool,
    /// Sockets of networks can be made.
    pub network: bool,
    /// Folders below which files may be written; they must exist. `None` leaves writing as it is.
    pub writes: Option<Vec<PathBuf>>,
    /// Folders and files which may be read; `None` leaves reading as it is. Only with `writes`.
    pub reads: Option<Vec<PathBuf>>,
}

impl Keeps {
    /// What each role cannot do without.
    pub const fn of(role: Role) -> Self {
        match role {
            Role::Agent => Self { local_sockets: false, network: true, writes: None, reads: None },
            Role::Broker => {
                Self { local_sockets: true, network: false, writes: Some(Vec::new()), reads: Some(Vec::new()) }
            }
            // Landlock would take from it what CAP_SYS_PTRACE gives: namespaces of processes outside its own domain.
            Role::Helper => Self { local_sockets: false, network: true, writes: None, reads: None },
        }
    }
}

/// What the kernel was asked for and granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confined {
    /// No other process of the same user can read its memory or its descriptors (`PR_SET_DUMPABLE`).
    pub not_dumpable: bool,
    /// No program it starts can gain privileges (`PR_SET_NO_NEW_PRIVS`).
    pub no_new_privileges: bool,
    /// System calls are filtered.
    pub seccomp: bool,
    /// Version of the Landlock interface in force; `None` where the kernel has none, or nothing was to be limited by it.
    pub landlock: Option<u32>,
    /// It has no capability in effect, and none it could take. Found, not asked for: whoever starts it says which there are.
    pub no_capabilities: bool,
}

/// Gives up what `role` does not need. To be called before any thread starts: filters bind the calling thread and those it starts.
pub fn confine(role: Role) -> Confined {
    confine_but(role, &Keeps::of(role))
}

/// [`confine`] for a process which keeps other things than most of its role.
pub fn confine_but(role: Role, keeps: &Keeps) -> Confined {
    // In this order: a filter needs no_new_privs, and what comes before the filter must not be refused by it.
    let no_new_privileges = rustix::thread::set_no_new_privs(true).is_ok();
    let not_dumpable = set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok();
    let landlock = keeps.writes.as_deref().and_then(|writes| paths::limit(writes, keeps.reads.as_deref()));
    let no_capabilities = has_no_capabilities() == Some(true);
    let seccomp = no_new_privileges && calls::limit(role, keeps);
    Confined { not_dumpable, no_new_privileges, seccomp, landlock, no_capabilities }
}

/// Whether the process has no capability in effect, and none it could take; `None` where the kernel does not say.
pub fn has_no_capabilities() -> Option<bool> {
    let sets = rustix::thread::capabilities(None).ok()?;
    Some(sets.effective.is_empty() && sets.permitted.is_empty())
}
