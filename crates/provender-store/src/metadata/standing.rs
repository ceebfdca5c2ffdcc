//! What is here already of what somebody is about to publish.

use std::fmt::Write as _;
use std::sync::LazyLock;

use provender_domain::{FileName, KeptFile, Tag};

use super::read::{asking_file, asking_package, kept_file, package_row};
use super::statement::{Statement, run};
use super::tags::{asking_tag, tag_row};
use super::{Metadata, PackageKey, PackageRow, TagRow};
use crate::StoreError;

/// What is known under the names that a publication takes.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The package.
    pub package: Option<PackageRow>,
    /// The file, in whatever state.
    pub file: Option<KeptFile>,
    /// The tag, if one was asked about.
    pub tag: Option<TagRow>,
}

/// How many files one question is about.
const FILES_PER_QUERY: usize = 16;
/// How many places of it say which package.
const KEY_PLACES: usize = 3;

static FILES_NAMED: LazyLock<String> = LazyLock::new(|| {
    let mut sql = "SELECT facts FROM files
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND name IN ("
        .to_owned();
    for place in 1..=FILES_PER_QUERY {
        let comma = if place == 1 { "" } else { ", " };
        let _ = write!(sql, "{comma}${}", KEY_PLACES + place);
    }
    sql.push(')');
    sql
});

impl Metadata {
    /// What stands under these names, asked for in one go where the database takes that.
    pub async fn standing(
        &self,
        key: &PackageKey,
        file: &FileName,
        tag: Option<&Tag>,
    ) -> Result<Standing, StoreError> {
        let mut questions = vec![asking_package(key), asking_file(key, file)];
        questions.extend(tag.map(|tag| asking_tag(key, tag)));
        let mut reader = self.reader().await?;
        let answers = run(&mut reader, self.0.pools.dialect, questions).await?;
        let row = |number: usize| answers.get(number).and_then(|answer| answer.rows.first());
        Ok(Standing {
            package: row(0).map(package_row).transpose()?,
            file: row(1).map(|row| kept_file(row, 0)).transpose()?,
            tag: row(2).map(tag_row).transpose()?,
        })
    }

    /// Those of these files of a package that are recorded, in whatever state and no order.
    pub async fn files_named(
        &self,
        key: &PackageKey,
        names: &[&FileName],
    ) -> Result<Vec<KeptFile>, StoreError> {
        let (repository, ecosystem, package) = key.columns();
        let mut files = Vec::with_capacity(names.len());
        for chunk in names.chunks(FILES_PER_QUERY) {
            let question =
                Statement::new(FILES_NAMED.as_str()).bind(repository).bind(ecosystem).bind(package);
            // A short chunk asks for its last one again, so that the text stays the same.
            let question = (0..FILES_PER_QUERY).fold(question, |question, place| {
                question.bind(chunk[place.min(chunk.len() - 1)].as_str())
            });
            for row in question.fetch_all(&mut *self.reader().await?).await? {
                files.push(kept_file(&row, 0)?);
            }
        }
        Ok(files)
    }
}
