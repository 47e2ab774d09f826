//! The other side, whatever is spoken with it: its address, who we are to it, whom to trust, and the way there.

mod dial;
mod error;
mod material;
mod settings;

pub(super) use self::{
    dial::{Driver, dial},
    material::{Keeper, Material},
    settings::Server,
};
pub use self::{
    error::SendError,
    material::MaterialError,
    settings::{Auth, Credential, Settings, SettingsError, Tls},
};
