//! What stands in `alerts/` is what the default policy comes to. `UPDATE_GOLDEN=1` writes it anew; the diff is then read.

use std::{fs, path::Path};

use spyhop::{
    policy::Policy,
    render::{self, Options},
};

use crate::root;

#[test]
fn the_rule_files_are_the_default_rendering() {
    for file in render::alerts(&Policy::default(), &Options::default()) {
        in_step(&root().join("alerts").join(&file.name), &file.text);
    }
}

/// Compares a file with what it should be.
pub(crate) fn in_step(path: &Path, text: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let found = fs::read_to_string(path).unwrap_or_default();
    assert!(
        found == text,
        "{} is not in step, renew it with UPDATE_GOLDEN=1; now it would be:\n{text}",
        path.display()
    );
}
