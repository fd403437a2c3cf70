//! Messages about held plans that the bot posted in the Staff room.

use serde_json::Value;

use super::Store;
use super::nul::WithoutNul;

text_enum! {
    /// What became of a posted held plan.
    pub enum HeldPostState {
        Open = "open",
        Dismissed = "dismissed",
        /// Somebody approved it, and it is carried out.
        Deciding = "deciding",
        Decided = "decided",
        /// A newer post stands for what is held.
        Superseded = "superseded",
        /// Nothing is held any more.
        Gone = "gone",
    }
}

impl HeldPostState {
    /// States in which a post stands for what is held now.
    pub const UNDECIDED: [Self; 2] = [Self::Open, Self::Dismissed];
    /// States in which what a post showed can be approved, as far as it is held still.
    pub const APPROVABLE: [Self; 3] = [Self::Open, Self::Dismissed, Self::Superseded];
}

/// A posted held plan.
#[derive(Clone, Debug)]
pub struct HeldPost {
    pub id: i64,
    /// What it shows, by its whole id.
    pub held_id: String,
    /// What it showed before its last edit; shows still, where that was not sent.
    pub shown_before: Option<String>,
    /// How often it was edited to show something else, and whether Synapse has taken the last edit.
    pub edits: i64,
    pub edit_sent: bool,
    /// Seconds since it was noted, since its last edit, and since its state changed.
    pub age: f64,
    pub edited_ago: Option<f64>,
    pub changed_ago: f64,
    /// Seconds since the edit before the last, where it was sent: since then it showed what `shown_before` says.
    pub edited_before_ago: Option<f64>,
    /// Where it is posted.
    pub room_id: String,
    pub event_id: Option<String>,
    /// Whether the reactions to tap on are there, too.
    pub reactions_sent: bool,
    pub shown: Value,
    /// The rest of the list, for its thread.
    pub pages: Value,
    pub offers_approval: bool,
    pub state: HeldPostState,
}

/// What a post shows.
#[derive(Clone, Debug)]
pub struct HeldPostContent<'a> {
    pub held_id: &'a str,
    pub shown: &'a Value,
    pub pages: &'a Value,
    pub offers_approval: bool,
}

impl HeldPost {
    /// Whether it can be decided.
    pub fn is_undecided(&self) -> bool {
        HeldPostState::UNDECIDED.contains(&self.state)
    }
}

/// A statement that answers with whole posts: what comes before their columns, what after, and its values.
macro_rules! held_posts {
    ($before:literal, $after:literal $(, $value:expr)* $(,)?) => {
        sqlx::query_as!(
            HeldPost,
            $before
                + r#" id, held_id, shown_before, extract(epoch FROM now() - created_at)::float8 AS "age!",
                extract(epoch FROM now() - edited_at)::float8 AS edited_ago,
                extract(epoch FROM now() - changed_at)::float8 AS "changed_ago!",
                extract(epoch FROM now() - edited_before)::float8 AS edited_before_ago,
                edits, edit_sent, room_id, event_id, reactions_sent, shown,
                pages, offers_approval, state AS "state: HeldPostState""#
                + $after
            $(, $value)*
        )
    };
}

impl Store {
    /// The newest post of a held plan.
    pub async fn newest_held_post(&self) -> sqlx::Result<Option<HeldPost>> {
        held_posts!("SELECT", " FROM provisioner.held_posts ORDER BY id DESC LIMIT 1").fetch_optional(&self.pool).await
    }

    /// The post with this event.
    pub async fn held_post(&self, event_id: &str) -> sqlx::Result<Option<HeldPost>> {
        // Named by a reaction. No event of ours has the id that this becomes.
        let event_id = event_id.without_nul();
        held_posts!("SELECT", " FROM provisioner.held_posts WHERE event_id = $1", &*event_id)
            .fetch_optional(&self.pool)
            .await
    }

    /// Posts before this one that stand for what is held still, the oldest first.
    pub async fn undecided_held_posts_before(&self, id: i64) -> sqlx::Result<Vec<HeldPost>> {
        held_posts!(
            "SELECT",
            " FROM provisioner.held_posts WHERE id < $1 AND state IN ('open', 'dismissed') ORDER BY id",
            id,
        )
        .fetch_all(&self.pool)
        .await
    }

    /// Posts whose decision is under way.
    pub async fn deciding_held_posts(&self) -> sqlx::Result<Vec<HeldPost>> {
        held_posts!("SELECT", " FROM provisioner.held_posts WHERE state = 'deciding' ORDER BY id")
            .fetch_all(&self.pool)
            .await
    }

    /// Notes a post that is about to be sent.
    pub async fn add_held_post(&self, room_id: &str, content: HeldPostContent<'_>) -> sqlx::Result<HeldPost> {
        let HeldPostContent { held_id, shown, pages, offers_approval } = content;
        let (shown, pages) = (shown.without_nul(), pages.without_nul());
        held_posts!(
            "INSERT INTO provisioner.held_posts (held_id, room_id, shown, pages, offers_approval)
             VALUES ($1, $2, $3, $4, $5) RETURNING",
            "",
            held_id,
            room_id,
            &*shown,
            &*pages,
            offers_approval,
        )
        .fetch_one(&self.pool)
        .await
    }

    /// Notes what an open post is about to show instead. Nothing where it was decided meanwhile.
    pub async fn change_held_post_content(
        &self,
        id: i64,
        content: HeldPostContent<'_>,
    ) -> sqlx::Result<Option<HeldPost>> {
        let HeldPostContent { held_id, shown, pages, offers_approval } = content;
        let (shown, pages) = (shown.without_nul(), pages.without_nul());
        held_posts!(
            "UPDATE provisioner.held_posts
             SET shown_before = CASE WHEN edit_sent THEN held_id ELSE shown_before END,
                 edited_before = CASE WHEN edit_sent THEN edited_at END, edited_at = now(), edits = edits + 1,
                 edit_sent = false, held_id = $2, shown = $3, pages = $4, offers_approval = $5
             WHERE id = $1 AND state = 'open' RETURNING",
            "",
            id,
            held_id,
            &*shown,
            &*pages,
            offers_approval,
        )
        .fetch_optional(&self.pool)
        .await
    }

    /// Notes that a post was sent.
    pub async fn note_held_post_sent(&self, id: i64, event_id: &str) -> sqlx::Result<()> {
        self.run(sqlx::query!("UPDATE provisioner.held_posts SET event_id = $2 WHERE id = $1", id, event_id)).await
    }

    /// Notes that a post shows what this edit says.
    pub async fn note_held_post_edited(&self, id: i64, edits: i64) -> sqlx::Result<()> {
        self.run(sqlx::query!(
            "UPDATE provisioner.held_posts SET edit_sent = true, edited_at = now() WHERE id = $1 AND edits = $2",
            id,
            edits,
        ))
        .await
    }

    /// Notes that the reactions to a post were sent.
    pub async fn note_held_post_reactions(&self, id: i64) -> sqlx::Result<()> {
        self.run(sqlx::query!("UPDATE provisioner.held_posts SET reactions_sent = true WHERE id = $1", id)).await
    }

    /// Moves a post from one of these states to another. False where it was in none of them: it was decided meanwhile.
    pub async fn change_held_post(&self, id: i64, from: &[HeldPostState], to: HeldPostState) -> sqlx::Result<bool> {
        let from: Vec<String> = from.iter().map(|state| state.as_str().to_owned()).collect();
        let changed = sqlx::query!(
            "UPDATE provisioner.held_posts SET state = $3, changed_at = now() WHERE id = $1 AND state = ANY($2)",
            id,
            &from,
            to.as_str(),
        )
        .execute(&self.pool)
        .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// Notes that somebody said no to what an open post shows. False where it shows something else by now, or is not open.
    pub async fn dismiss_held_post(&self, id: i64, held_id: &str) -> sqlx::Result<bool> {
        let dismissed = sqlx::query!(
            "UPDATE provisioner.held_posts SET state = 'dismissed', changed_at = now()
             WHERE id = $1 AND held_id = $2 AND state = 'open'",
            id,
            held_id,
        )
        .execute(&self.pool)
        .await?;
        Ok(dismissed.rows_affected() > 0)
    }
}
