//! Where a listener of this service is found from the same machine, and where the internal one is, for a process beside it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde_json::Value;

use super::{
    AdminSection, ConfigErrors, ConfigLocation, ValueOrigin,
    document::Document,
    environment::{self, PREFIX},
    grammar::{self, GrammarContext},
    report::ProblemReport,
    schema::{property, schema},
};

/// What listens everywhere is found on the loopback.
pub fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// `admin.listen` alone. No secret is read for it, and what is wrong elsewhere does not matter: a service that runs was started
/// with a configuration that was right.
pub fn admin_listen(
    location: &ConfigLocation,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<SocketAddr, ConfigErrors> {
    const AT: &str = "/admin/listen";
    let variables: Vec<(String, String)> = variables.collect();
    let text = location.text(&variables)?;
    let mut document = Document::parse(&text).map_err(|problem| ConfigErrors::new(location.name(), vec![problem]))?;
    let schema = schema();
    let mut problems = environment::apply(&mut document, &schema, variables.into_iter());
    let ours = format!("{PREFIX}ADMIN");
    problems.retain(|problem| match &problem.origin {
        ValueOrigin::Variable(name) => *name == ours || *name == format!("{ours}__LISTEN"),
        _ => false,
    });
    let Some(value) = document.value.pointer(AT) else {
        return match problems.is_empty() {
            true => Ok(AdminSection::default().listen),
            false => Err(ConfigErrors::new(location.name(), problems)),
        };
    };
    let mut report = ProblemReport::new(&document.places);
    let kind = property(&schema, "admin").and_then(|admin| property(admin, "listen")).unwrap_or(&Value::Null);
    if let Err(fault) = grammar::check("listen", value, kind, &GrammarContext::default()) {
        report.refuse(AT, Some(value), fault);
    }
    problems.extend(report.into_problems());
    match value.as_str().and_then(|text| text.parse().ok()) {
        Some(listen) if problems.is_empty() => Ok(listen),
        _ => Err(ConfigErrors::new(location.name(), problems)),
    }
}
