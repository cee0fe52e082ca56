//! Which content of a repository belongs together, for those who copy or delete it.
//!
//! | what | where |
//! | --- | --- |
//! | every manifest that some roots reach, each after what it lists | [`walk`] |
//! | what a tag says by its form, and which tags go along with another | [`names`] |
//! | which snapshots are kept | [`retention`] |

pub mod names;
pub mod retention;
pub mod walk;
