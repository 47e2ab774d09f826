//! The rules, and a test for each on what is shipped. The seventeen whose names end in `-rule` (and `uneditable-dashboard`) are those of
//! grafana/dashboard-linter, in a stricter form: on the tree of an expression, in three modes, without exclusions.

mod known;
mod links;
mod panels;
mod schema;
mod targets;
mod templates;
mod units;

pub(crate) use panels::{Emptiness, emptiness_of};
pub(crate) use schema::UIDS;

use crate::{
    model::{Board, File, shipped},
    names::Catalogue,
};

/// What is judged, and by what.
#[derive(Debug)]
pub(crate) struct Fleet<'a> {
    pub(crate) files: &'a [File],
    pub(crate) catalogue: &'a Catalogue,
    /// Only the first board is judged by itself: the others are there for it to belong to.
    pub(crate) first_alone: bool,
}

impl Fleet<'_> {
    /// What can be read; the rest is the schema's business.
    pub(crate) fn boards(&self) -> impl Iterator<Item = &Board> {
        self.files.iter().filter_map(|file| file.board.as_ref().ok())
    }

    /// What a rule has to say of each board, with the board's name before it.
    fn each(&self, judge: impl Fn(&Board, &mut Vec<String>)) -> Vec<String> {
        let judged = |board: &Board| {
            let mut found = Vec::new();
            judge(board, &mut found);
            found.into_iter().map(|what| format!("{}: {what}", board.uid)).collect::<Vec<_>>()
        };
        let boards = self.boards().take(if self.first_alone { 1 } else { usize::MAX });
        boards.flat_map(judged).collect()
    }
}

/// Gives complaints, none when all is well.
pub(crate) type Check = fn(&Fleet<'_>) -> Vec<String>;

macro_rules! checks {
    ($($id:ident $name:literal $check:path;)*) => {
        /// Every rule.
        pub(crate) const CHECKS: &[(&str, Check)] = &[$(($name, $check)),*];

        mod of_what_is_shipped {
            $(#[test]
            fn $id() {
                super::hold($name, $check);
            })*
        }
    };
}

checks! {
    schema "schema" crate::lint::schema::schema;
    identity "identity" crate::lint::schema::identity;
    layout "layout" crate::lint::schema::layout;
    panel_types_and_options "panel-types" crate::lint::schema::panel_types;

    template_datasource_rule "template-datasource-rule" crate::lint::templates::datasources;
    template_job_rule "template-job-rule" crate::lint::templates::job;
    template_instance_rule "template-instance-rule" crate::lint::templates::instance;
    template_label_promql_rule "template-label-promql-rule" crate::lint::templates::label_promql;
    template_on_time_change_reload_rule "template-on-time-change-reload-rule" crate::lint::templates::reload;
    template_chain "template-chain" crate::lint::templates::chain;
    template_use "template-use" crate::lint::templates::used;

    panel_datasource_rule "panel-datasource-rule" crate::lint::panels::datasources;
    panel_title_description_rule "panel-title-description-rule" crate::lint::panels::title_description;
    panel_units_rule "panel-units-rule" crate::lint::units::present;
    panel_no_targets_rule "panel-no-targets-rule" crate::lint::panels::targets;
    panel_no_value "panel-no-value" crate::lint::panels::no_value;
    panel_emptiness "panel-emptiness" crate::lint::panels::emptiness;
    units_fit "units-fit" crate::lint::units::fit;

    target_promql_rule "target-promql-rule" crate::lint::targets::promql;
    target_logql_rule "target-logql-rule" crate::lint::targets::logql;
    target_logql_auto_rule "target-logql-auto-rule" crate::lint::targets::logql_auto;
    target_rate_interval_rule "target-rate-interval-rule" crate::lint::targets::rate_interval;
    target_job_rule "target-job-rule" crate::lint::targets::job;
    target_instance_rule "target-instance-rule" crate::lint::targets::instance;
    target_counter_agg_rule "target-counter-agg-rule" crate::lint::targets::counter;
    known_metrics "known-metrics" crate::lint::known::metrics;
    known_labels "known-labels" crate::lint::known::labels;
    known_legends "known-legends" crate::lint::known::legends;
    known_log_labels "known-log-labels" crate::lint::known::log_labels;

    uneditable_dashboard "uneditable-dashboard" crate::lint::schema::uneditable;
    links "links" crate::lint::links::lead_somewhere;
    alerts_lead_to_boards "alerts" crate::lint::links::alerts;
    annotations "annotations" crate::lint::links::annotations;
}

#[track_caller]
fn hold(name: &str, check: Check) {
    let files = shipped();
    assert!(!files.is_empty(), "no dashboards");
    let wrong = check(&Fleet { files: &files, catalogue: &Catalogue::whole(), first_alone: false });
    assert!(wrong.is_empty(), "{name}: {} complaints\n{}", wrong.len(), wrong.join("\n"));
}
