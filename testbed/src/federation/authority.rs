//! A certificate authority of a test's own: made at run time, and trusted by nobody but the servers of one federation.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

use crate::synapse::Tls;

/// Where it writes certificates and keys: a directory that others remove.
#[derive(Debug)]
pub(super) struct Authority {
    directory: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(super) fn new(directory: &Path) -> Result<Authority> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "the authority of a test");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().context("make the authority's key")?;
        let certificate = params.self_signed(&key).context("sign the authority")?;
        let authority = Authority { directory: directory.to_owned(), issuer: Issuer::new(params, key) };
        authority.write("authority.pem", &certificate.pem())?;
        Ok(authority)
    }

    /// The certificate that servers trust.
    pub(super) fn certificate(&self) -> PathBuf {
        self.directory.join("authority.pem")
    }

    /// A certificate for a host: a name, or an address.
    pub(super) fn issue(&self, name: &str, host: &str) -> Result<Tls> {
        let mut params = CertificateParams::new([host.to_owned()]).context("name the host")?;
        // Of the same name as its issuer it would be taken for signed by itself.
        params.distinguished_name.push(DnType::CommonName, host);
        params.use_authority_key_identifier_extension = true;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().context("make a server's key")?;
        let certificate = params.signed_by(&key, &self.issuer).context("sign a server's certificate")?;
        Ok(Tls {
            certificate: self.write(&format!("{name}.pem"), &certificate.pem())?,
            key: self.write(&format!("{name}.key"), &key.serialize_pem())?,
            authority: self.certificate(),
        })
    }

    fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.directory.join(name);
        std::fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        Ok(path)
    }
}
