//! Who looks who reaches whom, and why a tier does not.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::{
    config::Config,
    helper,
    inventory::Reader,
    isolation::{
        Lookout,
        active::{Own, Prober},
        watch::{Eyes, Hands, Parts},
    },
    model::ContainerId,
    policy,
};

/// Whom the tiers look for, and by whose help.
pub(crate) struct Around {
    /// The engine is on another machine: nothing here is of its containers.
    pub(crate) elsewhere: bool,
    /// The port the agent is found at.
    pub(crate) port: u16,
    /// The agent's own container.
    pub(crate) own: Option<ContainerId>,
    /// The helper, where one is configured.
    pub(crate) helper: Option<helper::Client>,
    /// What the active tier does, which the passive one leaves out.
    pub(crate) probes: Own,
}

/// The tiers that can run here.
pub(super) fn parts(config: &Config, reader: &Reader, policy: &policy::Board, around: Around) -> Parts {
    let (eyes, hands) = (eyes(config, &around), hands(config, &around));
    Parts { reader: reader.clone(), policy: policy.clone(), own: around.own, eyes, hands }
}

/// The passive tier.
///
/// # Errors
/// Why there is none here, for people.
pub(crate) fn eyes(config: &Config, around: &Around) -> Result<Box<dyn Eyes>, String> {
    if around.elsewhere {
        return Err("the engine is on another machine: its containers are not in this one's /proc".to_owned());
    }
    if !crate::host::sockets::sees_host(&config.host.proc) {
        return Err("processes of the host are not seen: in a container it takes `pid: host`".to_owned());
    }
    let own = around.own.as_ref().map(|id| id.as_str().into());
    let lookout = Lookout::new(config.host.proc.clone(), own, around.probes.clone()).listening_on(around.port);
    Ok(match (&around.helper, Handle::try_current()) {
        (Some(helper), Ok(runtime)) => Box::new(lookout.helped(helper.clone(), runtime)),
        _ => Box::new(lookout),
    })
}

/// The active tier.
///
/// # Errors
/// Why there is none here, for people.
pub(crate) fn hands(config: &Config, around: &Around) -> Result<Arc<dyn Hands>, String> {
    match &around.helper {
        _ if around.elsewhere => Err("the engine is on another machine".to_owned()),
        None => Err("isolation.helper is not set".to_owned()),
        Some(helper) => Ok(Arc::new(Prober::new(helper.clone(), around.probes.clone(), config.host.proc.clone()))),
    }
}
