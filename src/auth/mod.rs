//! Getting in: what registries ask for, what users show them, and where it may go.

pub mod challenge;
pub mod credentials;
pub mod realm;
pub mod scope;
pub(crate) mod tokens;

pub use challenge::{Bearer, Challenge};
pub use credentials::{Credentials, Secret};
pub use realm::TrustedRealms;
pub use scope::{ParseScopeError, Scope};
