//! What the fake engine contains.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
};

use serde_json::{Value, json};

use super::{
    container::{FakeContainer, id_of},
    faults::{Fault, Route},
    logs::Kept,
};

/// Everything the answers are made from. Public fields: a test may bend any of them.
#[derive(Clone, Debug)]
pub struct World {
    /// `GET /version`; its `ApiVersion` and `MinAPIVersion` decide which paths are served.
    pub version: Value,
    /// `GET /info`.
    pub info: Value,
    pub containers: Vec<FakeContainer>,
    /// Elements put into `GET /containers/json` as they are, before the containers' own.
    pub odd_rows: Vec<Value>,
    /// Elements of `GET /networks`.
    pub networks: Vec<Value>,
    /// Answers of `GET /images/{id}/json`; images of containers answer without being listed here.
    pub images: BTreeMap<String, Value>,
    /// Where containers were found by id: with ten thousand of them a search for each question would be the slowest part of a test.
    places: RefCell<HashMap<String, usize>>,
    /// What containers wrote, by id.
    pub(super) logs: BTreeMap<String, Kept>,
    pub(super) faults: HashMap<Route, (Fault, bool)>,
    pub(super) separator: &'static str,
    /// `die` comes after `stop` and the networks' `disconnect`, not before.
    pub(super) death_last: bool,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// The recorded Engine 20.10 (API 1.41) with its three own networks and no container.
    pub fn new() -> Self {
        let recorded = |text: &str| -> Value { serde_json::from_str(text).expect("recorded answers are JSON") };
        let mut networks = recorded(include_str!("../../fixtures/engine/1.41/networks.json"));
        let networks = networks.as_array_mut().expect("an array");
        networks.retain(|network| matches!(network["Name"].as_str(), Some("none" | "host" | "bridge")));
        Self {
            version: recorded(include_str!("../../fixtures/engine/1.41/version.json")),
            info: recorded(include_str!("../../fixtures/engine/1.41/info.json")),
            containers: Vec::new(),
            odd_rows: Vec::new(),
            networks: networks.clone(),
            images: BTreeMap::new(),
            logs: BTreeMap::new(),
            places: RefCell::default(),
            faults: HashMap::new(),
            separator: "\n",
            death_last: false,
        }
    }

    /// The recorded Engine 28 (API 1.51), which tells an end in another order: kill, stop, disconnect, die.
    pub fn engine_28() -> Self {
        let recorded = |text: &str| -> Value { serde_json::from_str(text).expect("recorded answers are JSON") };
        Self {
            version: recorded(include_str!("../../fixtures/engine/1.51/version.json")),
            info: recorded(include_str!("../../fixtures/engine/1.51/info.json")),
            death_last: true,
            ..Self::new()
        }
    }

    /// With one more container.
    pub fn with(mut self, container: FakeContainer) -> Self {
        self.containers.push(container);
        self
    }

    /// Speaking these API versions.
    pub fn api(mut self, newest: &str, oldest: &str) -> Self {
        self.version["ApiVersion"] = json!(newest);
        self.version["MinAPIVersion"] = json!(oldest);
        self
    }

    /// With one more network, a bridge.
    pub fn network(mut self, name: &str, subnet: &str) -> Self {
        self.networks.push(json!({
            "Name": name, "Id": id_of(name), "Created": "2026-11-21T09:29:56.381163326Z", "Scope": "local", "Driver": "bridge",
            "EnableIPv6": false, "IPAM": { "Driver": "default", "Options": {}, "Config": [{ "Subnet": subnet }] },
            "Internal": false, "Attachable": false, "Ingress": false, "Containers": {}, "Options": {}, "Labels": {},
        }));
        self
    }

    /// A container by its name; panics when there is none.
    pub fn container_mut(&mut self, name: &str) -> &mut FakeContainer {
        let found = self.containers.iter_mut().find(|container| container.name() == name);
        found.unwrap_or_else(|| panic!("the fake engine has no container {name}"))
    }

    /// A network by its name; one that is not listed is made up, as tests seldom care.
    pub fn network_named(&self, name: &str) -> Value {
        let found = self.networks.iter().find(|network| network["Name"] == name).cloned();
        found.unwrap_or_else(|| json!({ "Name": name, "Id": id_of(name), "Driver": "bridge" }))
    }

    pub(super) fn take_fault(&mut self, route: Route) -> Option<Fault> {
        let (fault, once) = self.faults.get(&route).cloned()?;
        if once {
            self.faults.remove(&route);
        }
        Some(fault)
    }

    pub(super) fn by_key(&self, key: &str) -> Option<&FakeContainer> {
        let mut places = self.places.borrow_mut();
        let known = places.get(key).and_then(|place| self.containers.get(*place)).filter(|c| c.id_str() == key);
        if known.is_some() {
            return known;
        }
        places.clear();
        places.extend(self.containers.iter().enumerate().map(|(place, c)| (c.id_str().to_owned(), place)));
        let exact = |c: &&FakeContainer| c.id_str() == key || c.name() == key;
        let prefix = |c: &&FakeContainer| !key.is_empty() && c.id_str().starts_with(key);
        self.containers.iter().find(exact).or_else(|| self.containers.iter().find(prefix))
    }

    pub(super) fn rows(&self, all: bool) -> Vec<Value> {
        let shown = |c: &&FakeContainer| all || c.inspect["State"]["Running"] == true;
        self.odd_rows.iter().cloned().chain(self.containers.iter().filter(shown).map(FakeContainer::row)).collect()
    }

    pub(super) fn image(&self, id: &str) -> Option<Value> {
        if let Some(listed) = self.images.get(id) {
            return Some(listed.clone());
        }
        let used = self.containers.iter().any(|c| c.inspect["Image"] == id || c.inspect["Config"]["Image"] == id);
        used.then(|| {
            let mut image: Value =
                serde_json::from_str(include_str!("../../fixtures/engine/1.41/image.json")).expect("JSON");
            image["Id"] = json!(id);
            image
        })
    }
}
