//! Rules and configuration for Prometheus, dashboards and provisioning for Grafana, and network policies for Kubernetes, as text.
//!
//! ```text
//!  catalogue (every alert, once) --+
//!                                  +-> rules (plain values) -> yaml -> alerts/*.yml, or a folder of the operator's
//!  Policy::objectives -------------+
//! ```
//!
//! Pure: the same policy and options give the same bytes. What `alerts/` holds is the output for the default policy, and a test
//! keeps it so. Every duration goes through [`Scale`], so that a drill can run the very same rules a hundred times faster.

mod alert;
pub mod catalogue;
pub mod dashboards;
pub mod grafana;
mod k8s;
mod objectives;
mod prometheus;
mod rule;
mod span;
mod yaml;

pub use alert::{Alert, Amount, Board, Value, Weight};
pub use k8s::{POD_LABEL, k8s};
pub use prometheus::{Scrape, prometheus, retention};
pub use rule::{File, Group, Kind, Rule};
pub use span::Scale;

use crate::policy::Policy;

/// What is chosen when rendering.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Name of the scrape job that has the agents.
    pub job: String,
    /// What every duration is multiplied with.
    pub scale: Scale,
    /// What stands before `/services.md#spyhopservicedown`.
    pub runbooks: String,
    /// What stands before `/d/spyhop-service?...`: the address of Grafana, or nothing.
    pub dashboards: String,
    /// Names of other generators that are written beside ours.
    pub compat: Vec<Compat>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            job: "spyhop".to_owned(),
            scale: Scale::ONE,
            runbooks: "docs/runbooks".to_owned(),
            dashboards: String::new(),
            compat: Vec::new(),
        }
    }
}

/// Whose names objectives are recorded under as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compat {
    /// Sloth's `slo:sli_error:ratio_rate5m` and its kin.
    Sloth,
    /// The five `pyrra_*` series of Pyrra's generic rules.
    PyrraGeneric,
}

/// A rendered file: its name, below the folder it is written to, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// `containers.yml`.
    pub name: String,
    /// All of it.
    pub text: String,
}

/// Every rule file as plain values: the catalogue's, and that of the policy's objectives when it has any.
pub fn rules(policy: &Policy, options: &Options) -> Vec<File> {
    let mut files = catalogue::files(options);
    files.extend(objectives::files(policy, options));
    files
}

/// The same as text.
pub fn alerts(policy: &Policy, options: &Options) -> Vec<Rendered> {
    rules(policy, options).into_iter().map(|file| Rendered { text: yaml::write(&file), name: file.name }).collect()
}
