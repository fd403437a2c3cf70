//! Every page of the repository: what it links to and what it names is there, and what is made from the code is up to date.

mod commands;
mod keys;
mod links;
mod page;
