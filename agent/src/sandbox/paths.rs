//! Which files can be opened (Landlock, landlock(7)), where the kernel has it.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, LandlockStatus, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
    RulesetStatus,
};

/// The rights we know of; what an older kernel does not have is left out.
const KNOWN: ABI = ABI::V5;

/// Limits writing to what is below `writes`, and reading to what is below either, if `reads` are given. The version in force.
pub(super) fn limit(writes: &[PathBuf], reads: Option<&[PathBuf]>) -> Option<u32> {
    match enforce(writes, reads) {
        Ok(version) => version,
        Err(error) => {
            tracing::debug!(%error, "files are not limited");
            None
        }
    }
}

fn enforce(writes: &[PathBuf], reads: Option<&[PathBuf]>) -> Result<Option<u32>, RulesetError> {
    let handled = if reads.is_some() { AccessFs::from_all(KNOWN) } else { AccessFs::from_write(KNOWN) };
    let mut rules = Ruleset::default().handle_access(handled)?.create()?;
    let of_reading = AccessFs::ReadFile | AccessFs::ReadDir;
    let reads = reads.unwrap_or_default().iter().map(|path| (path, of_reading));
    let writes = writes.iter().map(|path| (path, (AccessFs::from_write(KNOWN) | of_reading) & handled));
    for (path, access) in reads.chain(writes) {
        // What is not there cannot be opened anyway.
        if let Ok(descriptor) = PathFd::new(path) {
            rules = rules.add_rule(PathBeneath::new(descriptor, access & fitting(path)))?;
        }
    }
    let status = rules.restrict_self()?;
    Ok(match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => None,
        (_, LandlockStatus::Available { effective_abi, .. }) => Some(effective_abi as u32),
        _ => None,
    })
}

/// Rights that make sense for a file, where it is none of a folder.
fn fitting(path: &Path) -> landlock::BitFlags<AccessFs> {
    if path.is_dir() { AccessFs::from_all(KNOWN) } else { AccessFs::from_file(KNOWN) }
}
