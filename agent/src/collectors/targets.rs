//! `spyhop_target_*`: which declared endpoints the agent reaches, and how the merge before this page went.

use crate::{
    exposition::{Page, catalogue::target as family},
    targets::Targets,
};

pub(super) fn write(targets: &Targets, page: &mut Page) {
    let list = targets.list();
    let mut reachable = page.family(&family::REACHABLE);
    for target in &list.targets {
        let reason = target.end.as_ref().err().map_or("", |reason| reason.as_str());
        reachable.sample_with(&target.labels, &[("reason", reason)], target.end.is_ok());
    }
    let verdicts = targets.verdicts();
    let mut up = page.family(&family::UP);
    verdicts.iter().for_each(|verdict| up.sample(&verdict.labels, verdict.up));
    let mut duration = page.family(&family::SCRAPE_DURATION);
    verdicts.iter().for_each(|verdict| duration.sample(&verdict.labels, verdict.duration.as_secs_f64()));
    let mut samples = page.family(&family::SAMPLES);
    verdicts.iter().for_each(|verdict| samples.sample(&verdict.labels, verdict.samples));
    let mut left_out = page.family(&family::SAMPLES_LEFT_OUT);
    verdicts.iter().for_each(|verdict| left_out.sample(&verdict.labels, verdict.left_out));
}
