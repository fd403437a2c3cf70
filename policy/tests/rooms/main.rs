//! Promises about power levels and settings of a room, over random rooms of old and new versions: what is carried out leaves
//! nothing to do, the bot keeps what it needs, and what is none of the policy's business stays as it was.

mod explained;
mod given;
mod guarded;
mod levels;
mod lost_edits;
mod power;
mod random;
mod settings;
mod size;
mod text;
mod users_default;
