//! What Grafana is given beside the dashboards, as files: no Grafana can be had here, so their form and the ways between them are all that
//! is tested.

use std::fs;

use spyhop::render::grafana::{Sources, grafana};

use crate::{model::shipped, root};

#[test]
fn the_stack_has_the_default_rendering() {
    for file in grafana(&Sources::default()) {
        let path = root().join("compose/stack/grafana").join(&file.name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &file.text).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, file.text, "{} is not in step, renew it with UPDATE_GOLDEN=1", path.display());
    }
}

#[test]
fn the_stack_mounts_provisioning_and_dashboards_where_grafana_looks() {
    let stack = fs::read_to_string(root().join("compose/stack.yml")).unwrap();
    let dashboards = Sources::default().dashboards;
    for line in [
        "      - ./stack/grafana/provisioning:/etc/grafana/provisioning:ro".to_owned(),
        format!("      - ${{SPYHOP_DASHBOARDS:-../dashboards}}:{dashboards}:ro"),
        format!("      GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH: {dashboards}/overview.json"),
        "      - --enable-feature=exemplar-storage".to_owned(),
    ] {
        assert!(stack.lines().any(|found| found == line), "compose/stack.yml has no line `{line}`");
    }
    assert!(shipped().iter().any(|file| file.name == "overview.json"));
}
