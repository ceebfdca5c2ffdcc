//! One repository of images as one caller sees it: requests as clients make them, routed by the
//! ecosystem and carried out by the registry's public calls.

use std::sync::Arc;

use bytes::Bytes;
use provender_domain::{FileName, PackageName, Problem, ProblemCode};
use provender_ecosystem::{
    Change, Form, Headers, Method, Operation, Path, RequestHead, Selection, SessionId, UploadStep,
};
use provender_registry::{
    Answer, Authorized, Begun, Caller, Extent, FileStream, Published, Registry, RenderedIndex,
    Upload,
};
use serde_json::Value;

use super::image::{INDEX, Image, MANIFEST, digest};
use crate::client::bytes_of;
use crate::{Client, TestRegistry};

/// A caller at a repository of images.
#[derive(Clone)]
pub(crate) struct Shelf {
    pub(crate) registry: Registry,
    pub(crate) repository: String,
    pub(crate) caller: Caller,
    /// The host that the client would have asked instead.
    host: Option<String>,
}

impl TestRegistry {
    /// The images of `main`, as the operator sees them.
    pub(crate) fn shelf(&self) -> Shelf {
        self.shelf_for("main", self.operator())
    }

    /// The images of a repository as this caller sees them.
    pub(crate) fn shelf_for(&self, repository: &str, caller: Caller) -> Shelf {
        let (registry, repository) = (self.registry.clone(), repository.to_owned());
        Shelf { registry, repository, caller, host: None }
    }
}

impl From<Client> for Shelf {
    fn from(client: Client) -> Self {
        let Client { registry, repository, caller } = client;
        Self { registry, repository, caller, host: None }
    }
}

/// One field at most.
struct OneField<'a>(Option<(&'static str, &'a str)>);

impl Headers for OneField<'_> {
    fn field(&self, name: &str) -> Option<&str> {
        self.0.filter(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

impl Shelf {
    /// The same repository for somebody else.
    pub(crate) fn by(&self, caller: Caller) -> Self {
        Self { caller, ..self.clone() }
    }

    /// The same for a client that names its upstream, as containerd does.
    pub(crate) fn instead_of(&self, host: &str) -> Self {
        Self { host: Some(host.to_owned()), ..self.clone() }
    }

    /// What a request comes to, if its caller may make it. `target` is what is behind
    /// `/v2/<repository>/`.
    pub(crate) fn request(
        &self,
        method: Method,
        target: &str,
        field: Option<(&'static str, &str)>,
    ) -> Result<Authorized<Operation>, Problem> {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let path = format!("/{path}");
        let path = Path::parse(&path).expect("a path of a test");
        let head = RequestHead {
            method,
            segments: &path.segments,
            trailing_slash: path.trailing_slash,
            query,
            headers: &OneField(field),
        };
        let operation = self.registry.ecosystem("oci").expect("it is there").route(&head)?;
        let found = self.registry.authorize(&self.caller, &self.repository, "oci", operation)?;
        Ok(found.from_host(self.host.as_deref()))
    }

    async fn get(&self, target: &str) -> Result<Answer, Problem> {
        self.registry.read(self.request(Method::Get, target, None)?).await
    }

    async fn document(&self, target: &str) -> Result<Arc<RenderedIndex>, Problem> {
        match self.get(target).await? {
            Answer::Index(index, _) => Ok(index),
            _ => panic!("{target} is answered from memory"),
        }
    }

    /// The manifest under a tag or digest, with all that is said of it.
    pub(crate) async fn manifest(
        &self,
        image: &str,
        reference: &str,
    ) -> Result<Arc<RenderedIndex>, Problem> {
        self.document(&format!("{image}/manifests/{reference}")).await
    }

    /// The digest that a tag points to.
    pub(crate) async fn points_to(&self, image: &str, tag: &str) -> Result<String, Problem> {
        self.manifest(image, tag).await.map(|found| digest(&found.identity))
    }

    /// A blob's bytes, to their end.
    pub(crate) async fn blob(&self, image: &str, digest: &str) -> Result<Vec<u8>, Problem> {
        match self.get(&format!("{image}/blobs/{digest}")).await? {
            Answer::File(answer) => Ok(bytes_of(answer)),
            Answer::Stream(mut stream) => {
                let mut bytes = Vec::new();
                while let Some(piece) = stream.next().await {
                    let cut = |_| Problem::new(ProblemCode::UpstreamFailed, "it was cut off");
                    bytes.extend_from_slice(&piece.map_err(cut)?);
                }
                Ok(bytes)
            }
            _ => panic!("a blob is a file"),
        }
    }

    /// What a client is told of a blob that asks for its head alone: its size, and whether that is
    /// an upstream's word.
    pub(crate) async fn head(&self, image: &str, digest: &str) -> Result<(u64, bool), Problem> {
        match self.head_of(&format!("{image}/blobs/{digest}")).await? {
            Answer::File(answer) => Ok((answer.size_bytes, false)),
            Answer::Head(head) => Ok((head.size_bytes, !head.is_for_publisher)),
            _ => panic!("{digest} is answered by its head"),
        }
    }

    /// The size of a manifest by a tag or digest, for a client that asks for its head alone, and
    /// whether it is told as to who may publish it.
    pub(crate) async fn manifest_head(
        &self,
        image: &str,
        reference: &str,
    ) -> Result<(u64, bool), Problem> {
        match self.head_of(&format!("{image}/manifests/{reference}")).await? {
            Answer::Index(index, _) => Ok((index.identity.len() as u64, false)),
            Answer::Head(head) => Ok((head.size_bytes, head.is_for_publisher)),
            _ => panic!("{reference} is answered by its head"),
        }
    }

    async fn head_of(&self, target: &str) -> Result<Answer, Problem> {
        let asked = self.request(Method::Get, target, None)?.asking_for(Extent::Head);
        self.registry.read(asked).await
    }

    /// A blob that is still on its way; `None` where it is here.
    pub(crate) async fn stream(
        &self,
        image: &str,
        digest: &str,
    ) -> Result<Option<FileStream>, Problem> {
        match self.get(&format!("{image}/blobs/{digest}")).await? {
            Answer::Stream(stream) => Ok(Some(stream)),
            _ => Ok(None),
        }
    }

    /// The names of an image's tags.
    pub(crate) async fn tags(&self, image: &str) -> Result<Vec<String>, Problem> {
        let index = self.document(&format!("{image}/tags/list")).await?;
        let json: Value = serde_json::from_slice(&index.identity).expect("JSON");
        let tags = json["tags"].as_array().expect("a list").iter();
        Ok(tags.map(|tag| tag.as_str().expect("a text").to_owned()).collect())
    }

    /// The digests of what refers to a manifest.
    pub(crate) async fn referrers(
        &self,
        image: &str,
        digest: &str,
    ) -> Result<Vec<String>, Problem> {
        let index = self.document(&format!("{image}/referrers/{digest}")).await?;
        let json: Value = serde_json::from_slice(&index.identity).expect("JSON");
        let manifests = json["manifests"].as_array().expect("a list").iter();
        Ok(manifests.map(|one| one["digest"].as_str().expect("a text").to_owned()).collect())
    }

    /// Begins an upload.
    pub(crate) async fn begin(&self, image: &str) -> Result<SessionId, Problem> {
        let operation = self.request(Method::Post, &format!("{image}/blobs/uploads/"), None)?;
        match self.registry.begin_upload(&operation).await? {
            Begun::Upload(upload) => {
                let session = upload.session().clone();
                upload.pause().await?;
                Ok(session)
            }
            Begun::Mounted(_) => panic!("nothing was to be mounted"),
        }
    }

    /// An upload under way, at its next request.
    pub(crate) async fn resume(
        &self,
        method: Method,
        image: &str,
        session: &SessionId,
        query: &str,
        from: Option<u64>,
    ) -> Result<(Authorized<Operation>, Upload), Problem> {
        let range = from.map(|from| format!("{from}-{}", from + 1));
        let field = range.as_deref().map(|range| ("content-range", range));
        let target = format!("{image}/blobs/uploads/{}{query}", session.as_str());
        let operation = self.request(method, &target, field)?;
        let upload = self.registry.resume_upload(&operation).await?;
        Ok((operation, upload))
    }

    /// A piece of an upload; answers how much of it is here then.
    pub(crate) async fn append(
        &self,
        image: &str,
        session: &SessionId,
        from: Option<u64>,
        bytes: &[u8],
    ) -> Result<u64, Problem> {
        let (_, mut upload) = self.resume(Method::Patch, image, session, "", from).await?;
        upload.write(Bytes::copy_from_slice(bytes)).await?;
        upload.pause().await
    }

    /// How much of an upload is here.
    pub(crate) async fn received(&self, image: &str, session: &SessionId) -> Result<u64, Problem> {
        let (_, upload) = self.resume(Method::Get, image, session, "", None).await?;
        upload.pause().await
    }

    /// The last piece of an upload.
    pub(crate) async fn finish(
        &self,
        image: &str,
        session: &SessionId,
        bytes: &[u8],
        digest: &str,
    ) -> Result<(), Problem> {
        let query = format!("?digest={digest}");
        let (operation, mut upload) =
            self.resume(Method::Put, image, session, &query, None).await?;
        upload.write(Bytes::copy_from_slice(bytes)).await?;
        self.registry.finish_upload(operation, upload).await.map(drop)
    }

    /// A blob in one request.
    pub(crate) async fn upload(&self, image: &str, bytes: &[u8]) -> Result<(), Problem> {
        self.upload_as(image, &digest(bytes), bytes).await
    }

    /// The same under a digest that may be another's.
    pub(crate) async fn upload_as(
        &self,
        image: &str,
        digest: &str,
        bytes: &[u8],
    ) -> Result<(), Problem> {
        let target = format!("{image}/blobs/uploads/?digest={digest}");
        let operation = self.request(Method::Post, &target, None)?;
        assert!(matches!(
            operation.operation(),
            Operation::Upload { step: UploadStep::Whole { .. }, .. }
        ));
        match self.registry.begin_upload(&operation).await? {
            Begun::Upload(mut upload) => {
                upload.write(Bytes::copy_from_slice(bytes)).await?;
                self.registry.finish_upload(operation, upload).await.map(drop)
            }
            Begun::Mounted(_) => panic!("nothing was to be mounted"),
        }
    }

    /// Whether a blob was mounted; else an upload was begun, and is forgotten.
    pub(crate) async fn mount(
        &self,
        image: &str,
        digest: &str,
        from: Option<&str>,
    ) -> Result<bool, Problem> {
        let from = from.map(|from| format!("&from={from}")).unwrap_or_default();
        let target = format!("{image}/blobs/uploads/?mount={digest}{from}");
        let operation = self.request(Method::Post, &target, None)?;
        match self.registry.begin_upload(&operation).await? {
            Begun::Mounted(_) => Ok(true),
            Begun::Upload(upload) => upload.cancel().await.map(|()| false),
        }
    }

    /// A manifest under a tag or digest.
    pub(crate) async fn put(
        &self,
        image: &str,
        reference: &str,
        manifest: &[u8],
    ) -> Result<Published, Problem> {
        let is_index = manifest.windows(INDEX.len()).any(|part| part == INDEX.as_bytes());
        let field = ("content-type", if is_index { INDEX } else { MANIFEST });
        let target = format!("{image}/manifests/{reference}");
        let operation = self.request(Method::Put, &target, Some(field))?;
        let Operation::Publish { form, .. } = operation.operation().clone() else {
            panic!("a manifest is published")
        };
        self.publish(operation, form, manifest).await
    }

    async fn publish(
        &self,
        operation: Authorized<Operation>,
        form: Form,
        manifest: &[u8],
    ) -> Result<Published, Problem> {
        let mut staging = self.registry.stage(&operation).await?;
        staging
            .write(Bytes::copy_from_slice(manifest))
            .await
            .map_err(|error| Problem::internal(&error))?;
        let blob = staging.finish().await.map_err(|error| Problem::internal(&error))?;
        self.registry.publish(operation, form, blob).await
    }

    /// An image with all that it needs, under a tag or its digest.
    pub(crate) async fn push(
        &self,
        name: &str,
        reference: &str,
        image: &Image,
    ) -> Result<Published, Problem> {
        for blob in image.blobs() {
            self.upload(name, blob).await?;
        }
        self.put(name, reference, &image.manifest).await
    }

    /// Pulls an image and holds every byte against the original.
    #[track_caller]
    pub(crate) fn pull<'a>(
        &'a self,
        name: &'a str,
        reference: &'a str,
        image: &'a Image,
    ) -> impl Future<Output = ()> + 'a {
        let caller = std::panic::Location::caller();
        async move {
            let manifest = self.manifest(name, reference).await;
            let manifest = manifest.unwrap_or_else(|problem| panic!("{caller}: {problem:?}"));
            assert_eq!(digest(&manifest.identity), image.digest(), "{caller}");
            for blob in image.blobs() {
                let bytes = self.blob(name, &digest(blob)).await;
                assert_eq!(bytes.as_ref().ok(), Some(blob), "{caller}: {bytes:?}");
            }
        }
    }

    /// Takes away a tag, a manifest or a blob: `manifests/latest`, `blobs/sha256:…`.
    pub(crate) async fn remove(&self, name: &str, what: &str) -> Result<Vec<String>, Problem> {
        let operation = self.request(Method::Delete, &format!("{name}/{what}"), None)?;
        let names = self.registry.change(operation).await?;
        Ok(names.iter().map(ToString::to_string).collect())
    }

    /// Changes one file, as an administrator does by its name: `manifest@sha256:…`.
    pub(crate) async fn change(
        &self,
        image: &str,
        file: &str,
        change: Change,
    ) -> Result<Vec<FileName>, Problem> {
        let operation = Operation::Change {
            package: PackageName::new(image).expect("a name"),
            selection: Selection::File(FileName::new(file).expect("a file's name")),
            change,
        };
        let found = self.registry.authorize(&self.caller, &self.repository, "oci", operation)?;
        self.registry.change(found).await
    }
}
