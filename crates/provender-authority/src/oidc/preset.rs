//! What the tokens of common systems say, and where it stands in a certificate.
//!
//! A preset knows the names of claims, never an address: the server is the operator's.

use serde::{Deserialize, Serialize};

use super::mapping::Extension;

/// A system whose tokens are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// GitHub Actions and what speaks like it: a workflow is `<server>/<job_workflow_ref>`.
    GithubActions,
    /// GitLab CI: a pipeline is `https://<ci_config_ref_uri>`.
    Gitlab,
    /// Kubernetes: a service account is a URI of its namespace and name.
    Kubernetes,
    /// A single sign-on for people: an e-mail address that the issuer has verified.
    Email,
}

/// What a preset consists of: templates.
pub(super) struct Parts {
    pub(super) subject: Subject,
    pub(super) extensions: &'static [(Extension, &'static str)],
}

/// The template of the name that a certificate is for.
pub(super) enum Subject {
    Email(&'static str),
    Uri(&'static str),
}

impl Preset {
    /// Its templates.
    pub(super) fn parts(self) -> Parts {
        match self {
            Self::GithubActions => Parts {
                subject: Subject::Uri("{server}/{job_workflow_ref}"),
                extensions: GITHUB_ACTIONS,
            },
            Self::Gitlab => {
                Parts { subject: Subject::Uri("https://{ci_config_ref_uri}"), extensions: GITLAB }
            }
            Self::Kubernetes => {
                Parts { subject: Subject::Uri(SERVICE_ACCOUNT), extensions: KUBERNETES }
            }
            Self::Email => Parts { subject: Subject::Email("{email}"), extensions: &[] },
        }
    }
}

/// The URI under which other certificate authorities know service accounts.
const SERVICE_ACCOUNT: &str = "https://kubernetes.io/namespaces/{kubernetes.io/namespace}\
                               /serviceaccounts/{kubernetes.io/serviceaccount/name}";

const KUBERNETES: &[(Extension, &str)] = &[(Extension::TokenSubject, "{sub}")];

const GITHUB_ACTIONS: &[(Extension, &str)] = &[
    (Extension::GithubWorkflowTrigger, "{event_name}"),
    (Extension::GithubWorkflowSha, "{sha}"),
    (Extension::GithubWorkflowName, "{workflow}"),
    (Extension::GithubWorkflowRepository, "{repository}"),
    (Extension::GithubWorkflowRef, "{ref}"),
    (Extension::BuildSignerUri, "{server}/{job_workflow_ref}"),
    (Extension::BuildSignerDigest, "{job_workflow_sha}"),
    (Extension::RunnerEnvironment, "{runner_environment}"),
    (Extension::SourceRepositoryUri, "{server}/{repository}"),
    (Extension::SourceRepositoryDigest, "{sha}"),
    (Extension::SourceRepositoryRef, "{ref}"),
    (Extension::SourceRepositoryIdentifier, "{repository_id}"),
    (Extension::SourceRepositoryOwnerUri, "{server}/{repository_owner}"),
    (Extension::SourceRepositoryOwnerIdentifier, "{repository_owner_id}"),
    (Extension::BuildConfigUri, "{server}/{workflow_ref}"),
    (Extension::BuildConfigDigest, "{workflow_sha}"),
    (Extension::BuildTrigger, "{event_name}"),
    (
        Extension::RunInvocationUri,
        "{server}/{repository}/actions/runs/{run_id}/attempts/{run_attempt}",
    ),
    (Extension::SourceRepositoryVisibilityAtSigning, "{repository_visibility}"),
    (Extension::DeploymentEnvironment, "{environment}"),
    (Extension::TokenSubject, "{sub}"),
];

const GITLAB: &[(Extension, &str)] = &[
    (Extension::BuildSignerUri, "https://{ci_config_ref_uri}"),
    (Extension::BuildSignerDigest, "{ci_config_sha}"),
    (Extension::RunnerEnvironment, "{runner_environment}"),
    (Extension::SourceRepositoryUri, "{server}/{project_path}"),
    (Extension::SourceRepositoryDigest, "{sha}"),
    (Extension::SourceRepositoryRef, "refs/{ref_type|branch=heads|tag=tags}/{ref}"),
    (Extension::SourceRepositoryIdentifier, "{project_id}"),
    (Extension::SourceRepositoryOwnerUri, "{server}/{namespace_path}"),
    (Extension::SourceRepositoryOwnerIdentifier, "{namespace_id}"),
    (Extension::BuildConfigUri, "https://{ci_config_ref_uri}"),
    (Extension::BuildConfigDigest, "{ci_config_sha}"),
    (Extension::BuildTrigger, "{pipeline_source}"),
    (Extension::RunInvocationUri, "{server}/{project_path}/-/jobs/{job_id}"),
    (Extension::SourceRepositoryVisibilityAtSigning, "{project_visibility}"),
    (Extension::DeploymentEnvironment, "{environment}"),
    (Extension::TokenSubject, "{sub}"),
];
