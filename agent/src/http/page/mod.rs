//! The page for people at `/`: written on the server, readable without scripts, in pieces that the live stream replaces one by one.
//!
//! ```text
//! View -> facts.rs (everything asked for once) -> problems.rs -> one file a section -> fragment.rs (pieces) -+-> `/`, the whole
//!                                                                                                        +-> live.rs, what changed
//! ```

pub(super) mod assets;
mod containers;
mod facts;
mod findings;
mod fragment;
mod host;
mod html;
mod isolation;
mod logs;
mod map;
mod objectives;
mod probes;
mod problems;
mod routes;
mod services;
mod shell;
mod table;
mod traces;
mod usage;
mod verdict;

use self::facts::Facts;
use super::api::View;

pub(super) use self::fragment::{Fragment, digest, hash, list_of};

/// The page in pieces, in its order: a piece with a place of its own, then the rows of its list.
pub(super) fn fragments(view: &View<'_>) -> Vec<Fragment> {
    let facts = Facts::new(view);
    let problems = problems::problems(&facts);
    let mut sheet = fragment::Sheet::default();
    verdict::write(&mut sheet, &facts, &problems);
    shell::places(&mut sheet, &facts);
    findings::write(&mut sheet, &facts, &problems);
    services::write(&mut sheet, &facts);
    objectives::write(&mut sheet, &facts);
    isolation::write(&mut sheet, &facts);
    map::write(&mut sheet, &facts);
    routes::write(&mut sheet, &facts);
    probes::write(&mut sheet, &facts);
    logs::write(&mut sheet, &facts);
    traces::write(&mut sheet, &facts);
    containers::write(&mut sheet, &facts);
    host::write(&mut sheet, &facts);
    sheet.into_fragments()
}

/// The whole page.
pub(super) fn index(view: &View<'_>) -> String {
    let fragments = fragments(view);
    let digest = digest(fragments.iter().map(|fragment| (&*fragment.id, hash(&fragment.html))));
    let size: usize = fragments.iter().map(|fragment| fragment.html.len()).sum();
    let mut page = String::with_capacity(size + (8 << 10));
    // Writing into a `String` cannot fail; a failure could only come from a `Display` of ours and would cut the page short.
    let top = shell::top(&mut page, view, digest);
    page.push_str("<main>\n");
    fragment::join(&mut page, &fragments);
    if top.and_then(|()| shell::bottom(&mut page)).is_err() {
        tracing::error!("write page");
    }
    page
}

#[cfg(test)]
mod tests;
