//! Containers by their ids, for what resources say of themselves.

use std::sync::Arc;

use super::{life::Life, who::Who};
use crate::model::ContainerId;

/// One container.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) who: Arc<Who>,
    /// Its run, where it runs.
    pub(super) life: Option<Arc<Life>>,
    /// It shares its network namespace, and with it the name of its host, with nobody.
    pub(super) alone: bool,
}

/// All containers of a picture, sorted by id.
#[derive(Debug, Default)]
pub(super) struct Index {
    rows: Vec<Row>,
    own: Option<ContainerId>,
}

impl Index {
    /// Those of a picture; `own` is the agent's container.
    pub(super) fn new(mut rows: Vec<Row>, own: Option<ContainerId>) -> Self {
        rows.sort_unstable_by(|a, b| a.who.container_id.cmp(&b.who.container_id));
        Self { rows, own }
    }

    /// The container whose id begins so; `None` if there is none, or more than one.
    pub(super) fn find(&self, beginning: &str) -> Option<&Row> {
        let at = self.rows.partition_point(|row| *row.who.container_id < *beginning);
        let begins = |row: &&Row| row.who.container_id.starts_with(beginning);
        let row = self.rows.get(at).filter(begins)?;
        self.rows.get(at + 1).filter(begins).is_none().then_some(row)
    }

    /// The container that has this name of its host by itself, running and alone with it.
    pub(super) fn of_host(&self, short: &str) -> Option<&Row> {
        self.find(short).filter(|row| row.alone && row.life.as_ref().is_some_and(|life| !life.is_over()))
    }

    /// The agent's own container.
    pub(super) fn own(&self) -> Option<&Row> {
        self.own.as_ref().and_then(|own| self.find(own.as_str()))
    }

    /// Whether it is the agent's own container.
    pub(super) fn is_own(&self, who: &Who) -> bool {
        self.own.as_ref().is_some_and(|own| own.as_str() == &*who.container_id)
    }
}
