//! phenom-provisioner: an application service that owns provisioning and room policy.

pub mod homeserver;
