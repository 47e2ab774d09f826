//! Section `isolation`: who reaches whom.

use super::{
    keys::{self, isolation as section},
    layers::Values,
    report::{Origin, Wrong},
};
use crate::isolation::Settings;

/// Takes its keys once, and says which do not go together.
pub(super) fn take(values: &mut Values) -> Settings {
    let settings = Settings {
        enabled: values.take(&section::ENABLED),
        interval: values.take(&section::INTERVAL),
        passive: values.take(&section::PASSIVE),
        active: values.take(&section::ACTIVE),
        active_allowed: values.take(&section::ACTIVE_ALLOWED),
        helper: values.take(&section::HELPER),
        host_ports: values.take(&section::HOST_PORTS_TRIED),
        probe_timeout: values.take(&section::PROBE_TIMEOUT),
        outside_name: values.take(&section::OUTSIDE_NAME),
    };
    if settings.active && settings.helper.is_none() {
        let wrong = Wrong::new("needs the helper").hint("set isolation.helper to the socket of `spyhop helper netns`");
        values.mistake(Origin::Default, Some(keys::isolation::ACTIVE.facts.path.to_owned()), wrong);
    }
    settings
}
