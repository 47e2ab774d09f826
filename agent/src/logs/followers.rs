//! Containers whose lines the engine is asked for: a task each, from its answer to pieces.

use std::sync::Arc;

use super::{Piece, Position, options::SourceChoice};
use crate::model::{ContainerId, LogSetup};

/// Where a container's lines can be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// In this file and those beside it; where it may not be read, of the engine.
    File(Arc<str>),
    /// Of the engine.
    Api,
    /// Nowhere: why.
    None(&'static str),
}

/// A plan, and what is to be thought of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Planned {
    /// Where.
    pub plan: Plan,
    /// The engine may drop messages before anybody sees them.
    pub lossy: bool,
}

/// Where a container's lines can be had, by what its engine says.
pub(super) fn plan(setup: &LogSetup, choice: SourceChoice) -> Planned {
    let driver = setup.driver.as_deref().unwrap_or_default();
    let (plan, lossy) = match driver {
        "none" => (Plan::None("driver_none"), false),
        "json-file" => match &setup.path {
            Some(path) if choice == SourceChoice::Auto => (Plan::File(Arc::clone(path)), false),
            _ => (Plan::Api, false),
        },
        "local" | "journald" | "" => (Plan::Api, false),
        _ if setup.cache_disabled => (Plan::None("cache_disabled"), false),
        // The engine's own copy beside a driver that cannot be read is written through a buffer that drops.
        _ => (Plan::Api, true),
    };
    Planned { plan, lossy: lossy || setup.non_blocking }
}

/// What a follower says to the worker.
#[derive(Debug)]
pub(super) enum Message {
    Pieces { id: ContainerId, pieces: Pieces },
    Gap { id: ContainerId },
    Ended { id: ContainerId },
    Unreadable { id: ContainerId, reason: &'static str },
}

impl Message {
    pub(super) const fn id(&self) -> &ContainerId {
        match self {
            Self::Pieces { id, .. } | Self::Gap { id } | Self::Ended { id } | Self::Unreadable { id, .. } => id,
        }
    }
}

#[derive(Debug)]
pub(super) struct Pieces;
impl Pieces {
    pub(super) fn iter(&self) -> impl Iterator<Item = Piece<'_>> {
        std::iter::empty()
    }
}

#[derive(Debug)]
pub(super) struct Followers;
impl Followers {
    pub(super) fn new(
        _engine: crate::engine::Engine,
        _bell: super::bell::Bell,
    ) -> (Self, std::sync::mpsc::Receiver<Message>) {
        let (_tx, rx) = std::sync::mpsc::channel();
        (Self, rx)
    }
    pub(super) fn follows(&self, _id: &ContainerId) -> bool {
        true
    }
    pub(super) fn start(&mut self, _id: &ContainerId, _tty: bool, _start: [Option<Position>; 2]) {}
    pub(super) fn stop(&mut self, _id: &ContainerId) {}
}
