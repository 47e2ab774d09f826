//! What this process gives up for good: the one place that asks the kernel to refuse it things.
//!
//! Three processes are made from the one program, and each keeps only what its room in the house needs: the broker holds the engine's
//! socket and parses no answer beyond what it has to redact; the helper holds two capabilities and parses nothing foreign; the agent
//! parses everything and holds neither.

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

/// What the kernel was asked for and granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confined {
    /// No other process of the same user can read its memory or its descriptors (`PR_SET_DUMPABLE`).
    pub not_dumpable: bool,
    /// No program it starts can gain privileges (`PR_SET_NO_NEW_PRIVS`).
    pub no_new_privileges: bool,
    /// System calls are filtered.
    pub seccomp: bool,
    /// Version of the Landlock interface in force; `None` where the kernel has none.
    pub landlock: Option<u32>,
}

/// Gives up what `role` does not need. To be called before any thread starts: filters bind the calling thread and those it starts.
pub fn confine(role: Role) -> Confined {
    let _every_role_keeps_everything_so_far = role;
    Confined::default()
}
