//! What most commits come to, as statements that need not wait for each other.
//!
//! A publication meets no condition, nearly always. So all that it writes is known before any of it
//! is tried, together with the questions that each write would have asked and the answers that are
//! expected. Where one of them is another, nothing of it stays, and the commit is made again one
//! statement after another, which then says what stood in its way.

use std::collections::HashSet;

use provender_domain::{FileName, KeptFile, NewEvent, Origin, TagRule};

use super::log::{self, LogWrite};
use super::{
    Growth, attestations, files, orphans, packages, references, signing, small_blobs, tags,
};
use crate::StoreError;
use crate::metadata::codec::from_json;
use crate::metadata::direct::{DirectTransaction, NotMade, Written};
use crate::metadata::file_facts::{self, FileColumns};
use crate::metadata::read::asking_file;
use crate::metadata::statement::{Statement, Value};
use crate::metadata::{Committed, PackageKey, Write, events};

/// All of a commit, in order, and what it expects to be answered.
pub(in crate::metadata) struct AtOnce<'a> {
    steps: Vec<Step<'a>>,
    bound: Option<&'a PackageKey>,
    changed: HashSet<&'a PackageKey>,
    growth: Growth,
    events: i64,
}

enum Step<'a> {
    Statement(Statement, Expected<'a>),
    /// A file that may be there already, as it is.
    Keep(&'a PackageKey, &'a KeptFile),
}

enum Expected<'a> {
    Anything,
    /// That it wrote one row.
    One,
    /// That the package has this origin.
    Bound(&'a Origin),
    /// That all that a file needs is there, and itself.
    States(references::Needed<'a>),
    /// That a tag may point to this file, and does not yet.
    MayPoint {
        file: &'a FileName,
        rule: TagRule,
    },
}

impl<'a> AtOnce<'a> {
    fn new() -> Self {
        Self {
            steps: Vec::new(),
            bound: None,
            changed: HashSet::new(),
            growth: Growth::default(),
            events: 0,
        }
    }

    /// Changes of logs, all of which are expected to be made.
    pub(in crate::metadata) fn of_logs(writes: &[&LogWrite]) -> Self {
        let mut all = Self::new();
        for (change, behind) in log::changes(writes) {
            all.push(change, Expected::One);
            for statement in behind {
                all.push(statement, Expected::Anything);
            }
        }
        all
    }

    /// `None` for what has to be asked about step by step.
    pub(in crate::metadata) fn of(writes: &'a [Write], events: &'a [NewEvent]) -> Option<Self> {
        let mut all = Self::new();
        for write in writes {
            all.add(write)?;
        }
        for event in events {
            all.events += 1;
            all.push(events::appending(event, all.events), Expected::One);
        }
        Some(all)
    }

    /// Carries it out, as far as every answer is as expected.
    pub(in crate::metadata) fn make(
        &self,
        transaction: &DirectTransaction<'_>,
    ) -> Result<Committed, NotMade> {
        let mut growth = self.growth;
        for step in &self.steps {
            match step {
                Step::Statement(statement, expected) => {
                    if !expected.is_met(&transaction.run(statement)?)? {
                        return Err(NotMade::Unexpected);
                    }
                }
                Step::Keep(key, file) => keep(transaction, key, file, &mut growth)?,
            }
        }
        let mut committed = Committed { first_event: None, last_event: None };
        if self.events == 0 && growth == Growth::default() && self.bound.is_none() {
            return Ok(committed);
        }
        let totals = transaction.run(&self.totals(growth))?;
        let last = totals.first().and_then(Value::as_number).ok_or(NotMade::Unexpected)?;
        if self.events > 0 {
            committed.first_event = Some(last - self.events + 1);
            committed.last_event = Some(last);
        }
        Ok(committed)
    }

    fn add(&mut self, write: &'a Write) -> Option<()> {
        if let Some(key) = write.changed_package() {
            self.bump(key);
        }
        match write {
            Write::BindName { key, origin, at } => {
                if self.bound.is_some() || self.changed.contains(key) {
                    return None;
                }
                self.bound = Some(key);
                self.changed.insert(key);
                self.push(packages::binding(key, origin, *at), Expected::Bound(origin));
            }
            Write::RecordFile { key, file } => self.insert(key, file),
            Write::KeepFile { key, file } => self.steps.push(Step::Keep(key, file)),
            Write::RecordReferences { key, file, references } => {
                let needed = references::Needed::of(file, references);
                self.push(needed.question(key)?, Expected::States(needed));
                for statement in references::insertions(key, file, references) {
                    self.push(statement, Expected::Anything);
                }
                self.push(references::ending_orphanage(key, file), Expected::Anything);
            }
            Write::PutTag { key, tag, file, at, actor, checked_at, rule } => {
                let step = tags::Step { key, tag, at: *at, actor };
                let may_point = Expected::MayPoint { file, rule: *rule };
                self.push(tags::question(step, file), may_point);
                self.bump(key);
                self.push(tags::pointing(step, file, *checked_at), Expected::One);
                self.push(orphans::clearing(key, file), Expected::Anything);
                self.push(tags::noting(step, Some(file)), Expected::One);
            }
            Write::RecordAttestation(attestation) => {
                self.push(attestations::insertion(attestation), Expected::Anything);
            }
            Write::QueueSigning { file, kind, at } => {
                self.push(signing::queueing(file, *kind, *at), Expected::Anything);
            }
            Write::EndSigning { file, kind } => {
                self.push(signing::ending(file, *kind), Expected::One);
            }
            Write::KeepBytes(blob) => self.push(small_blobs::keeping(blob), Expected::One),
            // Whoever commits has looked.
            Write::Follow(_) => {}
            _ => return None,
        }
        Some(())
    }

    fn insert(&mut self, key: &PackageKey, file: &KeptFile) {
        self.push(files::insertion(key, file), Expected::One);
        self.growth.add(file);
        for statement in files::companion_insertions(key, file) {
            self.push(statement, Expected::Anything);
        }
    }

    fn bump(&mut self, key: &'a PackageKey) {
        if self.changed.insert(key) {
            self.push(packages::growing(key), Expected::One);
        }
    }

    /// Adds to the totals; a package counts that was made just now, as its generation says.
    fn totals(&self, growth: Growth) -> Statement {
        let Growth { files, bytes, .. } = growth;
        let add = match self.bound {
            Some(_) => {
                "UPDATE totals SET events = events + $1, files = files + $2, bytes = bytes + $3,
                 packages = packages + (SELECT COUNT(*) FROM packages WHERE repository = $4
                 AND ecosystem = $5 AND name = $6 AND generation = 0)
                 WHERE id = 1 RETURNING events"
            }
            None => {
                "UPDATE totals SET events = events + $1, files = files + $2, bytes = bytes + $3
                 WHERE id = 1 RETURNING events"
            }
        };
        let statement = Statement::new(add).bind(self.events).bind(files).bind(bytes);
        match self.bound.map(PackageKey::columns) {
            Some((repository, ecosystem, package)) => {
                statement.bind(repository).bind(ecosystem).bind(package)
            }
            None => statement,
        }
    }

    fn push(&mut self, statement: Statement, expected: Expected<'a>) {
        self.steps.push(Step::Statement(statement, expected));
    }
}

/// Keeps a file whose name is its digest, if it is not there yet, or there as it is to be.
fn keep(
    transaction: &DirectTransaction<'_>,
    key: &PackageKey,
    file: &KeptFile,
    growth: &mut Growth,
) -> Result<(), NotMade> {
    if transaction.run(&files::insertion(key, file))?.count == 1 {
        growth.add(file);
        for statement in files::companion_insertions(key, file) {
            transaction.run(&statement)?;
        }
        return Ok(());
    }
    let name = &file.file.name;
    let there = transaction.run(&asking_file(key, name))?;
    let there = there.rows.first().ok_or(NotMade::Unexpected)?;
    let texts: Option<Vec<_>> = there.iter().map(Value::as_text).collect();
    let Some([name_there, blob, state, facts]) = texts.as_deref() else {
        return Err(NotMade::Unexpected);
    };
    let there = file_facts::decode(&FileColumns { name: name_there, blob, state }, facts)?;
    if !files::may_stay(&there, file) {
        return Err(NotMade::Unexpected);
    }
    transaction.run(&orphans::clearing(key, name))?;
    Ok(())
}

impl Expected<'_> {
    fn is_met(&self, written: &Written) -> Result<bool, StoreError> {
        Ok(match self {
            Self::Anything => true,
            Self::One => written.count == 1,
            Self::Bound(origin) => match written.first().and_then(Value::as_text) {
                Some(bound) => from_json::<Origin>("origin", bound)? == **origin,
                None => false,
            },
            Self::States(needed) => needed.is_met(&written.rows),
            Self::MayPoint { file, rule } => match written.first() {
                Some(Value::Text(None)) => true,
                Some(Value::Text(Some(there))) => {
                    *rule == TagRule::Movable && there != file.as_str()
                }
                _ => false,
            },
        })
    }
}
