//! What the core plans, says and remembers, area by area. What brakes it is tested in `guard/`, what levels and settings of rooms cost in
//! `rooms/`, and that judging a few is as good as judging everybody in `incremental/`.

mod accounts;
mod admins;
mod backgrounds;
mod done;
mod emptied_teams;
mod fights;
mod follow;
mod groups;
mod kept;
mod kinds;
mod leaves;
mod obstacles;
mod planner;
mod profiles;
mod promises;
mod returns;
