//! A valid file, and ways to break it.

use std::path::{Path, PathBuf};

use phenom_provisioner::config::{Config, RoomIds};

/// The smallest useful configuration.
pub(crate) const MINIMAL: &str = r#"environment = "test"

[homeserver]
url = "http://localhost:8008"
server_name = "example.org"

[database]
url = "postgres://localhost/provisioner"

[roster]

[[rooms]]
key = "staff"
id = "!abc:example.org"
members = [{ team = "staff" }]
"#;

/// A folder with a `provisioner.toml` of the given text.
pub(crate) struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    pub(crate) fn with(text: &str) -> Self {
        let folder = Self { folder: tempfile::tempdir().expect("a temporary folder can be made") };
        folder.write("provisioner.toml", text);
        folder
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("the folder can be written");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn load(&self, variables: &[(&str, &str)]) -> Result<Config, String> {
        self.load_with(variables, RoomIds::Required)
    }

    pub(crate) fn load_with(&self, variables: &[(&str, &str)], room_ids: RoomIds) -> Result<Config, String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Config::load(&self.path("provisioner.toml").into(), variables, room_ids)
            .map_err(|errors| errors.to_string().replace(&format!("{}/", self.folder.path().display()), ""))
    }
}

/// The errors of a file.
pub(crate) fn errors(text: &str) -> String {
    errors_with(text, &[])
}

/// The errors of a file under variables.
pub(crate) fn errors_with(text: &str, variables: &[(&str, &str)]) -> String {
    Folder::with(text).load(variables).expect_err("the configuration should be refused")
}

/// The minimal file with one text replaced.
pub(crate) fn minimal_but(from: &str, to: &str) -> String {
    assert!(MINIMAL.contains(from), "{from} is not in the minimal file");
    MINIMAL.replacen(from, to, 1)
}

/// A file of the repository.
pub(crate) fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}
