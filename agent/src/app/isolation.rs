//! Who looks who reaches whom, and why a tier does not.

use std::sync::Arc;

use crate::{
    config::Config,
    inventory::Reader,
    isolation::watch::{Eyes, Hands, Parts},
    policy,
};

/// The tiers that can run here.
pub(super) fn parts(config: &Config, reader: &Reader, policy: &policy::Board) -> Parts {
    Parts { reader: reader.clone(), policy: policy.clone(), eyes: eyes(config), hands: hands(config) }
}

/// The passive tier.
///
/// # Errors
/// Why there is none here, for people.
pub(crate) fn eyes(config: &Config) -> Result<Box<dyn Eyes>, String> {
    let _not_yet = config;
    Err("this version has no passive tier".to_owned())
}

/// The active tier.
///
/// # Errors
/// Why there is none here, for people.
pub(crate) fn hands(config: &Config) -> Result<Arc<dyn Hands>, String> {
    match &config.isolation.helper {
        None => Err("isolation.helper is not set".to_owned()),
        Some(_) => Err("this version has no active tier".to_owned()),
    }
}
