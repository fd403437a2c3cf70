//! Pictures that a source names: what an address means, and fetching one from where that is allowed.
//!
//! Editors of the source's tables choose these addresses. So a picture is fetched from a host that the configuration
//! names, at a public address, once and without following anything, within seconds and a size; and what comes is believed to be a
//! picture by its first bytes alone. Nothing is decoded. Whose picture it is, and whether it is given, is decided elsewhere.

mod address;
mod fetch;
mod format;
mod named;

pub use address::is_public;
pub use fetch::{FetchError, FetchedPicture, LookUp, LookupAnswer, PictureFetcher, Surroundings};
pub use format::PictureFormat;
pub use named::{NamedPicture, PictureNames, RemotePicture};
