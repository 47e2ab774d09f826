//! What the engine calls a network and what the compose file calls it.

use crate::model::Network;

/// The name of a network as a project's compose file has it: by its label, without `<project>_`, else the engine's own.
pub fn short_name<'a>(project: &str, network: &'a Network) -> &'a str {
    match network.project.as_deref() {
        Some(owner) if owner == project => match network.short.as_deref() {
            Some(short) => short,
            None => without_project(project, &network.name),
        },
        // Another project's: only its whole name says which is meant.
        Some(_) => &network.name,
        None => without_project(project, &network.name),
    }
}

/// Whether a network is a project's own: its label says so, or it has no label and is called as Compose would call it.
pub fn belongs_to(project: &str, network: &Network) -> bool {
    match network.project.as_deref() {
        Some(owner) => owner == project,
        None => without_project(project, &network.name).len() < network.name.len(),
    }
}

fn without_project<'a>(project: &str, name: &'a str) -> &'a str {
    let rest = name.strip_prefix(project).and_then(|rest| rest.strip_prefix('_'));
    rest.filter(|rest| !rest.is_empty() && !project.is_empty()).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_called_as_the_compose_file_calls_them() {
        let network = |name: &str, project: Option<&str>, short: Option<&str>| Network {
            name: name.into(),
            project: project.map(Into::into),
            short: short.map(Into::into),
            ..Network::default()
        };
        for (name, project, short, called, own) in [
            ("shop_back", Some("shop"), Some("back"), "back", true),
            ("inner", Some("shop"), Some("back"), "back", true),
            ("shop_back", None, None, "back", true),
            ("shop_", None, None, "shop_", false),
            ("shop_back", Some("other"), Some("shop_back"), "shop_back", false),
            ("shop_back", Some("shop"), None, "back", true),
            ("bridge", None, None, "bridge", false),
        ] {
            let network = network(name, project, short);
            assert_eq!((short_name("shop", &network), belongs_to("shop", &network)), (called, own), "{network:?}");
        }
        assert_eq!(short_name("", &network("_back", None, None)), "_back");
    }
}
