//! The phenom-provisioner service.

pub mod intake;
