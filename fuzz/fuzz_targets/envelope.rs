//! No bytes in a message panic the parser, and whatever it answers is fit to be logged.

#![no_main]

#[path = "../../src/intake/queue/envelope.rs"]
mod envelope;

use envelope::Expected;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let ours = |pool: Option<&str>| Expected {
        environment: "production".to_owned(),
        user_pool_id: pool.map(str::to_owned),
        server_name: "phenom.test".to_owned(),
        bot: "@provisioner:phenom.test".to_owned(),
    };
    let strict = envelope::read(body, None, &ours(Some("us-east-1_knEL7cqS3")));
    let lenient = envelope::read(body, None, &ours(None));
    if strict.is_ok() {
        assert_eq!(strict, lenient, "a pool only ever refuses");
    }
    for reading in [strict, lenient] {
        let shown = match reading {
            Ok(confirmation) => format!("{} {}", confirmation.subject, confirmation.user_pool_id),
            Err(refusal) => refusal.to_string(),
        };
        assert!(!shown.contains('@') && shown.is_ascii() && shown.len() < 400, "{shown}");
    }
});
