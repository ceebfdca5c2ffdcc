//! What is here already of what somebody is about to publish.

use std::fmt::Write as _;
use std::sync::LazyLock;

use provender_domain::{FileName, KeptFile, Tag};

use super::read::{asking_file, asking_not_served, asking_package, kept_file, package_row};
use super::statement::{Statement, ask_all};
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
    /// The package's files that are not served, where they were asked for.
    pub not_served: Vec<KeptFile>,
}

/// How many files one question is about at most.
pub(super) const FILES_PER_QUERY: usize = 32;
/// How many places of it say which package.
pub(super) const KEY_PLACES: usize = 3;

static FACTS: LazyLock<String> = LazyLock::new(|| of_files_named("name, blob, state, facts"));

/// The text of a question for these columns of some files of a package, by their names.
pub(super) fn of_files_named(columns: &str) -> String {
    let mut sql = format!(
        "SELECT {columns} FROM files
         WHERE repository = $1 AND ecosystem = $2 AND package = $3 AND name IN ("
    );
    for place in 1..=FILES_PER_QUERY {
        let comma = if place == 1 { "" } else { ", " };
        let _ = write!(sql, "{comma}${}", KEY_PLACES + place);
    }
    sql.push(')');
    sql
}

/// Asks such a question about these files, at least one and at most [`FILES_PER_QUERY`].
pub(super) fn asking_files_named(
    sql: &'static str,
    key: &PackageKey,
    names: &[&FileName],
) -> Statement {
    let (repository, ecosystem, package) = key.columns();
    let question = Statement::new(sql).bind(repository).bind(ecosystem).bind(package);
    // With fewer names the last one is asked for again, so that the text stays the same.
    (0..FILES_PER_QUERY)
        .fold(question, |question, place| question.bind(names[place.min(names.len() - 1)].as_str()))
}

impl Metadata {
    /// What stands under these names, asked for in one go where the database takes that.
    pub async fn standing(
        &self,
        key: &PackageKey,
        file: &FileName,
        tag: Option<&Tag>,
        with_not_served: bool,
    ) -> Result<Standing, StoreError> {
        let mut questions = vec![asking_package(key), asking_file(key, file)];
        questions.extend(tag.map(|tag| asking_tag(key, tag)));
        questions.extend(with_not_served.then(|| asking_not_served(key)));
        let mut reader = self.reader().await?;
        let answers = ask_all(&mut reader, self.0.pools.dialect, questions).await?;
        let row = |number: usize| answers.get(number).and_then(|rows| rows.first());
        let not_served = match with_not_served {
            true => answers.last().map(Vec::as_slice).unwrap_or_default(),
            false => &[],
        };
        Ok(Standing {
            package: row(0).map(package_row).transpose()?,
            file: row(1).map(|row| kept_file(row, 0)).transpose()?,
            tag: row(2).filter(|_| tag.is_some()).map(tag_row).transpose()?,
            not_served: not_served.iter().map(|row| kept_file(row, 0)).collect::<Result<_, _>>()?,
        })
    }

    /// Those of these files of a package that are recorded, in whatever state and no order.
    pub async fn files_named(
        &self,
        key: &PackageKey,
        names: &[&FileName],
    ) -> Result<Vec<KeptFile>, StoreError> {
        let mut files = Vec::with_capacity(names.len());
        for chunk in names.chunks(FILES_PER_QUERY) {
            let question = asking_files_named(&FACTS, key, chunk);
            for row in question.fetch_all(&mut *self.reader().await?).await? {
                files.push(kept_file(&row, 0)?);
            }
        }
        Ok(files)
    }
}
