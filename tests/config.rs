//! The configuration as its user sees it: what passes, every error's full text, and the pages that tell of it.

#[path = "config/support.rs"]
mod support;

#[path = "config/accepted.rs"]
mod accepted;
#[path = "config/documents/mod.rs"]
mod documents;
#[path = "config/environment.rs"]
mod environment;
#[path = "config/printing.rs"]
mod printing;
#[path = "config/registration.rs"]
mod registration;
#[path = "config/relations.rs"]
mod relations;
#[path = "config/robustness.rs"]
mod robustness;
#[path = "config/secrets.rs"]
mod secrets;
#[path = "config/structure.rs"]
mod structure;
#[path = "config/values.rs"]
mod values;
#[path = "config/variables_alone.rs"]
mod variables_alone;
