//! Secrets, as values and in files.

use crate::support::{Folder, MINIMAL, minimal_but};

const FROM_FILE: &str = "url_file = \"database-url\"";

fn with_file(content: &str) -> Folder {
    let folder = Folder::with(&minimal_but("url = \"postgres://localhost/provisioner\"", FROM_FILE));
    folder.write("database-url", content);
    folder
}

#[test]
fn file_is_read_without_its_last_newline() {
    let config = with_file("postgres://bot:hunter2@localhost/x\r\n").load(&[]).unwrap();
    assert_eq!(config.database.url.expose(), "postgres://bot:hunter2@localhost/x");
}

#[test]
fn variable_can_name_the_file() {
    let folder = with_file("postgres://bot@localhost/x\n");
    folder.write("hook", "0123456789abcdef0123\n");
    let path = folder.path("hook").display().to_string();
    let config = folder.load(&[("PHENOM_PROVISIONER__ADMIN__HOOK_SECRET_FILE", &path)]).unwrap();
    assert_eq!(config.admin.hook_secret.unwrap().expose(), "0123456789abcdef0123");
}

#[test]
fn debug_shows_no_secret() {
    let config = with_file("postgres://bot:hunter2@localhost/x").load(&[]).unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn both_ways_at_once() {
    let text = MINIMAL.replace("[roster]", "[roster]\nurl = \"postgres://a:hunter2@b/c\"\nurl_file = \"roster-url\"");
    let errors = Folder::with(&text).load(&[("PHENOM_PROVISIONER__DATABASE__URL_FILE", "/run/secrets/x")]).unwrap_err();
    insta::assert_snapshot!(errors, @"
    2 errors in provisioner.toml:
      1. provisioner.toml:12: roster.url_file is given, and so is url (line 11)
         → keep one of url and url_file
      2. PHENOM_PROVISIONER__DATABASE__URL_FILE: database.url_file is given, and so is url (line 8)
         → keep one of url and url_file
    ");
}

#[test]
fn file_that_cannot_be_read() {
    let folder = with_file("\n");
    let variables = [
        ("PHENOM_PROVISIONER__ADMIN__HOOK_SECRET_FILE", "missing"),
        ("PHENOM_PROVISIONER__ROSTER__URL_FILE", "postgres://bot:hunter2@localhost/x"),
    ];
    insta::assert_snapshot!(folder.load(&variables).unwrap_err(), @r#"
    3 errors in provisioner.toml:
      1. provisioner.toml:8: database.url_file = "database-url" names an empty file
         → put the secret into that file
      2. PHENOM_PROVISIONER__ADMIN__HOOK_SECRET_FILE: admin.hook_secret_file = "missing" cannot be read: No such file or directory (os error 2)
         → hook_secret_file takes the path of a file that holds the secret and that this user may read
      3. PHENOM_PROVISIONER__ROSTER__URL_FILE: roster.url_file = "postgres://bot:…@localhost/x" cannot be read: No such file or directory (os error 2)
         → url_file takes the path of a file that holds the secret and that this user may read
    "#);
    let folder = Folder::with(&minimal_but("url = \"postgres://localhost/provisioner\"", "url_file = 7"));
    insta::assert_snapshot!(folder.load(&[]).unwrap_err(), @r#"
    error in provisioner.toml:8: database.url_file is not a path
      → write url_file = "/run/secrets/…"
    "#);
}

#[test]
fn secret_at_the_wrong_key_is_not_shown() {
    let text = MINIMAL
        .replace("http://localhost:8008", "bot:hunter2@localhost")
        .replace("environment = \"test\"", "environment = [\"postgres://bot:hunt \\\"er2@localhost/x\"]")
        .replace("example.org\"\n\n", "https://bot:hunter2@example.org\"\n\n");
    let errors = Folder::with(&text).load(&[]).unwrap_err();
    assert!(!errors.contains("hunt") && !errors.contains("er2"), "{errors}");
    insta::assert_snapshot!(errors, @r#"
    3 errors in provisioner.toml:
      1. provisioner.toml:1: environment = ["postgres://bot:…@localhost/x"] is not a string
         → write one value in quotes
      2. provisioner.toml:4: homeserver.url = "bot:…@localhost" has no scheme
         → write "http://bot:…@localhost" or "https://bot:…@localhost"
      3. provisioner.toml:5: homeserver.server_name = "https://bot:…@example.org" is a URL, not a server name
         → write the part of user ids after the colon, perhaps "example.org"; the URL goes into homeserver.url
    "#);
}

#[test]
fn content_that_is_refused_is_not_shown() {
    insta::assert_snapshot!(with_file("mysql://bot:hunter2@localhost/x").load(&[]).unwrap_err(), @"
    error in provisioner.toml:8: database.url (from the file that database.url_file names) is a mysql URL, not a Postgres one
      → write it like postgres://user:password@host:5432/database
    ");
}

#[test]
fn missing_secret_names_both_ways() {
    insta::assert_snapshot!(Folder::with(&minimal_but("url = \"postgres://localhost/provisioner\"", "")).load(&[]).unwrap_err(), @r#"
    error in provisioner.toml:7: database.url is missing
      → add url = "postgres://localhost/database", or url_file, the path of a file that holds it
    "#);
}
