//! Sections `loki`, `loki_2`, `loki_3`: where logs go.

use super::{
    keys::loki as keys,
    layers::Values,
    server::{Server, given},
};

/// One place logs go to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loki {
    /// The section, which names its folder in the state directory too.
    pub section: &'static str,
    /// Where it is: the address before Loki's own path.
    pub server: Server,
    /// Tenant.
    pub tenant: Option<String>,
}

impl Loki {
    /// Takes the keys of all sections once; those without an address are left out.
    pub(super) fn take_all(values: &mut Values) -> Vec<Self> {
        macro_rules! take {
            ($module:ident, $section:literal) => {{
                let (given, tenant) = (given!(values, keys::$module, URL), values.take(&keys::$module::TENANT));
                given.check($section, values).map(|server| Self { section: $section, server, tenant })
            }};
        }
        [take!(first, "loki"), take!(second, "loki_2"), take!(third, "loki_3")].into_iter().flatten().collect()
    }
}
