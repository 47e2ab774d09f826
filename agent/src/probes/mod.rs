//! Questions to services: whether they answer, and what their answers say.

pub mod postgres;
pub mod redis;
pub mod traefik;
