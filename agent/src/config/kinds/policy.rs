//! Where the policy is, and which of its profiles.

use std::collections::BTreeSet;

use super::{
    super::{
        keys::policy::PolicyFile,
        report::{Wrong, quoted},
    },
    Kind, Raw, many, one, read_path,
};

/// An absolute path, `auto` or `off`.
pub(in crate::config) const POLICY_FILE: Kind<PolicyFile> = Kind {
    name: "an absolute path, auto or off",
    range: String::new,
    list: false,
    read: |raw| {
        one(raw, |text| match text {
            "auto" => Ok(PolicyFile::Auto),
            "off" => Ok(PolicyFile::Off),
            _ => read_path(text).map(PolicyFile::At),
        })
    },
    show: |file| {
        Raw::One(match file {
            PolicyFile::Auto => "auto".to_owned(),
            PolicyFile::Off => "off".to_owned(),
            PolicyFile::At(path) => path.display().to_string(),
        })
    },
};

/// Names of profiles.
pub(in crate::config) const PROFILES: Kind<BTreeSet<String>> = Kind {
    name: "a list of profiles",
    range: String::new,
    list: true,
    read: |raw| Ok(many(raw, read_profile)?.into_iter().collect()),
    show: |names| Raw::Many(names.iter().cloned().collect()),
};

fn read_profile(text: &str) -> Result<String, Wrong> {
    let fits = !text.is_empty() && text.chars().all(|c| !c.is_control() && !c.is_whitespace());
    fits.then(|| text.to_owned()).ok_or_else(|| Wrong::new(format!("{} is not the name of a profile", quoted(text))))
}
