//! What a broker shall hold, with the secrets joined in.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::live::{Bytes, Login, Object, ObjectId, ObjectType, PasswordHash, VhostMetadata};

use super::super::MissingSecret;

/// What the broker of a cluster shall hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holding {
    /// The objects, by name.
    pub objects: BTreeMap<ObjectId, Result<WantedObject, MissingSecret>>,
    /// The types whose unnamed objects are removed.
    pub prune: BTreeSet<ObjectType>,
    /// What opens the management API, if it is there.
    pub login: Option<Login>,
}

/// One object as it shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedObject {
    /// The object.
    pub body: WantedBody,
    /// What is shown of a parameter: placeholders stand where its secrets are.
    pub shown: Option<Value>,
}

/// What an object shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedBody {
    /// A virtual host: what is not said is left as it is.
    Vhost(VhostMetadata),
    /// A user.
    User {
        /// Its tags.
        tags: BTreeSet<String>,
        /// Its password.
        password: WantedPassword,
    },
    /// Any other object, whole.
    Whole(Object),
}

/// What the password of a user shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedPassword {
    /// It is left as it is; a new user has none.
    Any,
    /// This one.
    Plain {
        /// The password.
        text: Bytes,
        /// The salt of its hash, should one have to be made.
        salt: [u8; 4],
    },
    /// The one that has this hash.
    Hash(PasswordHash),
}
