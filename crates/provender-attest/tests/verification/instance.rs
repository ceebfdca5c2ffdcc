//! A Sigstore in this process.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use provender_attest::{
    Bundle, CertificateRequest, PrivateKey, Signer, SigningBackend, Statement, Subject, TrustRoot,
    Verifier,
};
use provender_authority::ca::SigningCertRequest;
use provender_authority::oidc::TokenSubject;
use provender_authority::testing::{AdjustedClock, MemoryStores, Offline};
use provender_authority::trust::PublicOrigin;
use provender_authority::{Authority, Options};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const ARTIFACT: &[u8] = b"hello world";
pub(crate) const SIGNER: &str = "http://localhost:8080/-/tokens/ci";
pub(crate) const ISSUER: &str = "http://localhost:8080/-/oidc";
const ORIGIN: &str = "http://localhost:8080";

/// An authority, and whom it takes us for.
pub(crate) struct Instance {
    authority: Authority,
    clock: Arc<AdjustedClock>,
    _folder: TempDir,
}

impl Instance {
    pub(crate) async fn open() -> Self {
        Self::open_with("{}").await
    }

    /// With the settings of this JSON.
    pub(crate) async fn open_with(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let origin = PublicOrigin::try_from(&ORIGIN.parse().unwrap()).unwrap();
        let clock = Arc::new(AdjustedClock::default());
        let mut options = Options::new(
            folder.path().join("data"),
            origin,
            Arc::new(MemoryStores::default()),
            Arc::new(Offline),
        );
        options.clock = Arc::clone(&clock) as _;
        options.settings = serde_json::from_str(settings).unwrap();
        let authority = Authority::open(options).await.unwrap();
        Self { authority, clock, _folder: folder }
    }

    pub(crate) fn trust(&self) -> Value {
        self.authority.trusted_root()
    }

    pub(crate) fn verifier(&self) -> Verifier {
        verifier(&self.trust())
    }

    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    pub(crate) fn put_clock(&self, seconds: i64) {
        self.clock.set_ahead(seconds);
    }

    pub(crate) async fn sign_artifact(&self) -> Bundle {
        let signer = Signer::with_certificate(self).await.unwrap();
        signer.sign_digest(&sha256(ARTIFACT)).await.unwrap()
    }

    pub(crate) async fn sign_statement(&self) -> Bundle {
        let signer = Signer::with_certificate(self).await.unwrap();
        signer.sign_statement(&statement()).await.unwrap()
    }

    pub(crate) async fn sign_with(&self, key: PrivateKey) -> Bundle {
        Signer::with_key(self, key).sign_digest(&sha256(ARTIFACT)).await.unwrap()
    }
}

pub(crate) fn verifier(trust: &Value) -> Verifier {
    let root = TrustRoot::parse(trust.to_string().as_bytes()).unwrap();
    Verifier::new(&root).unwrap()
}

pub(crate) fn statement() -> Statement {
    let digest = [("sha256".to_owned(), hex::encode(sha256(ARTIFACT)))];
    Statement {
        subjects: vec![Subject::new("artifact", digest)],
        predicate_type: "https://example.com/said/v1".to_owned(),
        predicate: json!({"said": true}),
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

impl SigningBackend for Instance {
    async fn certificate(
        &self,
        request: &CertificateRequest,
    ) -> Result<Vec<Vec<u8>>, Box<dyn std::error::Error + Send + Sync>> {
        let subject = TokenSubject::Machine { uri: SIGNER.to_owned(), token: "0a1b".to_owned() };
        let now = self.authority.now();
        let token = self.authority.issuer().mint(&subject, "sigstore", None, now)?;
        let request = json!({
            "credentials": { "oidcIdentityToken": token },
            "certificateSigningRequest": STANDARD.encode(request.to_pem()),
        });
        let request = SigningCertRequest::from_json(request.to_string().as_bytes())?;
        Ok(self.authority.sign_certificate(request, None).await?.chain().to_vec())
    }

    async fn timestamp(
        &self,
        request: &[u8],
    ) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.authority.timestamp(request).into_der())
    }

    async fn log(&self, entry: Value) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let entry = self.authority.append(entry.to_string().as_bytes()).await?;
        Ok(serde_json::from_slice(&entry.to_json())?)
    }
}
