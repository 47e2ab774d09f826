//! What users see, held against files. `UPDATE_GOLDEN=1` writes them anew; the diff is then read.

use std::{fs, path::Path};

use crate::repository;

/// Compares with `agent/tests/golden/<name>`.
pub(crate) fn check(name: &str, actual: &str) {
    check_file(&repository("agent/tests/golden").join(name), actual);
}

/// Compares with any file.
pub(crate) fn check_file(path: &Path, actual: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, actual).unwrap();
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(
        expected == actual,
        "{} is not in step, renew it with UPDATE_GOLDEN=1; now it would be:\n{actual}",
        path.display()
    );
}
