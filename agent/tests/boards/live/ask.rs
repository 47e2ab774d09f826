//! Questions as Grafana asks them, and what matters of the answers.

use std::{
    collections::BTreeMap,
    sync::Mutex,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::Value;

use super::workload::Server;
use crate::{
    interpolate::Clock,
    queries::Lookup,
    support::{
        wait::{factor, patience},
        wire,
    },
};

/// Time between two scrapes, in seconds: as short as this machine can keep up with.
pub(crate) fn interval() -> u32 {
    if factor() > 1.5 { 5 } else { 2 }
}

/// What stands for times: rates are over six scrapes, and all is asked for a minute of a quick machine.
pub(crate) fn clock() -> Clock {
    match interval() {
        2 => Clock { rate_interval: "12s", interval: "2s", range: 60, auto: "12s" },
        _ => Clock { rate_interval: "30s", interval: "5s", range: 150, auto: "30s" },
    }
}

/// What came back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// Series with at least one number that is one.
    pub(crate) series: usize,
    /// Warnings, and remarks of Prometheus 3.
    pub(crate) remarks: Vec<String>,
}

/// A Prometheus at a moment: everything is asked for the same minute, and nothing twice.
pub(crate) struct Asking<'a> {
    server: &'a Server,
    now: u64,
    known: Mutex<BTreeMap<String, Result<Value, String>>>,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(server: &'a Server) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        Self { server, now, known: Mutex::default() }
    }

    fn get(&self, path: String) -> Result<Value, String> {
        if let Some(known) = self.known.lock().expect("no panic under it").get(&path) {
            return known.clone();
        }
        let answer = wire::get(self.server.prometheus.address, &path, &[], patience())
            .map_err(|error| format!("{path}: {error}"));
        let body = answer.and_then(|answer| {
            serde_json::from_slice::<Value>(&answer.body).map_err(|error| format!("{path}: {error}"))
        });
        let body =
            body.and_then(|body| if body["status"] == "success" { Ok(body) } else { Err(body["error"].to_string()) });
        self.known.lock().expect("no panic under it").insert(path, body.clone());
        body
    }

    /// An expression, for now or for the last minute.
    pub(crate) fn query(&self, expression: &str, instant: bool) -> Result<Answer, String> {
        let text = wire::encode(expression);
        let path = if instant {
            format!("/api/v1/query?time={}&query={text}", self.now)
        } else {
            let from = self.now - u64::from(clock().range);
            format!("/api/v1/query_range?start={from}&end={}&step={}&query={text}", self.now, interval())
        };
        let body = self.get(path)?;
        let remarks = ["warnings", "infos"].iter().filter_map(|key| body[key].as_array()).flatten();
        let remarks = remarks.map(|remark| remark.as_str().unwrap_or_default().to_owned());
        // A counter of an exporter's own naming: Prometheus 3 remarks that its name does not end as counters' names should.
        let is_theirs = |remark: &String| remark.contains("might not be a counter") && remark.contains(": \"pg_");
        let remarks = remarks.filter(|remark| !is_theirs(remark)).collect();
        let result = &body["data"]["result"];
        let series = match body["data"]["resultType"].as_str() {
            Some("scalar") => usize::from(is_number(&result[1])),
            _ => result.as_array().into_iter().flatten().filter(|series| has_number(series)).count(),
        };
        Ok(Answer { series, remarks })
    }

    /// Values of a variable.
    pub(crate) fn values(&self, lookup: &Lookup) -> Result<Vec<String>, String> {
        let Lookup::LabelValues { selector, label } = lookup else {
            return Err("only label_values is asked for here".to_owned());
        };
        let from = self.now - u64::from(clock().range);
        let path =
            format!("/api/v1/label/{label}/values?start={from}&end={}&match[]={}", self.now, wire::encode(selector));
        let body = self.get(path)?;
        let values = body["data"].as_array().into_iter().flatten().filter_map(Value::as_str);
        Ok(values.map(str::to_owned).collect())
    }
}

fn is_number(value: &Value) -> bool {
    value.as_str().and_then(|text| text.parse::<f64>().ok()).is_some_and(|number| !number.is_nan())
}

fn has_number(series: &Value) -> bool {
    let points = series["values"].as_array().into_iter().flatten();
    points.chain([&series["value"]]).any(|point| is_number(&point[1]))
}
