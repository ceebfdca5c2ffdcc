//! One writer per process, and group commit.
//!
//! Commits queue up; the writer takes all that wait into one transaction, and pays for one fsync.
//! Nearly always each member succeeds. If one meets a condition (a name that is taken, …), all is
//! rolled back and done again with a savepoint around each member, so that the one rolls back
//! alone: savepoints cost a third of the statements, and only then are worth it.
//!
//! What most commits write is known before any of it is asked about ([`AtOnce`]), and made by calls
//! of `SQLite` on this very thread ([`Direct`]); only where an answer is not as expected it is made
//! step by step.
//!
//! When the database itself fails, nobody knows what is left of the transaction (`SQLite` undoes it
//! whole when the disk is full): it is given up together with its connection, and the members are
//! tried one by one. Where there is no connection to be had at all, everybody is told at once.
//!
//! A log's changes come by a queue of their own, so that they wait for the commit under way alone,
//! and a moment for those who will follow them, where nobody waits for them by themselves
//! ([`Haste`]): then both share a transaction. They are made before the commits that share their transaction, some of which may follow them
//! ([`Write::Follow`]): those succeed if their swap was made by this transaction or an earlier one.
//! Where a swap's own condition does not hold, it undoes nothing of anybody else's.
//!
//! The row of totals is locked first by every transaction but those of logs alone, which lock nothing
//! else than their logs' rows, in the order of their names. So writers of several servers on one
//! `PostgreSQL` follow each other, event numbers have no gaps, who reads events in order misses
//! none, and transactions cannot deadlock.

use std::time::Duration;

use provender_domain::NewEvent;
use provender_tlog::{Haste, Settlement, Settler};
use sqlx::pool::PoolConnection;
use sqlx::{Any, AnyConnection, AnyPool, Connection, Row, Transaction};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::apply::at_once::AtOnce;
use super::apply::log::{self, LogWrite};
use super::apply::{Changed, Growth, apply};
use super::connect::{self, Dialect};
use super::direct::{Direct, NotMade};
use super::{Committed, Write, events};
use crate::steps::Steps;
use crate::{Space, StoreError};

/// Most commits that share one transaction: bounds how long the first of them waits.
const GROUP_LIMIT: usize = 64;
/// How long a log's change waits at most for the commit that follows it: about as long as a small
/// file takes to become durable, for which that commit waits.
const FOLLOWER_WAIT: Duration = Duration::from_millis(5);
/// So many changes of logs do not wait any longer: no more may be under way.
const WAITING_MAX: usize = 8;

/// One caller's commit, and where the answer goes.
pub(super) struct Member {
    pub(super) writes: Vec<Write>,
    pub(super) events: Vec<NewEvent>,
    pub(super) answer: oneshot::Sender<Outcome>,
}

/// One change of a log, and where the answer goes.
pub(super) struct LogMember {
    pub(super) write: LogWrite,
    pub(super) haste: Haste,
    pub(super) settler: Settler,
}

type Outcome = Result<Committed, StoreError>;
/// Whether it was written.
type LogOutcome = Result<bool, StoreError>;

/// Those who share a transaction.
#[derive(Default)]
struct Group {
    members: Vec<Member>,
    log: Vec<LogMember>,
}

/// What became of a group's changes of logs, for those who follow them.
#[derive(Clone, Copy)]
struct Logged<'a> {
    group: &'a Group,
    written: &'a [bool],
}

/// What becomes of each of them, in their order.
struct Outcomes {
    members: Vec<Outcome>,
    log: Vec<LogOutcome>,
}

/// Why nothing came of an attempt.
enum GivenUp {
    /// There is no database to be had: whoever waits has waited for it.
    Unconnected(StoreError),
    /// It failed on the way.
    Failed(StoreError),
}

/// The one that writes.
pub(super) struct Writer {
    pub(super) dialect: Dialect,
    pub(super) pool: AnyPool,
    pub(super) last_event: watch::Sender<i64>,
    pub(super) steps: Steps,
    pub(super) space: Space,
    /// How the embedded database is called where no question stands between two statements.
    pub(super) direct: Option<std::sync::Mutex<Direct>>,
    /// The connection to the embedded database, between two transactions: to give it back and take
    /// it anew would cost two calls of its thread.
    pub(super) held: tokio::sync::Mutex<Option<PoolConnection<Any>>>,
}

impl Writer {
    /// Commits what comes until every sender is gone.
    pub(super) async fn run(
        self,
        mut commits: mpsc::Receiver<Member>,
        mut log: mpsc::Receiver<LogMember>,
    ) {
        loop {
            let Some(mut group) = Group::begun(&mut commits, &mut log).await else {
                return self.end().await;
            };
            while group.members.len() < GROUP_LIMIT {
                let Ok(member) = commits.try_recv() else {
                    break;
                };
                group.members.push(member);
            }
            // Last, so that no member comes without a swap that was handed in before it.
            while let Ok(member) = log.try_recv() {
                group.log.push(member);
            }
            self.commit(group).await;
        }
    }

    async fn commit(&self, group: Group) {
        match self.attempt(&group).await {
            Ok(outcomes) => self.answer(group, outcomes),
            Err(GivenUp::Failed(_)) if !group.is_single() => self.commit_apart(group).await,
            Err(GivenUp::Failed(error) | GivenUp::Unconnected(error)) => {
                let outcomes = group.all_fail(&error);
                self.answer(group, outcomes);
            }
        }
    }

    /// Each alone, until there is no database to be had: that would hold for all others, who would
    /// wait for it one after the other.
    async fn commit_apart(&self, group: Group) {
        let mut unconnected: Option<StoreError> = None;
        for alone in group.apart() {
            let outcome = match &unconnected {
                None => self.attempt(&alone).await,
                Some(error) => Err(GivenUp::Unconnected(error.clone())),
            };
            let outcomes = outcome.unwrap_or_else(|given_up| match given_up {
                GivenUp::Failed(error) => alone.all_fail(&error),
                GivenUp::Unconnected(error) => {
                    let outcomes = alone.all_fail(&error);
                    unconnected = Some(error);
                    outcomes
                }
            });
            self.answer(alone, outcomes);
        }
    }

    fn answer(&self, group: Group, outcomes: Outcomes) {
        if outcomes.errors().any(|error| matches!(error, StoreError::Full(_))) {
            self.space.ran_out();
        }
        let committed = outcomes.members.iter().flatten();
        if let Some(last) = committed.filter_map(|committed| committed.last_event).max() {
            self.last_event.send_replace(last);
        }
        for (member, outcome) in group.log.into_iter().zip(outcomes.log) {
            member.settle(outcome);
        }
        // Whoever does not wait any more loses nothing but the answer.
        for (member, outcome) in group.members.into_iter().zip(outcomes.members) {
            let _ = member.answer.send(outcome);
        }
    }

    /// One transaction for all. An error means that it was given up before its commit.
    async fn attempt(&self, group: &Group) -> Result<Outcomes, GivenUp> {
        if let Some(outcomes) = self.transact_at_once(group).map_err(GivenUp::Failed)? {
            return Ok(outcomes);
        }
        let mut held = self.held.lock().await;
        let mut connection = match held.take() {
            Some(connection) => connection,
            None => {
                let acquired = connect::acquire(&self.pool).await;
                acquired.map_err(|error| GivenUp::Unconnected(error.into()))?
            }
        };
        let outcomes = self.transact(&mut connection, group).await;
        if !outcomes.as_ref().is_ok_and(Outcomes::leave_the_connection_healthy) {
            // It may still believe itself in a transaction that is no more.
            let _ = connection.close().await;
        } else if self.dialect == Dialect::Sqlite {
            *held = Some(connection);
        }
        outcomes.map_err(GivenUp::Failed)
    }

    async fn end(&self) {
        if let Some(connection) = self.held.lock().await.take() {
            // What was committed is durable.
            let _ = connection.close().await;
        }
    }

    async fn transact(
        &self,
        connection: &mut AnyConnection,
        group: &Group,
    ) -> Result<Outcomes, StoreError> {
        let mut transaction = connection.begin_with(self.dialect.begin_write()).await?;
        if group.members.is_empty() {
            let written = group.change_logs(&mut transaction).await?;
            return self.finish(transaction, Outcomes::of(Vec::new(), &written)).await;
        }
        let mut totals = Totals::lock(&mut transaction).await?;
        let written = group.change_logs(&mut transaction).await?;
        let logged = Logged { group, written: &written };
        let mut outcomes = Vec::with_capacity(group.members.len());
        for member in &group.members {
            match member.apply(&mut transaction, &mut totals, logged).await {
                Ok(committed) => outcomes.push(Ok(committed)),
                Err(condition) if is_condition(&condition) => {
                    transaction.rollback().await?;
                    if group.is_single() {
                        return Ok(group.all_fail(&condition));
                    }
                    return self.transact_apart(connection, group).await;
                }
                Err(error) => return Err(error),
            }
        }
        totals.record(&mut transaction, group, &outcomes).await?;
        self.finish(transaction, Outcomes::of(outcomes, &written)).await
    }

    /// The same, called directly; `None`, and nothing is written, where that does not do.
    fn transact_at_once(&self, group: &Group) -> Result<Option<Outcomes>, StoreError> {
        let written = vec![true; group.log.len()];
        let logged = Logged { group, written: &written };
        let Some(direct) = self.direct.as_ref().filter(|_| logged.allows_all()) else {
            return Ok(None);
        };
        let members = group.members.iter();
        let members: Option<Vec<_>> =
            members.map(|member| AtOnce::of(&member.writes, &member.events)).collect();
        let Some(members) = members else { return Ok(None) };
        let log_changes: Vec<_> = group.log.iter().map(|member| &member.write).collect();
        let logs = AtOnce::of_logs(&log_changes);
        let mut direct = direct.lock().expect("nobody panics while holding it");
        let made = direct.transact(|transaction| {
            logs.make(&transaction)?;
            let committed = members.iter().map(|member| member.make(&transaction).map(Ok));
            let outcomes = Outcomes::of(committed.collect::<Result<_, _>>()?, &written);
            // Nobody may try again here where it fails: it may have happened.
            Ok((outcomes, self.steps.run(|| transaction.commit())))
        });
        match made {
            Ok((outcomes, Ok(()))) => Ok(Some(outcomes)),
            Ok((mut outcomes, Err(error))) => {
                direct.give_up();
                outcomes.fail(&error);
                Ok(Some(outcomes))
            }
            Err(NotMade::Unexpected) => Ok(None),
            Err(NotMade::Failed(error)) => Err(error),
        }
    }

    /// The same, for a group of which some member will fail: each in its own savepoint.
    async fn transact_apart(
        &self,
        connection: &mut AnyConnection,
        group: &Group,
    ) -> Result<Outcomes, StoreError> {
        let mut transaction = connection.begin_with(self.dialect.begin_write()).await?;
        let mut totals = Totals::lock(&mut transaction).await?;
        let written = group.change_logs(&mut transaction).await?;
        let logged = Logged { group, written: &written };
        let mut outcomes = Vec::with_capacity(group.members.len());
        for member in &group.members {
            let before = totals;
            let mut savepoint = transaction.begin().await?;
            match member.apply(&mut savepoint, &mut totals, logged).await {
                Ok(committed) => {
                    savepoint.commit().await?;
                    outcomes.push(Ok(committed));
                }
                Err(condition) if is_condition(&condition) => {
                    savepoint.rollback().await?;
                    totals = before;
                    outcomes.push(Err(condition));
                }
                Err(error) => return Err(error),
            }
        }
        if group.log.is_empty() && outcomes.iter().all(Result::is_err) {
            transaction.rollback().await?;
            return Ok(Outcomes::of(outcomes, &[]));
        }
        totals.record(&mut transaction, group, &outcomes).await?;
        self.finish(transaction, Outcomes::of(outcomes, &written)).await
    }

    async fn finish(
        &self,
        transaction: Transaction<'_, Any>,
        mut outcomes: Outcomes,
    ) -> Result<Outcomes, StoreError> {
        if let Err(error) = self.steps.sql(transaction.commit()).await {
            // Nobody may try again here: it may have happened.
            outcomes.fail(&error.into());
        }
        Ok(outcomes)
    }
}

impl Group {
    /// The first who wait, and are not to wait for others; `None` when every sender is gone.
    async fn begun(
        commits: &mut mpsc::Receiver<Member>,
        log: &mut mpsc::Receiver<LogMember>,
    ) -> Option<Self> {
        let mut group = Self::default();
        let mut until = Instant::now();
        loop {
            tokio::select! {
                Some(member) = log.recv() => {
                    if group.log.is_empty() {
                        until = Instant::now() + FOLLOWER_WAIT;
                    }
                    let is_awaited = member.haste == Haste::AtOnce;
                    group.log.push(member);
                    if is_awaited || group.log.len() >= WAITING_MAX {
                        return Some(group);
                    }
                }
                Some(member) = commits.recv() => {
                    group.members.push(member);
                    return Some(group);
                }
                () = tokio::time::sleep_until(until), if !group.log.is_empty() => {
                    return Some(group);
                }
                else => return None,
            }
        }
    }

    fn is_single(&self) -> bool {
        self.members.len() + self.log.len() == 1
    }

    /// Each alone, in the order in which they would have been written.
    fn apart(self) -> impl Iterator<Item = Self> {
        let member = |member| Self { members: vec![member], log: Vec::new() };
        let log = |member| Self { members: Vec::new(), log: vec![member] };
        self.log.into_iter().map(log).chain(self.members.into_iter().map(member))
    }

    /// Whether each change of a log was made.
    async fn change_logs(&self, connection: &mut AnyConnection) -> Result<Vec<bool>, StoreError> {
        let writes: Vec<_> = self.log.iter().map(|member| &member.write).collect();
        log::apply_all(connection, &writes).await
    }

    fn all_fail(&self, error: &StoreError) -> Outcomes {
        Outcomes {
            members: self.members.iter().map(|_| Err(error.clone())).collect(),
            log: self.log.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

impl Logged<'_> {
    fn allows_all(&self) -> bool {
        self.group.members.iter().flat_map(|member| &member.writes).all(|write| self.allows(write))
    }

    /// Whether the swap was made that a write follows, if it follows one.
    fn allows(&self, write: &Write) -> bool {
        match write {
            Write::Follow(settlement) => self.holds(settlement),
            _ => true,
        }
    }

    /// Whether a swap was made by this transaction or an earlier one.
    fn holds(&self, settlement: &Settlement) -> bool {
        let place = self.group.log.iter().position(|member| member.settler.settles(settlement));
        place.map_or_else(|| settlement.is_durable(), |place| self.written[place])
    }
}

impl LogMember {
    pub(super) fn settle(self, outcome: LogOutcome) {
        let outcome = outcome.map_err(|error| self.write.failed(error));
        self.settler.settle(outcome);
    }
}

impl Outcomes {
    fn of(members: Vec<Outcome>, written: &[bool]) -> Self {
        Self { members, log: written.iter().copied().map(Ok).collect() }
    }

    /// Takes back every success.
    fn fail(&mut self, error: &StoreError) {
        for outcome in self.members.iter_mut().filter(|outcome| outcome.is_ok()) {
            *outcome = Err(error.clone());
        }
        for outcome in &mut self.log {
            *outcome = Err(error.clone());
        }
    }

    fn errors(&self) -> impl Iterator<Item = &StoreError> {
        let of_members = self.members.iter().filter_map(|outcome| outcome.as_ref().err());
        of_members.chain(self.log.iter().filter_map(|outcome| outcome.as_ref().err()))
    }

    /// Whether nobody met more than a condition.
    fn leave_the_connection_healthy(&self) -> bool {
        self.members.iter().all(|outcome| outcome.as_ref().err().is_none_or(is_condition))
            && self.log.iter().all(Result::is_ok)
    }
}

impl Member {
    /// Applies the writes, and reserves numbers for the events.
    async fn apply(
        &self,
        connection: &mut AnyConnection,
        totals: &mut Totals,
        logged: Logged<'_>,
    ) -> Outcome {
        let mut changed = Changed::default();
        for write in &self.writes {
            if !logged.allows(write) {
                return Err(StoreError::NotLogged);
            }
            apply(connection, write, &mut changed, &mut totals.growth).await?;
        }
        let first = totals.events + 1;
        totals.events += i64::try_from(self.events.len()).unwrap_or(i64::MAX);
        let any = !self.events.is_empty();
        Ok(Committed {
            first_event: any.then_some(first),
            last_event: any.then_some(totals.events),
        })
    }
}

/// Whether the caller, not the database, is told something by this.
fn is_condition(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Exists { .. }
            | StoreError::Missing { .. }
            | StoreError::SameFile
            | StoreError::FileExists { .. }
            | StoreError::OriginBound { .. }
            | StoreError::TagTaken { .. }
            | StoreError::MissingReference { .. }
            | StoreError::NotLogged
            | StoreError::InUse
    )
}

/// The running totals, as of the transaction that has locked them.
#[derive(Debug, Clone, Copy)]
struct Totals {
    events_before: i64,
    events: i64,
    growth: Growth,
}

impl Totals {
    /// An update that changes nothing: the one lock on a row that both databases have words for.
    async fn lock(connection: &mut AnyConnection) -> Result<Self, StoreError> {
        let row = sqlx::query("UPDATE totals SET events = events WHERE id = 1 RETURNING events")
            .fetch_one(connection)
            .await?;
        let events = row.try_get(0)?;
        Ok(Self { events_before: events, events, growth: Growth::default() })
    }

    /// Records the events of all members that succeeded, and saves the totals.
    async fn record(
        self,
        connection: &mut AnyConnection,
        group: &Group,
        outcomes: &[Outcome],
    ) -> Result<(), StoreError> {
        let done = group.members.iter().zip(outcomes).filter(|(_, outcome)| outcome.is_ok());
        let recorded: Vec<_> = done.flat_map(|(member, _)| &member.events).collect();
        events::append(connection, self.events_before + 1, &recorded).await?;
        self.save(connection).await
    }

    async fn save(&self, connection: &mut AnyConnection) -> Result<(), StoreError> {
        if self.events == self.events_before && self.growth == Growth::default() {
            return Ok(());
        }
        sqlx::query(
            "UPDATE totals SET events = $1, packages = packages + $2, files = files + $3,
             bytes = bytes + $4 WHERE id = 1",
        )
        .bind(self.events)
        .bind(self.growth.packages)
        .bind(self.growth.files)
        .bind(self.growth.bytes)
        .execute(connection)
        .await?;
        Ok(())
    }
}
