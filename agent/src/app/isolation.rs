//! Who looks who reaches whom, and why a tier does not.

use std::sync::Arc;

use tokio::runtime::Handle;

use crate::{
    config::Config,
    helper,
    inventory::Reader,
    isolation::{
        Lookout,
        watch::{Eyes, Hands, Parts},
    },
    model::ContainerId,
    policy,
};

/// Whom the tiers look for, and by whose help.
pub(crate) struct Around {
    /// The engine is on another machine: nothing here is of its containers.
    pub(crate) elsewhere: bool,
    /// The agent's own container.
    pub(crate) own: Option<ContainerId>,
    /// The helper, where one is configured.
    pub(crate) helper: Option<helper::Client>,
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
    let own = around.own.as_ref().map(|id| id.as_str().into());
    let lookout = Lookout::new(config.host.proc.clone(), own);
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
    let _not_yet = config;
    match &around.helper {
        _ if around.elsewhere => Err("the engine is on another machine".to_owned()),
        None => Err("isolation.helper is not set".to_owned()),
        Some(_) => Err("this version has no active tier".to_owned()),
    }
}
