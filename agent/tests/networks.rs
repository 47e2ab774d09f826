//! Traffic is counted once, with whom it belongs to.
//!
//! Promised: a container with its own network namespace has a series for each interface; one which shares another's, or the
//! host's, has none, whatever the start order; the host's traffic stands on `id="/"`.

mod support;

use support::{
    container::{Role, Running},
    docker::Turn,
    page::Page,
    scene::Scene,
    wait::{eventually, holds, promptly},
};

fn interfaces(page: &Page, container: &Running) -> Vec<String> {
    let named = [("name", container.name.as_str())];
    let rows = page.all("container_network_receive_bytes_total", &named);
    rows.map(|sample| sample.label("interface").to_owned()).collect()
}

#[test]
fn a_shared_namespace_belongs_to_its_owner() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let owner = scene.docker.container("owner").start();
    let network = format!("container:{}", owner.id);
    let script = "while :; do echo hello | nc -w 1 127.0.0.1 9; sleep 0.1; done";
    let guest =
        scene.docker.container("guest").options(&["--network", &network]).role(Role::Script(script.into())).start();
    promptly("both", || {
        let page = scene.agent.scrape();
        page.require("container_last_seen", &[("name", &owner.name)])?;
        page.require("container_last_seen", &[("name", &guest.name)])
    });
    let page = scene.agent.scrape();
    assert_eq!(interfaces(&page, &owner), ["eth0"]);
    assert_eq!(interfaces(&page, &guest), [""; 0]);
}

#[test]
fn host_and_no_networking_have_no_series() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let [host, none] = ["host", "none"].map(|mode| scene.docker.container(mode).options(&["--network", mode]).start());
    promptly("both", || {
        let page = scene.agent.scrape();
        page.require("container_last_seen", &[("name", &host.name)])?;
        page.require("container_last_seen", &[("name", &none.name)])
    });
    let page = scene.agent.scrape();
    assert_eq!(interfaces(&page, &host), [""; 0]);
    assert_eq!(interfaces(&page, &none), [""; 0]);
    let root: Vec<_> = page.all("container_network_receive_bytes_total", &[("id", "/")]).collect();
    assert!(!root.is_empty(), "the host's interfaces stand on the root");
    assert!(root.iter().all(|sample| sample.label("name").is_empty() && sample.label("image").is_empty()));
}

#[test]
fn an_interface_added_later_is_seen() {
    let Some(scene) = Scene::or_skip(Turn::Shared) else { return };
    let network = scene.docker.unique("second");
    scene.docker.run(&["network", "create", &network]);
    let container = scene.docker.container("two-legs").start();
    promptly("a start", || scene.agent.scrape().require("container_last_seen", &[("name", &container.name)]));
    scene.docker.run(&["network", "connect", &network, &container.id]);
    promptly("a second interface", || {
        let found = interfaces(&scene.agent.scrape(), &container);
        holds(found == ["eth0", "eth1"], || format!("{found:?}"))
    });
    promptly("the network", || {
        let page = scene.agent.scrape();
        let driver =
            page.one("spyhop_network_info", &[("network", &network)]).ok_or("not known")?.label("driver").to_owned();
        holds(driver == "bridge", || driver).map_err(|_| "not a bridge")
    });
    container.remove();
    scene.docker.run(&["network", "rm", &network]);
    let product = scene.docker.product();
    if product
        .leaves_out(product.is_podman_4(), "it announces no networks: a removed one is known for up to five minutes")
    {
        return;
    }
    eventually("the network is forgotten", || {
        scene.agent.scrape().absent("spyhop_network_info", &[("network", &network)])
    });
}
