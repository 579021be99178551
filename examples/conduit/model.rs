pub mod articles;
pub mod comments;
pub mod faults;
pub mod profiles;
pub mod tokens;
pub mod users;
pub mod visitor;
