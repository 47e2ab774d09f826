//! The label sets of a container: cAdvisor's, with the allow-listed labels, and our own identity.

use super::NamePatterns;
use crate::{
    exposition::{LabelSet, MAX_LABEL_VALUE, label_name},
    inventory::Entry,
};

/// More labels of one container than this are left out and counted: a series is copied for every family.
pub const MAX_LABELS_PER_CONTAINER: usize = 32;

/// Labels of every `container_*` series of a container, and how many allowed labels were left out: beyond
/// [`MAX_LABELS_PER_CONTAINER`], longer than a label may be, or with a name that an earlier key (in byte order) has taken.
pub(super) fn cadvisor(entry: &Entry, cgroup_path: Option<&str>, policy: &NamePatterns) -> (LabelSet, u64) {
    let container = &entry.container;
    let mut set = LabelSet::EMPTY;
    let base = [("id", cgroup_path.unwrap_or_default()), ("name", &container.name), ("image", &container.image)];
    set.extend(base.into_iter().filter(|(_, value)| !value.is_empty()));
    let mut names = Vec::<String>::new();
    let mut refused = 0;
    for (key, value) in container.labels.iter().filter(|(key, _)| policy.contain(key)) {
        match label_name("container_label_", key) {
            Some(name)
                if names.len() < MAX_LABELS_PER_CONTAINER
                    && value.len() <= MAX_LABEL_VALUE
                    && !names.contains(&name) =>
            {
                // An empty value is an absent label to Prometheus; the name stays taken all the same.
                if !value.is_empty() {
                    set.push(&name, value);
                }
                names.push(name);
            }
            _ => refused += 1,
        }
    }
    (set, refused)
}

/// Labels of every `spyhop_container_*` series of a container.
pub(super) fn own(entry: &Entry, host: &str) -> LabelSet {
    let key = &entry.container.identity.key;
    LabelSet::new([
        ("host", host),
        ("project", key.project.as_ref()),
        ("service", key.service.as_ref()),
        ("replica", entry.replica.as_ref()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{collectors::row::tests::entry, model::Labels};

    fn rendered(labels: &[(&str, &str)], policy: &NamePatterns) -> (String, u64) {
        let mut entry = entry("web", 1);
        entry.container.labels = Labels::new(labels.iter().map(|(k, v)| ((*k).into(), (*v).into())));
        let (set, refused) = cadvisor(&entry, Some("/docker/x"), policy);
        let rest = set.as_str().strip_prefix(r#"id="/docker/x",name="web",image="image:1""#).unwrap();
        (rest.trim_start_matches(',').to_owned(), refused)
    }

    #[test]
    fn only_allowed_labels_are_shown() {
        let labels = [("com.docker.compose.service", "web"), ("secret", "x"), ("org.label-schema.group", "")];
        let (set, refused) = rendered(&labels, &NamePatterns::identity());
        assert_eq!((set.as_str(), refused), (r#"container_label_com_docker_compose_service="web""#, 0));
        assert_eq!(rendered(&labels, &NamePatterns::new([""; 0])), (String::new(), 0));
        let (all, _) = rendered(&labels, &NamePatterns::new(["*"]));
        assert!(all.contains(r#"container_label_secret="x""#));
        let (some, _) = rendered(&labels, &NamePatterns::new(["com.docker.*"]));
        assert!(some.contains("compose_service") && !some.contains("secret"));
    }

    #[test]
    fn of_two_keys_with_one_name_the_first_wins() {
        let all = NamePatterns::new(["*"]);
        let (set, refused) = rendered(&[("a.b", "dot"), ("a-b", "dash"), ("a_b", "line")], &all);
        assert_eq!((set.as_str(), refused), (r#"container_label_a_b="dash""#, 2));
        // An empty value does not hand its name on: which label is shown never depends on values.
        assert_eq!(rendered(&[("a-b", ""), ("a.b", "dot")], &all), (String::new(), 1));
    }

    #[test]
    fn long_and_many_labels_are_left_out_and_counted() {
        let all = NamePatterns::new(["*"]);
        let long = "x".repeat(MAX_LABEL_VALUE + 1);
        assert_eq!(rendered(&[("long", &long)], &all), (String::new(), 1));
        assert_eq!(rendered(&[(&long, "value")], &all), (String::new(), 1));
        let many: Vec<String> = (0..40).map(|n| format!("key{n:02}")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "v")).collect();
        let (set, refused) = rendered(&many, &all);
        assert_eq!((set.matches("=").count(), refused), (MAX_LABELS_PER_CONTAINER, 8));
    }

    #[test]
    fn own_labels_are_the_identity() {
        assert_eq!(own(&entry("web", 1), "h").as_str(), r#"host="h",project="",service="web",replica="1""#);
    }
}
