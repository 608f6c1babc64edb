//! Proposals: taken in, decided, and turned into versions of the policy.

use chrono::{DateTime, TimeDelta, Utc};
use domain::access::Role;
use domain::git::change::skill_of_pack;
use domain::policy;
use domain::problem::Problem;
use domain::proposal::{self, AGENT, Draft, Health, Kind, MAX_PENDING, Proposal, State, Verdict};

use super::{Core, Principal};
use crate::ports::Db;
use crate::sandbox::store::{policies, proposals};

/// Most proposals in an hour.
const MAX_AN_HOUR: u64 = 60;

impl<D: Db> Core<D> {
    /// An agent proposes, with the key that the container's programs hold. It may do
    /// nothing else.
    ///
    /// # Errors
    /// 401 for a wrong key, 422 for a bad draft, 429 for too many.
    pub fn propose_as_agent(
        &mut self,
        key: &str,
        draft: Draft,
        now: DateTime<Utc>,
    ) -> Result<Proposal, Problem> {
        self.check_agent(key, now)?;
        self.propose(AGENT, draft, now)
    }

    /// A proposal that an agent asks about.
    ///
    /// # Errors
    /// 401 for a wrong key, 404 when there is none.
    pub fn proposal_for_agent(
        &mut self,
        key: &str,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<Proposal, Problem> {
        self.check_agent(key, now)?;
        self.proposal(id, now)
    }

    fn check_agent(&mut self, key: &str, now: DateTime<Utc>) -> Result<(), Problem> {
        if self.is_model_key(key) {
            return Ok(());
        }
        self.note_refusal(domain::wire::init::GOVERNANCE_HOST, now)?;
        Err(Problem::unauthenticated(
            "The key is not that of the running container.",
        ))
    }

    /// Takes a proposal in: refused, waiting, or applied at once.
    ///
    /// # Errors
    /// 422 for a bad draft, 429 when too many were made or wait.
    pub fn propose(
        &mut self,
        author: &str,
        draft: Draft,
        now: DateTime<Utc>,
    ) -> Result<Proposal, Problem> {
        proposal::check(&draft).map_err(Problem::fields)?;
        let (recent, waiting) = proposals::counts(&self.db, now - TimeDelta::hours(1), now)?;
        if recent >= MAX_AN_HOUR || waiting >= MAX_PENDING {
            let detail = "Too many proposals were made or wait for a decision; try again later.";
            return Err(Problem::too_many(detail).with_retry_after(3_600));
        }
        let verdict = proposal::judge(&self.newest.document, &draft, now);
        let mut proposal = Proposal {
            id: proposals::next_id(&self.db)?,
            draft,
            author: author.to_owned(),
            created_at: now,
            expires_at: proposal::expiry(&self.newest.document, now),
            state: State::Pending,
            detail: None,
            decided_by: None,
            decided_at: None,
            before_hash: None,
            after_hash: None,
            policy_version: None,
            generation_before: None,
            generation_after: None,
            health: None,
            pull_request: None,
        };
        let detail = format!(
            "{}: {} {}",
            proposal.id, proposal.draft.target, proposal.draft.reason
        );
        self.note(author, "proposal.made", &detail, now)?;
        match verdict {
            Verdict::Review => {}
            Verdict::Refuse(why) => {
                self.note(
                    super::GATEWAY,
                    "proposal.refused",
                    &format!("{}: {why}", proposal.id),
                    now,
                )?;
                proposal.state = State::Refused;
                proposal.detail = Some(why);
            }
            // Under an OpenClaw that nobody knows it waits, like an edit.
            Verdict::Apply(_) if self.skew().is_some() => {}
            Verdict::Apply(document) => {
                self.apply(&mut proposal, *document, author, State::Applied, now)?
            }
            Verdict::CarryOut => {
                self.order(&proposal, now)?;
                proposal.state = State::Applied;
            }
        }
        proposals::save(&self.db, &proposal)?;
        self.propose_to_repository(&proposal, now)?;
        self.announce();
        Ok(proposal)
    }

    /// Decides a proposal, once. What allows more takes an admin to approve.
    ///
    /// # Errors
    /// 404, 403 or 409, see [`proposal::may_decide`]; 422 when it does not fit the
    /// policy of today any more.
    pub fn decide_proposal(
        &mut self,
        who: &Principal,
        id: &str,
        approve: bool,
        note: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<Proposal, Problem> {
        who.require(Role::Operator)?;
        if !who.is_person() {
            return Err(Problem::forbidden("Proposals are decided by a person."));
        }
        let mut found = self.proposal(id, now)?;
        proposal::may_decide(&self.newest.document, &found, &who.subject, now)?;
        found.health = None;
        if approve && skill_of_pack(&found.draft).is_some() {
            let at = found.pull_request.as_deref().unwrap_or("being made");
            return Err(Problem::conflict(format!(
                "A skill of a pack is decided where its pull request is: {at}."
            )));
        }
        if approve && found.draft.kind != Kind::ConfigKey {
            // The policy may have become stricter since it was proposed.
            if let Verdict::Refuse(why) = proposal::judge(&self.newest.document, &found.draft, now)
            {
                return Err(Problem::conflict(why));
            }
            self.order(&found, now)?;
            found.state = State::Approved;
        } else if approve {
            let next = proposal::changed(&self.newest.document, &found.draft, now)?;
            if proposal::loosens(&self.newest.document, &next) {
                who.require(Role::Admin)?;
            }
            self.apply(&mut found, next, &who.subject, State::Approved, now)?;
        } else {
            found.state = State::Rejected;
        }
        found.detail = note;
        found.decided_by = Some(who.subject.clone());
        found.decided_at = Some(now);
        let action = if approve {
            "proposal.approved"
        } else {
            "proposal.rejected"
        };
        self.note(&who.subject, action, id, now)?;
        proposals::save(&self.db, &found)?;
        if !approve {
            self.look_at_pull_of(id, now)?;
        }
        self.proposal(id, now)
    }

    /// A proposal as it stands, with how OpenClaw lives with it.
    ///
    /// # Errors
    /// 404 when there is none.
    pub fn proposal(&self, id: &str, now: DateTime<Utc>) -> Result<Proposal, Problem> {
        let found = proposals::get(&self.db, id)?
            .ok_or_else(|| Problem::not_found("There is no such proposal."))?;
        self.as_it_stands(found, now)
    }

    /// The same for one that was read.
    ///
    /// # Errors
    /// When the database fails.
    pub fn as_it_stands(
        &self,
        mut found: Proposal,
        now: DateTime<Utc>,
    ) -> Result<Proposal, Problem> {
        found.state = proposal::state_at(&found, now);
        let is_order = found.draft.kind != Kind::ConfigKey && skill_of_pack(&found.draft).is_none();
        if is_order && matches!(found.state, State::Approved | State::Applied) {
            found.health = found.health.or(Some(Health::Unknown));
        }
        if let Some(version) = found.policy_version {
            let failed =
                policies::get(&self.db, version)?.is_some_and(|p| p.version.failure.is_some());
            let good = self
                .tracking
                .good
                .as_ref()
                .is_some_and(|good| good.version >= version);
            found.health = Some(match (failed, good) {
                (true, _) => Health::Failed,
                (false, true) => Health::Healthy,
                (false, false) => Health::Unknown,
            });
        }
        Ok(found)
    }

    fn apply(
        &mut self,
        proposal: &mut Proposal,
        document: policy::Policy,
        author: &str,
        state: State,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let note = format!(
            "Proposal {} by {}: {}",
            proposal.id, proposal.author, proposal.draft.reason
        );
        proposal.before_hash = Some(self.newest.hash.clone());
        let note: String = note.chars().take(500).collect();
        let saved = self.save_policy(document, author, Some(&note), now)?;
        let version = saved.version;
        proposal.after_hash = Some(saved.hash.clone());
        proposal.policy_version = Some(version);
        proposal.generation_before = self.newest_generation()?;
        self.await_generation_of_version(&proposal.id, version, now)?;
        proposal.state = state;
        Ok(())
    }
}
