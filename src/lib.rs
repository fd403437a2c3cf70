pub mod cli {
    pub mod config;
    pub mod registration;
}
pub mod config;
